"""The one table of results: numbers, bars, and RESULTS.md, in which a run replaces its own rows."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADER = ("what", "Dash Portal", "beside it", "ratio", "bar", "met", "on")
NONE = "–"


@dataclass(frozen=True)
class Row:
    """One measurement. ``what`` names it in RESULTS.md; ``met`` is None without a bar."""

    what: str
    ours: str
    beside: str = NONE
    ratio: str = NONE
    bar: str = NONE
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """As it stands in the table."""
        verdict = {None: NONE, True: "yes", False: "**missed**"}[self.met]
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        return (self.what, self.ours, self.beside, self.ratio, self.bar, verdict, day)


def percentile(numbers: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a number that was measured; NaN of nothing."""
    if not numbers:
        return math.nan
    return sorted(numbers)[max(0, math.ceil(percent / 100 * len(numbers)) - 1)]


def p50_p95(seconds: Sequence[float]) -> str:
    """Both in milliseconds, in words."""
    p50, p95 = (percentile(seconds, each) * 1000 for each in (50, 95))
    return (
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms" if p95 >= 10 else f"p50 {p50:.1f}, p95 {p95:.1f} ms"
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The least-squares slope of (x, y) points."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def machine() -> str:
    """Cores, memory and kernel; nothing that names the machine."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    gib = int(memory[1]) / 2**20 if memory else 0
    return f"{os.cpu_count()} cores, {gib:.0f} GiB, Linux {platform.release().split('-')[0]}"


def shown(rows: Sequence[Row]) -> Table:
    """For the terminal."""
    table = Table(*HEADER[:-1], title=f"make bench: {machine()}")
    for row in rows:
        table.add_row(*row.cells()[:-1])
    return table


def merge(text: str, rows: Sequence[Row]) -> str:
    """RESULTS.md with ``rows`` in place of the rows of those names, new ones at the end."""
    table = {
        cells[0]: cells
        for line in text.splitlines()
        if line.startswith("| ")
        and len(cells := tuple(re.split(r"(?<!\\)\|", line.strip().strip("|")))) == len(HEADER)
        and (cells := tuple(cell.strip() for cell in cells)) != HEADER
    }
    table |= {row.what: row.cells() for row in rows}
    lines = [
        "# Results",
        "",
        f"Written by `make bench`; {machine()}, shared by Kubernetes, the portal, the simulated "
        "viewers and the browser. “Beside it” is the peer's figure in the same run: the same done "
        "by the helm command line, or a raw watch. A bar that is not met says so.",
        "",
        "| " + " | ".join(HEADER) + " |",
        "|" + "---|" * len(HEADER),
        *("| " + " | ".join(cells) + " |" for cells in table.values()),
        "",
    ]
    return "\n".join(lines)


def record(rows: Sequence[Row]) -> None:
    """Merge ``rows`` into RESULTS.md."""
    text = RESULTS.read_text() if RESULTS.exists() else ""
    RESULTS.write_text(merge(text, rows))
