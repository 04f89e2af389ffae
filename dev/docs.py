"""Remake the generated parts of the documents, or check that they are up to date."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from dev import licences
from portal.settings import documentation
from tests.images import corpus

ROOT = Path(__file__).resolve().parent.parent
END = "<!-- /generated -->\n"
GENERATED: dict[str, tuple[str, Callable[[], str]]] = {
    "settings.md": ("settings", documentation),
    "images.md": ("corpus", corpus.documentation),
    "licences.md": ("licences", licences.documentation),
}
"""The pages in docs/ with a generated part: its name, and what makes it."""


def page(text: str, name: str, content: str) -> str:
    """Replace the generated part ``name`` of a page."""
    begin = f"<!-- generated: {name} -->\n"
    before, rest = text.split(begin)
    return before + begin + content + END + rest.split(END)[1]


def main(check: bool) -> int:
    """Write what is generated; with ``check``, only say whether it is up to date."""
    stale = False
    for file, (name, content) in GENERATED.items():
        path = ROOT / "docs" / file
        old = path.read_text()
        new = page(old, name, content())
        stale |= old != new
        if old != new and check:
            print(f"docs/{file} is not up to date: run `make docs`", file=sys.stderr)
        elif old != new:
            path.write_text(new)
    charts = subprocess.run(
        [sys.executable, "-m", "dev.chart_docs", *(["--check"] if check else [])],
        cwd=ROOT,
        check=False,
    )
    return 1 if (check and stale) or charts.returncode else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
