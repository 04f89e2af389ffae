"""Compress what browsers load ahead of time: beside each file the same in Brotli and in gzip.

Run in the image's stages with the Python of the virtual environment; ``portal.web.static`` serves
what it finds beside a file, and compresses by itself, less well, where there is nothing.

Usage: compress.py FOLDER...
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import brotli

KINDS = {".js", ".css", ".svg"}
QUALITY = 11


def main(folders: list[Path]) -> None:
    """Compress the files below ``folders``."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.suffix in KINDS and path.is_file():
                content = path.read_bytes()
                path.with_name(f"{path.name}.br").write_bytes(
                    brotli.compress(content, quality=QUALITY)
                )
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
