"""References in a chart's schemas: Helm would fetch every external one from its own network.

Observed with Helm 4.3 and its JSON Schema library: ``$schema`` is fetched in every subschema,
``$ref`` and its variants wherever they stand, relative ones from the nearest ``$id``. An ``$id``
alone is not fetched, unless it holds a "?": the library then fails to find it again, and fetches
it. Only the metaschemas of json-schema.org are part of Helm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from portal.catalog.archive import MAX_FILES, MAX_PACKED, ArchiveError, unpack
from portal.catalog.text import TextError, limited

SCHEMA_FILE = "values.schema.json"
MAX_SCHEMA = 1024 * 1024
MAX_SCHEMA_NODES = 50_000

_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_SITES = ("http://json-schema.org/", "https://json-schema.org/")
_DRAFT_4 = "draft-04/schema"
_BUNDLED = frozenset(
    {
        "schema",
        _DRAFT_4,
        "draft-06/schema",
        "draft-07/schema",
        "draft/2019-09/schema",
        "draft/2020-12/schema",
    }
)


class SchemaProblem(Exception):
    """A schema that cannot be passed to Helm; the message says why."""


def outside_references(schema: object) -> Iterator[str]:
    """The addresses and files outside a schema that Helm would fetch to read it."""
    found = list(_texts(schema))
    fourth = any(name == "$schema" and _DRAFT_4 in text for name, text in found)
    names = {"$id", "id"} if fourth else {"$id"}
    for name, text in found:
        if name in _REFERENCES:
            inside = text.startswith("#")
        elif name == "$schema":
            inside = _is_bundled(text)
        else:
            inside = name not in names or "?" not in text
        if not inside:
            yield text


def check_references(chart: Path) -> None:
    """Check every schema below a chart's folder, those of packed subcharts included.

    Raises:
        SchemaProblem: one has a reference to the outside, or cannot be read.
    """
    for file in _files(chart):
        if file.name == SCHEMA_FILE:
            outside = next(outside_references(read_schema(file)), "")
            if outside:
                raise SchemaProblem(
                    f"Its schema refers to {outside[:100]}, outside the chart. Helm would fetch "
                    "that: put the definition into the schema itself."
                )
        elif file.parent.name == "charts" and file.suffix == ".tgz":
            with TemporaryDirectory(prefix="subchart-") as folder:
                check_references(_unpacked(file, Path(folder)))


def read_schema(file: Path) -> object:
    """Read a schema, within limits.

    Raises:
        SchemaProblem: it is too large or not JSON.
    """
    try:
        if file.stat().st_size > MAX_SCHEMA:
            raise SchemaProblem(f"Its {SCHEMA_FILE} is larger than {MAX_SCHEMA // 1024} KiB.")
        return limited(json.loads(file.read_text()), nodes=MAX_SCHEMA_NODES)
    except (OSError, TextError, ValueError, RecursionError):
        raise SchemaProblem(f"Its {SCHEMA_FILE} cannot be read.") from None


def _texts(schema: object) -> Iterator[tuple[str, str]]:
    """Every named text in a schema, with its name: references may point anywhere, into data too."""
    waiting = [schema]
    while waiting:
        at = waiting.pop()
        if isinstance(at, Mapping):
            for name, value in cast("Mapping[str, object]", at).items():
                if isinstance(value, str):
                    yield name, value
                else:
                    waiting.append(value)
        elif isinstance(at, list):
            waiting.extend(cast("list[object]", at))


def _is_bundled(address: str) -> bool:
    address = address.partition("#")[0]
    return any(
        address.removeprefix(site) in _BUNDLED for site in _SITES if address.startswith(site)
    )


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, following links as Helm does."""
    left = MAX_FILES
    for at, _, names in os.walk(folder, followlinks=True):
        left -= len(names) + 1
        if left < 0:
            raise SchemaProblem(f"The chart has more than {MAX_FILES} files.")
        for name in sorted(names):
            yield Path(at, name)


def _unpacked(archive: Path, folder: Path) -> Path:
    try:
        if archive.stat().st_size > MAX_PACKED:
            raise SchemaProblem(f"The chart {archive.name} in it is too large.")
        return unpack(archive.read_bytes(), folder)
    except (ArchiveError, OSError) as error:
        raise SchemaProblem(f"The chart {archive.name} in it cannot be read. {error}") from None
