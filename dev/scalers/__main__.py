"""``python -m dev.scalers keda NAMESPACE``: KEDA (or ``vpa``) for a namespace, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from dev.cluster.paths import Layout
from dev.scalers import keda, vpa
from dev.scalers.build import KEDA, VPA, build

console = Console(soft_wrap=True)

SCALERS = {"keda": (KEDA, keda.running), "vpa": (VPA, vpa.running)}


def main() -> int:
    """Run it for the cluster of KUBECONFIG."""
    parser = argparse.ArgumentParser(prog="python -m dev.scalers", description=__doc__)
    parser.add_argument("scaler", choices=SCALERS)
    parser.add_argument("namespace")
    given = parser.parse_args()
    published, running = SCALERS[given.scaler]
    programs = build(Layout.default(), console.print, published)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="scalers-") as folder:
        try:
            with running(programs, Path(folder), given.namespace):
                console.print(
                    f"{given.scaler} runs for the namespace {given.namespace}; logs: {folder}"
                )
                signal.pause()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
