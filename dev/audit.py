"""Hold the lock files against the advisories of the Python Packaging Authority.

    python -m dev.audit [FOLDER]

FOLDER is a clone of github.com/pypa/advisory-database, bare or not; without one it is cloned into
the cache, or brought up to date there, which needs the internet. Exits with 1 if an advisory is
about a locked version, with 2 if there are no advisories to look at. Not a part of `make test`:
what it finds changes without a change here.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from dev.cluster.paths import Layout

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
SOURCE = "https://github.com/pypa/advisory-database"

Advisory = Mapping[str, Any]


def locked(text: str) -> dict[str, str]:
    """The versions in a lock file, by the packages' normalised names."""
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def concerns(advisory: Advisory, name: str, version: str) -> bool:
    """Return True if an advisory (OSV) concerns this version of a package."""
    if advisory.get("withdrawn"):
        return False
    for affected in advisory.get("affected") or ():
        package = affected.get("package") or {}
        if package.get("ecosystem") != "PyPI" or package.get("name", "").lower() != name:
            continue
        if version in (affected.get("versions") or ()):
            return True
        if any(_within(each, version) for each in affected.get("ranges") or ()):
            return True
    return False


def _within(span: Mapping[str, Any], version: str) -> bool:
    if span.get("type") != "ECOSYSTEM":
        return False
    inside = False
    for event in span.get("events") or ():  # in order, as the format demands
        (kind, at), *_ = event.items()
        try:
            reached = str(at) == "0" or Version(version) >= Version(str(at))
            passed = Version(version) > Version(str(at)) if kind == "last_affected" else reached
        except InvalidVersion:
            continue
        if kind == "introduced" and reached:
            inside = True
        elif kind in {"fixed", "last_affected"} and passed:
            inside = False
    return inside


def advisories(folder: Path, names: set[str]) -> Iterator[tuple[str, Advisory]]:
    """The advisories of these packages in a clone, each with the package's name."""
    listed = _git(folder, "ls-tree", "--name-only", "HEAD", "vulns/").decode().split()
    paths = [each for each in listed if each.removeprefix("vulns/") in names]
    if not paths:
        return
    packed = _git(folder, "archive", "--format=tar", "HEAD", *paths)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None and member.name.endswith((".yaml", ".json")):
                yield member.name.split("/")[1], yaml.safe_load(content)


def _git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, stdout=subprocess.PIPE
    ).stdout


def _fresh(folder: Path) -> bool:
    """Have a clone in the cache; False where the source cannot be reached."""
    if folder.exists():
        command = ["git", "-C", str(folder), "fetch", "--depth=1", "origin", "+HEAD:HEAD"]
    else:
        command = ["git", "clone", "--bare", "--depth=1", SOURCE, str(folder)]
    return subprocess.run(command, check=False, timeout=600).returncode == 0


def main(arguments: list[str]) -> int:
    """Say what is known of the locked versions."""
    folder = Path(arguments[0]) if arguments else Layout.default().cache / "advisories.git"
    if not arguments and not _fresh(folder):
        print(
            f"the advisories at {SOURCE} cannot be reached from here, so nothing was checked; with "
            "a clone from elsewhere: make audit ADVISORIES=/path/to/clone",
            file=sys.stderr,
        )
        return 2
    try:
        date = _git(folder, "log", "-1", "--format=%cs").decode().strip()
        locks = {lock: locked((ROOT / lock).read_text()) for lock in LOCKS}
        known = list(advisories(folder, {name for lock in locks.values() for name in lock}))
    except (OSError, subprocess.CalledProcessError):
        print(f"{folder} is no clone of {SOURCE}: nothing was checked", file=sys.stderr)
        return 2
    found = 0
    for lock, versions in locks.items():
        for name, advisory in known:
            if name in versions and concerns(advisory, name, versions[name]):
                found += 1
                aliases = ", ".join(advisory.get("aliases") or ())
                print(f"{lock}: {name} {versions[name]}: {advisory['id']} ({aliases})")
        print(f"{lock}: {len(versions)} packages looked at")
    print(f"{found} found, in advisories as of {date}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
