"""``python -m dev.hpa_oracle``: the engine against the controller, on many generated cases."""

from __future__ import annotations

import argparse
import json
import sys
import time

from rich.console import Console

from dev.cluster.paths import Layout
from dev.hpa_oracle import build, compare

console = Console(soft_wrap=True)


def main() -> int:
    """Compare, for each minor version; 0 without a mismatch."""
    parser = argparse.ArgumentParser(prog="make oracle", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="for each minor version")
    parser.add_argument("--minor", type=int, action="append", choices=build.MINORS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    failed = False
    for minor in given.minor or build.MINORS:
        program = build.build(Layout.default(), console.print, minor)
        started = time.monotonic()
        result = compare.compare(program, minor, given.cases, given.seed)
        failed |= bool(result.mismatches)
        console.print(
            f"Kubernetes {build.version(minor)}: {result.cases} cases, {result.syncs} decisions, "
            f"{len(result.mismatches)} mismatches, {time.monotonic() - started:.0f} s"
        )
        console.print(dict(result.constraints.most_common()))
        for each in result.mismatches[:3]:
            console.print(f"seed {each.seed}, sync {each.sync}")
            console.print("  controller", json.dumps(each.controller))
            console.print("  engine    ", json.dumps(each.engine))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
