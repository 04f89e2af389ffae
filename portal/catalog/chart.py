"""One chart, read from its folder: metadata, default values and schema."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from msgspec import Struct, field

from portal.catalog.coalesce import ChartContent, ValuesProblem, read
from portal.catalog.content import (
    MAX_METADATA,
    ContentProblem,
    metadata_problem,
    read_content,
    read_text,
)
from portal.catalog.index import chart_version
from portal.catalog.text import MAX_TEXT, TextError, load
from portal.catalog.values import Values, as_mapping
from portal.domain.charts import ChartVersion, note_of


class ChartProblem(Exception):
    """A folder holds no chart that can be launched; the message says why."""


class Chart(Struct, frozen=True, dict=True):
    """A chart, ready for Helm. ``source`` names where it came from.

    ``content`` is what Helm makes values of, and ``values_text`` its ``values.yaml``, word for
    word; ``digest`` is that of its archive, "" for a folder.
    """

    source: str
    version: ChartVersion
    path: Path
    content: ChartContent = field(default_factory=lambda: ChartContent("", ""))
    values_text: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The name in the chart's ``Chart.yaml``."""
        return self.content.name

    @property
    def schema(self) -> Values | None:
        """The schema of its values, from which its form is drawn."""
        return self.content.schema if isinstance(self.content.schema, dict) else None

    @cached_property
    def defaults(self) -> Values:
        """The values that its templates see if none are given, those of subcharts included."""
        try:
            return read(self.content, {}).values
        except ValuesProblem:
            return self.content.values

    @property
    def note(self) -> str:
        """The note of its source that is recorded in releases made from it."""
        return note_of(self.source, self.version.fingerprint)


def read_chart(path: Path, source: str, *, digest: str = "") -> Chart:
    """Read the chart in a folder.

    Raises:
        ChartProblem: it is no chart, a library, or nothing that Helm would take.
    """
    metadata = read_metadata(path)
    try:
        content = read_content(path)
        has_values = (path / "values.yaml").exists()
        text = read_text(path / "values.yaml", MAX_TEXT) if has_values else ""
    except ContentProblem as problem:
        raise ChartProblem(str(problem)) from None
    if content.schema_problem:
        raise ChartProblem(content.schema_problem)
    if content.missing:
        raise ChartProblem(
            f"Its subcharts are missing in charts/: {', '.join(content.missing)[:200]}. Helm "
            "refuses it. Its author has to package it with them (helm dependency update)."
        )
    return Chart(
        source=source,
        version=chart_version(metadata),
        path=path,
        content=content,
        values_text=text,
        digest=digest,
    )


def read_metadata(path: Path) -> Values:
    """The validated ``Chart.yaml`` of a folder. Raises ``ChartProblem``."""
    try:
        metadata = as_mapping(load(read_text(path / "Chart.yaml", MAX_METADATA), nodes=5_000))
    except TextError as error:
        raise ChartProblem(f"Its Chart.yaml cannot be read. {error}") from None
    except ContentProblem as problem:
        raise ChartProblem(str(problem)) from None
    if problem := metadata_problem(metadata):
        raise ChartProblem(problem)
    if metadata.get("type") == "library":
        raise ChartProblem("It is a library chart for other charts, which cannot be launched.")
    return metadata
