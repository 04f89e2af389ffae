"""One chart, read from its folder: metadata, default values and schema."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

from portal.catalog.index import chart_version
from portal.catalog.references import (
    SCHEMA_FILE,
    SchemaProblem,
    check_references,
    read_schema,
)
from portal.catalog.sources import chart_name_problem
from portal.catalog.text import MAX_TEXT, TextError, load, load_values, text_of
from portal.catalog.values import Values, as_mapping
from portal.domain.charts import ChartVersion, note_of


class ChartProblem(Exception):
    """A folder holds no chart that can be launched; the message says why."""


class Chart(Struct, frozen=True):
    """A chart in a folder, ready for Helm; ``source`` is the name of its source.

    ``values_text`` is its ``values.yaml`` unchanged, ``defaults`` the same parsed. ``schema`` is
    None if it has none. ``digest`` is the SHA-256 of its archive, "" for a folder.
    """

    source: str
    name: str
    version: ChartVersion
    path: Path
    values_text: str = ""
    defaults: Values = field(default_factory=dict[str, object])
    schema: Values | None = None
    digest: str = ""

    @property
    def note(self) -> str:
        """The note of its source that is recorded in releases made from it."""
        return note_of(self.source, self.version.fingerprint)


def read_chart(path: Path, source: str, *, digest: str = "") -> Chart:
    """Read the chart in a folder.

    Raises:
        ChartProblem: it is not a chart, it is a library chart, or its schema has references to
            the outside.
    """
    metadata = read_metadata(path)
    own_schema = path / SCHEMA_FILE
    try:
        check_references(path)
        schema = as_mapping(read_schema(own_schema)) if own_schema.exists() else None
    except SchemaProblem as problem:
        raise ChartProblem(str(problem)) from None
    try:
        text = _text(path / "values.yaml", MAX_TEXT) if (path / "values.yaml").exists() else ""
        defaults = load_values(text)
    except TextError as error:
        raise ChartProblem(f"Its values.yaml cannot be read. {error}") from None
    return Chart(
        source=source,
        name=text_of(metadata, "name"),
        version=chart_version(metadata),
        path=path,
        values_text=text,
        defaults=defaults,
        schema=schema,
        digest=digest,
    )


def read_metadata(path: Path) -> Values:
    """The validated ``Chart.yaml`` of a folder. Raises ``ChartProblem``."""
    try:
        metadata = as_mapping(load(_text(path / "Chart.yaml", 64 * 1024), nodes=2_000))
    except TextError as error:
        raise ChartProblem(f"Its Chart.yaml cannot be read. {error}") from None
    if metadata.get("apiVersion") not in {"v1", "v2"}:
        raise ChartProblem("Its Chart.yaml has an apiVersion that Helm does not know.")
    problem = chart_name_problem(text_of(metadata, "name"))
    if problem or not text_of(metadata, "version"):
        raise ChartProblem(problem or "Its Chart.yaml names no version.")
    if metadata.get("type") == "library":
        raise ChartProblem("It is a library chart for other charts, which cannot be launched.")
    return metadata


def _text(path: Path, limit: int) -> str:
    try:
        if path.stat().st_size > limit:
            raise ChartProblem(f"Its {path.name} is larger than {limit // 1024} KiB.")
        return path.read_text()
    except (OSError, UnicodeError):
        raise ChartProblem(f"Its {path.name} is missing, or cannot be read.") from None
