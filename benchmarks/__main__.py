"""``make bench``: run measurements on the demo's cluster and put them into RESULTS.md.

``make bench ARGS="--only NAME,NAME"`` runs some of them; a run replaces its own rows only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import audit, bring_up, flood, limits, logs, stop, weight
from benchmarks.autoscaling import live, overview, page, peers, speed, what_if
from benchmarks.inputs import index
from benchmarks.inputs import measure as inputs
from benchmarks.launching import form, many, pairs
from benchmarks.launching.ground import Ground, ground
from benchmarks.rights import launches as as_person
from benchmarks.rights import scopes
from benchmarks.scale import api_cost, list_latency, push_latency, restart, revision, soak
from benchmarks.scale.stage import Stage, stage
from benchmarks.table import Row, record, shown
from dev import demo
from dev.cluster import binaries, cli
from dev.cluster.alone import alone
from dev.cluster.paths import Layout

SCALE: dict[str, Callable[[Stage], Awaitable[list[Row]]]] = {
    "list": list_latency.measure,
    "push": push_latency.measure,
    "cost": api_cost.measure,
    "revision": revision.measure,
    "restart": restart.measure,
    "inputs": inputs.measure,
    "index": index.measure,
    "people": scopes.measure,
    "soak": soak.measure,
}
LAUNCHES: dict[str, Callable[[Ground, int], Awaitable[list[Row]]]] = {
    "launch": pairs.measure,
    "click": form.measure,
    "many": many.measure,
    "person": as_person.measure,
}
ALL = (
    "demo",
    "engine",
    "page",
    "audit",
    "flood",
    *LAUNCHES,
    "stop",
    "weight",
    "logs",
    "limits",
    *SCALE,
)


async def launches(chosen: list[str], options: argparse.Namespace, console: Console) -> list[Row]:
    """The chosen ones of ``LAUNCHES``."""
    rows: list[Row] = []
    async with ground(Path(os.environ["KUBECONFIG"]), console) as set_up:
        for name in chosen:
            console.rule(name)
            measured = await LAUNCHES[name](set_up, options.pairs)
            rows += measured
            options.keep(measured)
    return rows


async def at_scale(chosen: list[str], options: argparse.Namespace, console: Console) -> list[Row]:
    """The chosen ones of ``SCALE``; one that fails is told, and the others go on."""
    rows: list[Row] = []
    set_up_with = {"releases": options.releases, "soak_minutes": options.soak}
    async with stage(
        Path(os.environ["KUBECONFIG"]), console, pause=not options.beside_demo, **set_up_with
    ) as set_up:
        for name in chosen:
            console.rule(name)
            try:
                measured = await SCALE[name](set_up)
            except Exception:
                console.print_exception(max_frames=4)
                options.failed.append(name)
                continue
            console.print(shown(measured))
            rows += measured
            options.keep(measured)
    return rows


def chosen_of(text: str) -> list[str]:
    """The names in a comma-separated list; ``scale`` stands for all at scale."""
    names = [name for part in text.split(",") for name in (SCALE if part == "scale" else (part,))]
    unknown = set(names) - set(ALL)
    if unknown:
        raise argparse.ArgumentTypeError(f"not one of {', '.join(ALL)}, scale: {unknown}")
    return [name for name in ALL if name in names]


def _use(kubeconfig: Path, tools: Path) -> None:
    """Have helm, kubectl and kwok found, and find the cluster."""
    os.environ["KUBECONFIG"] = str(kubeconfig)
    os.environ["PATH"] = f"{tools}{os.pathsep}{os.environ['PATH']}"


def _interrupted(console: Console) -> int:
    console.print("interrupted; what was made is removed")
    return 130


def _nothing(rows: Sequence[Row]) -> None:
    """Keep no results."""


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only",
        type=chosen_of,
        default=list(ALL),
        metavar="NAME[,NAME]",
        help=f"which of {', '.join(ALL)}; scale: {', '.join(SCALE)}",
    )
    parser.add_argument(
        "--pairs", type=int, default=30, help="launches by each side, and clicks: for trying, fewer"
    )
    parser.add_argument("--releases", type=int, default=1000, help="for trying out: fewer")
    parser.add_argument("--soak", type=float, default=30, metavar="MINUTES", help="of the soak")
    parser.add_argument(
        "--minutes", type=float, default=live.MINUTES, help="of the recording of `engine`"
    )
    parser.add_argument(
        "--beside-demo",
        action="store_true",
        help="leave the demo's portal running; it watches the same cluster on the same cores",
    )
    parser.add_argument("--dry", action="store_true", help="leave RESULTS.md as it is")
    parser.add_argument(
        "--cold", action="store_true", help="also from empty caches (about a quarter of an hour)"
    )
    options = parser.parse_args()
    options.failed = []
    options.keep = _nothing if options.dry else record
    console = Console(soft_wrap=True)
    # Asked to end in whichever way, it removes what it made.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with alone(Layout.default(), "benchmark", console.print):
        return _measure(options, console)


def _measure(options: argparse.Namespace, console: Console) -> int:
    rows: list[Row] = []

    def keep(more: list[Row]) -> None:
        rows.extend(more)
        options.keep(more)

    if options.cold:
        keep([bring_up.cold()])
    if "demo" in options.only:
        keep(bring_up.warm())
    if "audit" in options.only:
        keep(asyncio.run(audit.measure()))
    if "flood" in options.only:
        keep(asyncio.run(flood.measure()))
    if "page" in options.only:
        keep(page.measure())
    if "engine" in options.only:
        running = demo.ensure()
        _use(running.kubeconfig, running.binaries)
        keep([*speed.measure(), *peers.measure(), *what_if.measure(), *overview.measure()])
        keep(asyncio.run(live.run(running.kubeconfig, options.minutes)))
    chosen = [name for name in options.only if name in LAUNCHES]
    if chosen:
        running = demo.ensure()
        _use(running.kubeconfig, running.binaries)
        try:
            rows += asyncio.run(launches(chosen, options, console))
        except KeyboardInterrupt:
            return _interrupted(console)
    if "stop" in options.only:
        running = demo.ensure()
        _use(running.kubeconfig, running.binaries)
        keep(stop.measure(running.url))
    if "weight" in options.only:
        running = demo.ensure()
        _use(running.kubeconfig, running.binaries)
        pause = not options.beside_demo
        try:
            keep(asyncio.run(weight.run(running.kubeconfig, console, pause=pause)))
        except KeyboardInterrupt:
            return _interrupted(console)
    for name, module in (("logs", logs), ("limits", limits)):
        if name in options.only:
            running = demo.ensure()
            _use(running.kubeconfig, running.binaries)
            try:
                keep(asyncio.run(module.measure(running.kubeconfig, console)))
            except KeyboardInterrupt:
                return _interrupted(console)
    scale = [name for name in options.only if name in SCALE]
    if scale:
        if cli.main(["up"]):
            return 1
        layout = Layout.default()
        _use(layout.kubeconfig, binaries.bin_dir(layout))
        try:
            rows += asyncio.run(at_scale(scale, options, console))
        except KeyboardInterrupt:
            return _interrupted(console)
    console.print(shown(rows))
    if options.failed:
        console.print(f"[red]did not run to their end: {', '.join(options.failed)}[/red]")
    return 1 if options.failed else 0


if __name__ == "__main__":
    sys.exit(main())
