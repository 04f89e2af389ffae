"""`make test` and its parts: each stage sets up what it needs, runs, and is timed.

All stages run even if an earlier one failed, so that one run tells everything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

console = Console(soft_wrap=True)


def run(*command: str | Path, **environment: str) -> bool:
    """Run a program in the repository's root; True if it succeeded."""
    told = [Path(command[0]).name, *map(str, command[1:])]
    console.rule(f"[dim]{' '.join(told)}")
    result = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env={**os.environ, **environment}, check=False
    )
    return result.returncode == 0


def pytest(*arguments: str, **environment: str) -> bool:
    """Run pytest; a selection that is empty counts as a failure."""
    return run(BIN / "python", "-m", "pytest", "-q", "--durations=5", *arguments, **environment)


def lint() -> bool:
    """Style, types, import contracts, generated documents; the slow ones side by side."""
    pyright = [BIN / "pyright", "--pythonpath", BIN / "python"]
    commands = [
        pyright,
        [*pyright, "-p", "tests"],
        [BIN / "ruff", "check"],
        [BIN / "ruff", "format", "--check"],
        [BIN / "lint-imports"],
        [BIN / "python", "-m", "dev.docs", "--check"],
    ]
    with ThreadPoolExecutor(2) as threads:
        return all([*threads.map(lambda command: run(*command), commands)])


IN_PARALLEL = ("-n", "logical", "--dist", "worksteal")
FUZZ = "tests/unit/fuzz"
BYTECODE = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(sys.prefix) / "bytecode"),
}
"""Keeps compiled modules beside the packages, not in the tree: each process would compile hundreds
anew, tests with what pytest adds to their asserts."""


def unit() -> bool:
    """Tests without a cluster, on all cores; those of PostgreSQL where it can be had."""
    from dev import postgresql
    from dev.cluster.errors import ClusterError

    try:
        postgresql.programs()  # installed before several processes look for it
    except ClusterError as error:
        _note(f"{error}: its tests are skipped")
    return pytest("tests/unit", "--ignore", FUZZ, *IN_PARALLEL, **BYTECODE)


def fuzz() -> bool:
    """Generated names, forms and requests, and loads; the summary says how many."""
    return pytest(FUZZ, *IN_PARALLEL, **BYTECODE)


def pages() -> bool:
    """Every page in every state, in Chromium, without a cluster."""
    from dev import chromium

    chromium.executable()  # before several processes look for it
    return pytest("tests/pages", *IN_PARALLEL, **BYTECODE)


def charts() -> bool:
    """Charts rendered by the real Helm and validated."""
    from dev.cluster import binaries
    from dev.cluster.paths import Layout

    built = binaries.build(Layout.default(), _note)
    return pytest("tests/charts", *IN_PARALLEL, HELM_BIN=str(built / "helm"))


def _note(note: str) -> None:
    console.print(f"[dim]{note}")


def _demo_environment() -> dict[str, str]:
    from dev import demo

    running = demo.ensure()
    return {
        "KUBECONFIG": str(running.kubeconfig),
        "HELM_BIN": str(running.binaries / "helm"),
        "PORTAL_URL": running.url,
        "PATH": f"{running.binaries}{os.pathsep}{os.environ['PATH']}",
    }


def cluster() -> bool:
    """The charts, watches and actions on the real cluster."""
    from dev.cluster import binaries
    from dev.cluster.paths import Layout
    from dev.hpa_oracle import build
    from dev.oauth2_proxy import build as oauth2_proxy
    from dev.oidc_provider.build import build as oidc_provider

    environment = _demo_environment()
    # Some releases that people bring along were installed by it.
    environment["HELM3_BIN"] = str(binaries.helm3(Layout.default(), _note))
    environment["HPA_ORACLE"] = str(build.build(Layout.default(), _note, build.LATEST))
    environment["OIDC_PROVIDER"] = str(oidc_provider(Layout.default(), _note))
    environment["OAUTH2_PROXY"] = str(oauth2_proxy.build(Layout.default(), _note))
    environment["REDIS_SERVER"] = str(oauth2_proxy.redis(Layout.default(), _note))
    return pytest("tests/cluster", "-m", "cluster and not lifecycle", **environment)


def oracle() -> bool:
    """The autoscaling engine against the real controller: 100,000 cases for each minor version."""
    return run(BIN / "python", "-m", "dev.hpa_oracle")


def images() -> bool:
    """Images as people bring them, launched on the real cluster."""
    return pytest("tests/images/test_corpus.py", **_demo_environment())


def frameworks() -> bool:
    """Real Streamlit, Gradio, Panel, Shiny and Jupyter images; needs a package index."""
    return pytest("tests/images/test_frameworks.py", FRAMEWORKS="1", **_demo_environment())


def scalers() -> bool:
    """The real KEDA and VerticalPodAutoscaler, built from their modules, on the real cluster."""
    from dev.cluster.paths import Layout
    from dev.scalers.build import KEDA, VPA, build

    environment = _demo_environment()
    environment["KEDA_PROGRAMS"] = str(build(Layout.default(), _note, KEDA))
    environment["VPA_PROGRAMS"] = str(build(Layout.default(), _note, VPA))
    return pytest("tests/cluster/test_real_scalers.py", "-m", "scalers", **environment)


def browser() -> bool:
    """User journeys in Chromium against the portal that runs in the cluster."""
    return pytest("tests/browser", **_demo_environment())


def lifecycle() -> bool:
    """The local cluster survives a kill and leaves nothing behind. Leaves it down."""
    from dev.cluster import choose, cli
    from dev.cluster.paths import Layout

    if choose.recorded(Layout.default()) is choose.How.KIND:
        console.print("skipped: these are about the local cluster, and there is one of kind's")
        return True
    # What the tests expect to find: the programs and the system's packages.
    return cli.main(["up", "--how", "local"]) == 0 and pytest("tests/cluster", "-m", "lifecycle")


STAGES: dict[str, Callable[[], bool]] = {
    stage.__name__: stage
    for stage in (lint, unit, fuzz, pages, charts, cluster, images, browser, lifecycle)
}
"""The stages of `make test`, in their order."""
APART: dict[str, Callable[[], bool]] = {
    stage.__name__: stage for stage in (frameworks, oracle, scalers)
}
"""Stages that only run by name."""


BESIDE = ("fuzz",)
"""Stages that need processors alone. `cluster` and those after it mostly wait, and leave them."""


IDLE = "--idle"


class Done(NamedTuple):
    """How a stage ended, what it printed if that has not been shown, and the seconds it took."""

    passed: bool
    seconds: float
    printed: str = ""


def main(names: list[str]) -> int:
    """Run the named stages, or all of them; 0 if all passed. After ``IDLE`` others go first."""
    if names[:1] == [IDLE]:
        names = names[1:]
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    chosen = list(STAGES) if names in ([], ["all"]) else names
    beside = [name for name in chosen if name in BESIDE] if "cluster" in chosen else []
    done: dict[str, Done] = {}
    with ThreadPoolExecutor(1) as lane:
        waiting: dict[str, Future[Done]] = {}
        for name in chosen:
            if name == "cluster":
                _set_up()
                waiting = {each: lane.submit(_low_priority, each) for each in beside}
            if name not in beside:
                done[name] = _timed(name)
        for name, future in waiting.items():
            done[name] = future.result()
            print(done[name].printed, flush=True)
    table = Table("stage", "result", "time", title="make test")
    for name in chosen:
        passed, seconds, _ = done[name]
        note = ", beside others" if name in beside else ""
        table.add_row(name, "[green]passed" if passed else "[red]failed", f"{seconds:.0f} s{note}")
    console.print(table)
    return 0 if all(each.passed for each in done.values()) else 1


def _timed(name: str) -> Done:
    started = time.monotonic()
    try:
        passed = (STAGES | APART)[name]()
    except Exception:  # a stage that cannot be set up must not hide the others
        console.print_exception()
        passed = False
    return Done(passed, time.monotonic() - started)


def _set_up() -> None:
    """Have ready what two stages at once would build; the stage tells what could not be had."""
    with suppress(Exception):
        _demo_environment()


def _low_priority(name: str) -> Done:
    """Run a stage with what the others leave of the processors."""
    started = time.monotonic()
    command = [sys.executable, "-m", "dev.check", IDLE, name]
    result = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return Done(result.returncode == 0, time.monotonic() - started, result.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
