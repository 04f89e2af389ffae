"""One chart, read from its folder: what it is called, its defaults, and its schema."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

from portal.catalog.index import described
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
    """A folder is not a chart that can be launched; the message says why."""


class Chart(Struct, frozen=True):
    """A chart, ready for Helm. ``source`` names where it came from.

    ``values_text`` is its ``values.yaml``, word for word, and ``defaults`` the same, read.
    ``schema`` is None if it has none; ``digest`` is that of its archive, "" for a folder.
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
        """What is noted of a release that is made of it: where it came from."""
        return note_of(self.source, self.version.fingerprint)


def read_chart(path: Path, source: str, *, digest: str = "") -> Chart:
    """Read the chart in a folder.

    Raises:
        ChartProblem: it is no chart, a library, or its schema refers to something outside it.
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
        version=described(metadata),
        path=path,
        values_text=text,
        defaults=defaults,
        schema=schema,
        digest=digest,
    )


def read_metadata(path: Path) -> Values:
    """The ``Chart.yaml`` of a folder, checked. Raises ``ChartProblem``."""
    try:
        metadata = as_mapping(load(_text(path / "Chart.yaml", 64 * 1024), nodes=2_000))
    except TextError as error:
        raise ChartProblem(f"Its Chart.yaml cannot be read. {error}") from None
    if metadata.get("apiVersion") not in {"v1", "v2"}:
        raise ChartProblem("Its Chart.yaml is of no version that Helm knows.")
    problem = chart_name_problem(text_of(metadata, "name"))
    if problem or not text_of(metadata, "version"):
        raise ChartProblem(problem or "Its Chart.yaml names no version.")
    if metadata.get("type") == "library":
        raise ChartProblem("It is a library for other charts, which cannot be launched.")
    return metadata


def _text(path: Path, limit: int) -> str:
    try:
        if path.stat().st_size > limit:
            raise ChartProblem(f"Its {path.name} is larger than {limit // 1024} KiB.")
        return path.read_text()
    except (OSError, UnicodeError):
        raise ChartProblem(f"Its {path.name} is missing, or cannot be read.") from None
