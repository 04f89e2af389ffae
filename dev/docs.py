"""Remake the generated parts of the documents, or check that they are up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from portal.settings import documentation

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- generated: settings -->\n", "<!-- /generated -->\n"


def settings_page(text: str) -> str:
    """Replace the generated part of docs/settings.md by the table of settings."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + documentation() + END + rest.split(END)[1]


def main(check: bool) -> int:
    """Write what is generated; with ``check``, only say whether it is up to date."""
    page = ROOT / "docs" / "settings.md"
    old = page.read_text()
    new = settings_page(old)
    stale = old != new
    if stale and check:
        print("docs/settings.md is not up to date: run `make docs`", file=sys.stderr)
    elif stale:
        page.write_text(new)
    charts = subprocess.run(
        [sys.executable, "-m", "dev.chart_docs", *(["--check"] if check else [])],
        cwd=ROOT,
        check=False,
    )
    return 1 if (check and stale) or charts.returncode else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
