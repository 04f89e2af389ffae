"""Reads a large index in a process of its own, so that the portal is not held up meanwhile.

Run as a program it reads one file and writes another: a line of JSON for each chart, as soon as
that is read, and at last one for what was left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path

import msgspec

import portal
from portal.catalog.index import Index, charts_in, index_of, read_index
from portal.catalog.sources import Source, SourceKind
from portal.catalog.text import TextError
from portal.domain.charts import ChartEntry
from portal.helm_service.process import Process
from portal.threads import in_thread

SMALL = 256 * 1024
"""Bytes of an index that is read in a thread: a process would take longer to start."""
PATIENCE = 120.0
"""Seconds that reading may take."""
_LEFT_OUT = b"left out: "
_ROOT = Path(portal.__file__).parent.parent


async def read_large(file: Path, source: Source) -> Index:
    """The index in a file, whatever its size.

    Raises:
        TextError: it is none, or takes too long to read.
    """
    if await asyncio.to_thread(os.path.getsize, file) <= SMALL:
        return await in_thread(_read, file, source)
    made = file.with_suffix(".read")
    about = json.dumps([source.name, source.url, source.charts])
    argv = [sys.executable, "-m", __name__, about, str(file), str(made)]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT)}
    program = Process.start(argv, environment, None)
    try:
        async with asyncio.timeout(PATIENCE):
            _, said = await program.output()
    except TimeoutError:
        raise TextError(f"Its index takes more than {PATIENCE:.0f} seconds to read.") from None
    finally:
        await program.end(0.5)
    if program.status != 0:
        raise TextError(said.decode(errors="replace").strip()[:300] or "Its index cannot be read.")
    return await in_thread(_collected, made, source)


def _read(file: Path, source: Source) -> Index:
    with file.open("rb") as stream:
        return read_index(stream, source)


def _collected(made: Path, source: Source) -> Index:
    """A chart at a time: one large piece would hold up everybody for as long as it takes."""
    decoder = msgspec.json.Decoder(ChartEntry)
    charts: list[ChartEntry] = []
    left_out: Counter[str] = Counter()
    with made.open("rb") as lines:
        for line in lines:
            if line.startswith(_LEFT_OUT):
                left_out.update(msgspec.json.decode(line[len(_LEFT_OUT) :], type=dict[str, int]))
            else:
                charts.append(decoder.decode(line))
    return index_of(charts, left_out, source)


def main(about: str, file: str, made: str) -> int:
    """Read ``file``; what ``about`` says of its source is what ``charts_in`` needs."""
    os.nice(19)
    name, url, charts = json.loads(about)
    source = Source(name, SourceKind.REPOSITORY, url, charts=tuple(charts))
    left_out: Counter[str] = Counter()
    try:
        with Path(file).open("rb") as stream, Path(made).open("wb") as lines:
            for each in charts_in(stream, source, left_out):
                lines.write(msgspec.json.encode(each) + b"\n")
            lines.write(_LEFT_OUT + msgspec.json.encode(left_out) + b"\n")
    except TextError as error:
        sys.stderr.write(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
