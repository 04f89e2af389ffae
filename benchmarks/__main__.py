"""``make bench``: run every measurement on the demo and write RESULTS.md."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import bring_up, launch
from dev import demo
from dev.chromium import chromium

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADER = ["what", "Dash Portal", "beside it", "ratio"]


def machine() -> str:
    """Cores, memory and kernel; nothing that names the machine."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    gib = int(memory[1]) / 2**20 if memory else 0
    return f"{os.cpu_count()} cores, {gib:.0f} GiB, Linux {platform.release().split('-')[0]}"


def portal_memory(url: str) -> float:
    """Resident memory of the portal's worker, MiB, from its own metrics."""
    with urllib.request.urlopen(f"{url.rstrip('/')}/metrics", timeout=10) as answer:
        found = re.search(rb"^process_resident_memory_bytes (\S+)", answer.read(), re.M)
    assert found
    return float(found[1]) / 2**20


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--pairs", type=int, default=5, help="launches by each side")
    parser.add_argument(
        "--cold", action="store_true", help="also from empty caches (about a quarter of an hour)"
    )
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    rows = [bring_up.cold()] if options.cold else []
    rows += bring_up.warm()
    running = demo.ensure()
    os.environ["KUBECONFIG"] = str(running.kubeconfig)
    os.environ["PATH"] = f"{running.binaries}{os.pathsep}{os.environ['PATH']}"
    rows.append(["image, unpacked", running.image_size, "bar: 350 MB", "–"])
    with chromium() as browser:
        page = browser.new_page(base_url=running.url)
        memory: list[float] = []
        rows += launch.pairs(
            page,
            running.apps,
            options.pairs,
            console.print,
            look=lambda: memory.append(portal_memory(running.url)),
        )
    shown = f"{memory[0]:.0f} MiB, after {options.pairs} launches {memory[-1]:.0f} MiB"
    rows.append(["portal memory with one app, its page open", shown, "–", "–"])
    table = Table(*HEADER, title=f"make bench: {machine()}")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    lines = [
        "# Results",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}; {machine()}, shared by "
        "Kubernetes, the portal and the browser. “Beside it” is the same done by the helm command "
        "line, in the same run.",
        "",
        "| " + " | ".join(HEADER) + " |",
        "|" + "---|" * len(HEADER),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
    RESULTS.write_text("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
