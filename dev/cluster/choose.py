"""Which of the three ways to a cluster is taken. Pure: the facts are gathered by ``look``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout

CONFIRM_ENV = "DASH_PORTAL_USE_KUBECONFIG"


class How(Enum):
    """A way to a cluster."""

    KUBECONFIG = "kubeconfig"
    KIND = "kind"
    LOCAL = "local"


@dataclass(frozen=True)
class Machine:
    """The facts that the choice depends on."""

    kubeconfig: str | None
    """``KUBECONFIG`` of the environment, unless it is the one this package wrote."""
    docker_engine: bool
    kind: bool
    linux: bool
    root: bool


WAYS = """there are three ways to a cluster:
  1. your own: export KUBECONFIG=/path/to/config, then `python -m dev.cluster up` (it asks before
     touching it); `make demo` refuses it: docs/install.md tells how to install into it
  2. kind: start a Docker engine and put `kind` and `kubectl` on the PATH
  3. local: on Linux, run this as root (sudo); needs no Docker
`make demo` takes 2 or 3"""


def choose(machine: Machine, forced: How | None = None) -> How:
    """The way to take; raises when none is open, or when the forced one is not."""
    if forced is How.KUBECONFIG and machine.kubeconfig is None:
        raise ClusterError("--how kubeconfig, but KUBECONFIG is not set", hint=WAYS)
    if forced is How.KIND and not (machine.docker_engine and machine.kind):
        missing = "no Docker engine answers" if not machine.docker_engine else "no `kind` on PATH"
        raise ClusterError(f"--how kind, but {missing}", hint=WAYS)
    if forced is How.LOCAL and not (machine.linux and machine.root):
        raise ClusterError("--how local needs Linux and root", hint=WAYS)
    if forced is not None:
        return forced
    if machine.kubeconfig is not None:
        return How.KUBECONFIG
    if machine.docker_engine and machine.kind:
        return How.KIND
    if machine.linux and machine.root:
        return How.LOCAL
    raise ClusterError("no way to a Kubernetes cluster is open here", hint=WAYS)


def take(machine: Machine, forced: How | None, recorded: How | None) -> How:
    """The way ``up`` takes, given the way of the cluster that is there.

    A cluster made here is gone on with. One that was only used once is not: which one is used is
    said by ``KUBECONFIG`` each time. Raises when the way is closed, or a cluster of another way
    is there.
    """
    made_here = recorded if recorded is not How.KUBECONFIG else None
    goes_on = made_here if machine.kubeconfig is None else None
    how = choose(machine, forced or goes_on)
    if made_here is not None and made_here is not how:
        raise ClusterError(
            f"a cluster of the {made_here.value} way is there already",
            hint="`python -m dev.cluster down` first"
            + (", or unset KUBECONFIG to use it" if how is How.KUBECONFIG else ""),
        )
    return how


def look(layout: Layout) -> Machine:
    """Gather the facts of this machine."""
    return Machine(
        kubeconfig=foreign_kubeconfig(os.environ.get("KUBECONFIG"), layout.kubeconfig),
        docker_engine=_docker_answers(),
        kind=shutil.which("kind") is not None,
        linux=sys.platform.startswith("linux"),
        root=os.geteuid() == 0,
    )


def foreign_kubeconfig(value: str | None, ours: Path) -> str | None:
    """``value`` unless it is empty or names only the kubeconfig this package writes."""
    parts = [Path(part) for part in (value or "").split(os.pathsep) if part]
    if all(part.resolve() == ours.resolve() for part in parts):
        return None
    return value


def confirmed(flag: bool, environment: str | None, answer: str | None) -> bool:
    """Return True if a cluster that this package did not create may be changed.

    ``answer`` is what the person typed, None when there is nobody to ask.
    """
    if flag or (environment or "").lower() in {"1", "yes", "true"}:
        return True
    return (answer or "").strip().lower() in {"y", "yes"}


def confirm_foreign(kubeconfig: str, *, flag: bool) -> None:
    """Ask before touching a cluster this package did not make; raises unless agreed."""
    answer = None
    if not flag and sys.stdin.isatty() and sys.stdout.isatty():
        answer = input(f"KUBECONFIG names {kubeconfig}, which was not made here. Use it? [y/N] ")
    if not confirmed(flag, os.environ.get(CONFIRM_ENV), answer):
        raise ClusterError(
            f"KUBECONFIG names {kubeconfig}, which was not made here; not touching it",
            hint=f"--use-kubeconfig or {CONFIRM_ENV}=1 to use it; unset KUBECONFIG, or --how "
            "local / --how kind, for a cluster of its own",
        )


def recorded(layout: Layout) -> How | None:
    """The way the cluster that is there was made."""
    try:
        return How(layout.how.read_text().strip())
    except (OSError, ValueError):
        return None


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())
