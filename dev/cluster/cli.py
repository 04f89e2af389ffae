"""The command line: up, down, status, load, kubeconfig."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys

from dev.cluster import choose, images, kind, local, run
from dev.cluster.alone import alone
from dev.cluster.choose import How
from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout
from dev.cluster.progress import Steps

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = _parser().parse_args(argv)
    # Being asked to end, by whatever way, is like Ctrl-C: what was begun is ended too.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    run.bypass_proxies()
    layout = Layout.default()
    steps = Steps()
    try:
        with steps:
            return _run(args, layout, steps)
    except ClusterError as error:
        for number, line in enumerate(error.lines()):
            steps.console.print(line, style="bold red" if number == 0 else "", markup=False)
        return 1
    except KeyboardInterrupt:
        run.stop_children()
        steps.console.print("interrupted; the same command again goes on from here", style="bold")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring a cluster up (does nothing twice)")
    up.add_argument("--how", choices=[how.value for how in How], help="do not choose, take this")
    up.add_argument(
        "--use-kubeconfig",
        action="store_true",
        help="agree to use the cluster KUBECONFIG names, which was not made here",
    )
    commands.add_parser("down", help="take it down and leave nothing behind but the cache")
    commands.add_parser("status", help="what runs")
    load = commands.add_parser("load", help="put an image where the cluster finds it")
    load.add_argument("image", help="a name that buildah or docker knows, or an image archive")
    commands.add_parser("kubeconfig", help="print the path of the kubeconfig")
    return parser


def _run(args: argparse.Namespace, layout: Layout, steps: Steps) -> int:
    if args.command == "up":
        return _up(args, layout, steps)
    how = choose.recorded(layout)
    if args.command == "kubeconfig":
        print(_kubeconfig(layout, how))
        return 0
    if args.command == "status":
        return _status(layout, how)
    if args.command == "down":
        with alone(layout, "cluster", steps.console.print):
            if how is How.KIND:
                kind.down(layout, steps)
            elif how is How.KUBECONFIG:
                steps.console.print("that cluster was not made here; leaving it as it is")
                layout.how.unlink()
            else:
                local.down(layout, steps)
            with contextlib.suppress(OSError):  # gone already, or something else is in there
                layout.state.rmdir()
        return 0
    with steps.step(f"loading {args.image}") as note:
        if how is How.KIND:
            kind.load(args.image)
            name = args.image
        elif how is How.LOCAL:
            name = images.load(args.image, layout, note)
        else:
            raise ClusterError(
                "no cluster of ours is up to load an image into",
                hint="`python -m dev.cluster up`; for a cluster of your own, push the image to a "
                "registry it can pull from",
            )
    print(name)
    return 0


def _up(args: argparse.Namespace, layout: Layout, steps: Steps) -> int:
    forced = How(args.how) if args.how else None
    machine = choose.look(layout)
    how = choose.take(machine, forced, choose.recorded(layout))
    if how is How.KUBECONFIG:
        assert machine.kubeconfig is not None
        choose.confirm_foreign(machine.kubeconfig, flag=args.use_kubeconfig)
    with alone(layout, "cluster", steps.console.print):
        # Another `up` may have ended while this one waited.
        before = choose.recorded(layout)
        choose.take(machine, how, before)
        if how is How.KUBECONFIG:
            _check_foreign(steps)
            _record(layout, how)
        elif how is How.KIND:
            _record(layout, how)
            kind.up(layout, steps)
        else:
            if before is not How.LOCAL:
                local.preflight(layout)
            _record(layout, how)
            local.up(layout, steps)
    steps.console.print(f"export KUBECONFIG={_kubeconfig(layout, how)}", markup=False)
    return 0


def _record(layout: Layout, how: How) -> None:
    layout.state.mkdir(parents=True, exist_ok=True)
    layout.how.write_text(how.value)


def _kubeconfig(layout: Layout, how: How | None) -> str:
    if how is How.KUBECONFIG:
        named = os.environ.get("KUBECONFIG")
        if not named:
            raise ClusterError("`up` took the cluster that KUBECONFIG named; it is not set now")
        return named
    if how is None:
        raise ClusterError("no cluster is up", hint="python -m dev.cluster up")
    return str(layout.kubeconfig)


def _check_foreign(steps: Steps) -> None:
    with steps.step("asking the cluster") as note:
        argv = ["kubectl", "get", "--raw"]
        hint = "is `kubectl` on the PATH, and the cluster up?"
        run.run([*argv, "/readyz"], what="asking the cluster", hint=hint)
        done = subprocess.run(
            [*argv, "/apis/metrics.k8s.io/v1beta1/nodes"], capture_output=True, check=False
        )
        note("" if done.returncode == 0 else "it has no metrics API: autoscaling will not work")


def _status(layout: Layout, how: How | None) -> int:
    if how is None:
        print("no cluster is up")
        return 1
    print(f"{'way':24} {how.value}")
    if how is not How.LOCAL:
        print(f"{'kubeconfig':24} {_kubeconfig(layout, how)}")
        return 0
    for name, text in local.status(layout).items():
        print(f"{name:24} {text}")
    return 0 if local.healthy(layout) else 1


if __name__ == "__main__":
    sys.exit(main())
