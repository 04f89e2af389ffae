"""The chart that a release was made with, so that a change of values does not change the chart.

Helm keeps the chart in its record of each revision, so it is available even when the portal or the
repository has newer versions only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from portal.catalog.chart import ChartProblem, read_metadata
from portal.catalog.content import ContentProblem, read_content, schema_problem
from portal.catalog.index import chart_version
from portal.domain.charts import ChartVersion
from portal.domain.errors import ChartError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.releases.ports import Records


@cache
def version_of(chart: Path) -> ChartVersion:
    """Return the version in an unpacked chart's ``Chart.yaml``, "" if it cannot be read."""
    try:
        return chart_version(read_metadata(chart))
    except ChartProblem:
        return ChartVersion("")


@asynccontextmanager
async def own_chart(
    records: Records, key: Key, revision: int | None = None, *, identity: Identity | None
) -> AsyncGenerator[Path]:
    """Unpack the chart of a release's revision into a folder for the duration of the block.

    None means the newest revision.

    Raises:
        ChartError: Helm's record is incomplete, or its schema refers to anything outside it.
    """
    files = await records.chart(key, revision, identity=identity)
    with TemporaryDirectory(prefix="chart-") as folder:
        await asyncio.to_thread(_write, Path(folder), files)
        yield Path(folder)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ChartError(f"The chart has a file with an odd name: {name[:80]}")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    try:  # nobody has looked at it if it came from a terminal
        problem = _schema_problem(folder)
    except ContentProblem as error:
        problem = str(error)
    if problem:
        raise ChartError(
            f"The chart that this release was made with cannot be used. {problem}",
            "Launch it from the catalogue again, in another version.",
        )


def _schema_problem(folder: Path) -> str:
    try:
        return read_content(folder).schema_problem
    except ContentProblem:
        return schema_problem(folder)
