"""Time of ``make demo``: from nothing, after ``make down``, and with everything running."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row
from dev import demo

ROOT = Path(__file__).resolve().parent.parent


def _make(target: str, **environment: str) -> float:
    """Run a make target; the seconds it took."""
    start = time.monotonic()
    subprocess.run(["make", target], cwd=ROOT, env={**os.environ, **environment}, check=True)
    return time.monotonic() - start


def cold() -> Row:
    """With empty caches of our own, Go's and pip's; Debian's packages stay installed."""
    _make("down")
    with tempfile.TemporaryDirectory(prefix="cold-", ignore_cleanup_errors=True) as cache:
        empty = {
            "XDG_CACHE_HOME": cache,
            "GOCACHE": f"{cache}/go-build",
            "GOMODCACHE": f"{cache}/go-mod",
            "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
            "PIP_NO_CACHE_DIR": "1",
        }
        seconds = _make("demo", **empty)
        _make("down", **empty)
    return Row(
        "`make demo`, empty caches",
        f"{seconds / 60:.1f} min",
        bar="20 min",
        met=seconds <= 20 * 60,
    )


def warm() -> list[Row]:
    """With warm caches: from "down", then once more."""
    _make("down")
    from_down = _make("demo")
    return [
        Row(
            "`make demo`, warm caches, from down",
            f"{from_down:.0f} s",
            bar="90 s",
            met=from_down <= 90,
        ),
        Row("`make demo` again, everything up", f"{_make('demo'):.0f} s"),
        Row("image, unpacked", demo.ensure().image_size, bar="350 MB"),
    ]
