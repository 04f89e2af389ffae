"""The two images everything else stands on: pause, and a Debian with Python."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from dev.cluster import registry, settings
from dev.cluster.context import LABEL
from dev.cluster.images import Note, buildah, push
from dev.cluster.packages import which
from dev.cluster.paths import Layout
from dev.cluster.run import run

SUITE = "bookworm"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
#: Raised when the recipe changes.
RECIPE = "1"
#: Nothing a container needs, and a good part of the size.
SURPLUS = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "var/lib/apt/lists",
    "var/cache/apt",
    "var/cache/debconf",
    "var/log",
)


def mirror(index_targets: str) -> list[str]:
    """The Debian mirror this machine's apt uses for the suite, from ``apt-get indextargets``.

    Empty where apt has none of the suite: debootstrap then takes its own default.
    Lines are ``URI SUITE COMPONENT``; security and update suites have names of their own.
    """
    for line in index_targets.splitlines():
        words = line.split()
        if len(words) == 3 and words[1:] == [SUITE, "main"]:
            return [words[0]]
    return []


def pause(layout: Layout, bins: Path, note: Note) -> None:
    """Have the pause image in the registry."""
    tag = settings.PAUSE_IMAGE
    if registry.digest(tag) is not None:
        note("cached")
        return
    context = layout.state / "pause"
    context.mkdir(parents=True, exist_ok=True)
    shutil.copy2(bins / "pause", context / "pause")
    dockerfile = context / "Dockerfile"
    dockerfile.write_text('FROM scratch\nCOPY pause /pause\nUSER 65535\nENTRYPOINT ["/pause"]\n')
    log = layout.cache_logs / "image-pause.log"
    argv = [*buildah(layout), "bud", "--isolation", "chroot", "-t", tag, "-f", dockerfile, context]
    run(argv, what="building the pause image", log=log)
    push(layout, tag, log)


def rootfs(layout: Layout, note: Note) -> Path:
    """A Debian with Python in a directory of the cache, made by debootstrap unless it is there.

    Needs neither the cluster nor its registry, so it can go on beside the Go build.
    """
    target = layout.cache / "images" / f"python-base-{SUITE}-{RECIPE}"
    if target.exists() or (_stored(layout).exists() and _pushed(layout).exists()):
        note("cached")
        return target
    partial = target.with_name(f"{target.name}.partial")
    # An interrupted debootstrap leaves proc mounted in there.
    for mount in ("proc", "sys", "dev/pts", "dev/shm"):
        argv = ["umount", "-l", partial / mount]
        run(argv, what="umount", check=False)
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    targets = run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        what="apt-get indextargets",
        check=False,
    )
    log = layout.cache_logs / "debootstrap.log"

    def follow(line: str) -> None:
        if line.startswith("I: "):
            note(re.sub(r"\.\.\.$", "", line[3:])[:60])

    run(
        [
            which("debootstrap") or "debootstrap",
            "--variant=minbase",
            f"--include={PACKAGES}",
            SUITE,
            partial,
            *mirror(targets),
        ],
        what="debootstrap",
        log=log,
        hint="is Debian's mirror reachable (apt-get update)? running it again starts it afresh",
        on_line=follow,
    )
    for surplus in SURPLUS:
        shutil.rmtree(partial / surplus, ignore_errors=True)
        (partial / surplus).mkdir(parents=True)
    for compiled in (partial / "usr/lib").rglob("__pycache__"):
        shutil.rmtree(compiled, ignore_errors=True)
    partial.rename(target)
    return target


def python_base(layout: Layout, note: Note) -> None:
    """Have the Python base image in the registry."""
    tag = settings.PYTHON_BASE_IMAGE
    if registry.labels(tag).get(LABEL) == RECIPE:
        note("cached")
        return
    _pushed(layout).unlink(missing_ok=True)
    source = rootfs(layout, note)
    note("committing")
    log = layout.cache_logs / "image-python-base.log"
    tool = buildah(layout)
    what = "making the Python base image"
    container = run([*tool, "from", "scratch"], what=what).strip()
    try:
        run([*tool, "add", container, source, "/"], what=what, log=log)
        config = ["--label", f"{LABEL}={RECIPE}", "--cmd", "python3", "--env", "LANG=C.UTF-8"]
        run([*tool, "config", *config, container], what=what, log=log)
        run([*tool, "commit", container, tag], what=what, log=log)
    finally:
        run([*tool, "rm", container], what=what, log=log, check=False)
    push(layout, tag, log)
    # The registry's storage, itself in the cache, has it from now on.
    _pushed(layout).touch()
    shutil.rmtree(source, ignore_errors=True)


def _pushed(layout: Layout) -> Path:
    """Tells, before the registry runs, that it has the image of this recipe."""
    return layout.cache / "images" / f"python-base-{SUITE}-{RECIPE}.pushed"


def _stored(layout: Layout) -> Path:
    """Return the image's folder in the registry's storage."""
    name, tag = registry.split(settings.PYTHON_BASE_IMAGE)
    repository = layout.registry_data / "docker/registry/v2/repositories" / name
    return repository / "_manifests/tags" / tag / "current/link"
