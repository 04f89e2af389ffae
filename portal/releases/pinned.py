"""The chart that a release was made with: a change of its values must not change that.

Helm keeps the chart in its record of each revision, so it is there even when the portal, or the
repository it came from, has moved on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from portal.catalog.chart import ChartProblem, read_metadata
from portal.catalog.index import chart_version
from portal.catalog.references import SchemaProblem, check_references
from portal.domain.charts import ChartVersion
from portal.domain.errors import ChartError
from portal.domain.keys import Key
from portal.releases.ports import Records


@cache
def version_of(chart: Path) -> ChartVersion:
    """What an unpacked chart says of itself; an empty version if that cannot be read."""
    try:
        return chart_version(read_metadata(chart))
    except ChartProblem:
        return ChartVersion("")


@asynccontextmanager
async def own_chart(
    records: Records, key: Key, revision: int | None = None
) -> AsyncGenerator[Path]:
    """The chart of a release's revision, as a folder, for as long as the block lasts.

    Of the newest revision for None.

    Raises:
        ChartError: Helm's record does not hold all of it, or its schema leads outside.
    """
    files = await records.chart(key, revision)
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
    try:
        check_references(folder)  # nobody has looked at it if it came from a terminal
    except SchemaProblem as problem:
        raise ChartError(
            f"The chart that this release was made with cannot be used. {problem}",
            "Launch it from the catalogue again, in another version.",
        ) from None
