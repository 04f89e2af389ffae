"""Reads what Helm reads of a chart's folder to make its values: its subcharts' files too."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from portal.catalog.archive import (
    HELM_IGNORE,
    MAX_FILES,
    MAX_NESTED,
    MAX_PACKED,
    ArchiveError,
    unpack,
)
from portal.catalog.coalesce import ChartContent, Dependency
from portal.catalog.helmignore import IgnoreProblem, IgnoreRules
from portal.catalog.references import SchemaProblem, self_contained
from portal.catalog.sources import chart_name_problem
from portal.catalog.text import MAX_TEXT, TextError, limited, load, load_documents, text_of
from portal.catalog.validate import dialect_problem
from portal.catalog.values import Values, as_list, as_mapping
from portal.domain.charts import version_order

SCHEMA_FILE = "values.schema.json"
MAX_METADATA = 64 * 1024
MAX_SCHEMA = 1024 * 1024
MAX_SCHEMA_NODES = 50_000

_ALIAS = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)

Files = Mapping[str, Path]
"""Paths of a chart's files on disk, by their names in the chart."""


class ContentProblem(Exception):
    """Helm could not read the chart, or not within limits; the message says why."""


def read_content(folder: Path) -> ChartContent:
    """Read a chart. Raises ``ContentProblem``."""
    try:
        ignored = folder / HELM_IGNORE
        rules = IgnoreRules(read_text(ignored, MAX_METADATA) if ignored.is_file() else "")
    except IgnoreProblem as problem:
        raise ContentProblem(str(problem)) from None
    files = {name: path for name, path in _walked(folder) if not rules.hides(name)}
    return _read(files, "", 0)


def read_text(path: Path, limit: int) -> str:
    """A text file, without its byte order mark. ``limit`` is in bytes.

    Raises:
        ContentProblem: it is too large, or cannot be read.
    """
    try:
        if path.stat().st_size > limit:
            raise ContentProblem(f"Its {path.name} is larger than {limit // 1024} KiB.")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError):
        raise ContentProblem(f"Its {path.name} is missing, or cannot be read.") from None


def _walked(folder: Path) -> Iterator[tuple[str, Path]]:
    """All files, through links as Helm goes."""
    left = MAX_FILES
    for at, _, names in os.walk(folder, followlinks=True):
        left -= len(names) + 1
        if left < 0:
            raise ContentProblem(f"The chart has more than {MAX_FILES} files.")
        for name in sorted(names):
            path = Path(at, name)
            yield path.relative_to(folder).as_posix(), path


def _read(files: Files, where: str, level: int) -> ChartContent:
    """The chart that ``files`` are of; ``where`` names it in a problem, "" for the whole one."""
    try:
        metadata = _yaml(files, "Chart.yaml")
        if metadata is None:
            raise ContentProblem("Its Chart.yaml is missing, or cannot be read.")
        listed = metadata
        if "requirements.yaml" in files:
            listed = metadata | (_yaml(files, "requirements.yaml") or {})
        dependencies = _dependencies(listed)
        if problem := metadata_problem(metadata) or _names_problem(dependencies or ()):
            raise ContentProblem(problem)
        schema, schema_problem = _schema(files)
        return ChartContent(
            name=text_of(metadata, "name"),
            version=text_of(metadata, "version"),
            values=_values(files),
            schema=schema,
            schema_problem=schema_problem,
            dependencies=dependencies,
            subcharts=tuple(_subcharts(files, level)),
            kube_version=text_of(metadata, "kubeVersion"),
        )
    except ContentProblem as problem:
        if not where:
            raise
        raise ContentProblem(f"Its subchart {where} cannot be used. {problem}") from None


def schema_problem(folder: Path) -> str:
    """Return the problem that keeps the schemas in a chart's folder from Helm, "" if there is none.

    For a chart that cannot be read as a whole. Raises ``ContentProblem``.
    """
    for name, path in _walked(folder):
        problem = ""
        if path.name == SCHEMA_FILE:
            problem = _schema({SCHEMA_FILE: path})[1]
        elif path.parent.name == "charts" and path.suffix == ".tgz":
            with TemporaryDirectory(prefix="subchart-") as scratch:
                problem = schema_problem(_unpacked(path, Path(scratch)))
        if problem:
            return f"{problem} ({name})"
    return ""


def metadata_problem(metadata: Values) -> str:
    """Return the reason why Helm refuses a ``Chart.yaml``, "" if it does not."""
    if metadata.get("apiVersion", "v1") not in {"v1", "v2"}:
        return "Its Chart.yaml has an apiVersion that Helm does not know."
    if problem := chart_name_problem(text_of(metadata, "name")):
        return problem
    if not text_of(metadata, "version"):
        return "Its Chart.yaml names no version."
    if not version_order(text_of(metadata, "version"))[0]:
        return "The version in its Chart.yaml is none that Helm takes, such as 1.0.0."
    if metadata.get("type") not in {None, "", "application", "library"}:
        return "The type in its Chart.yaml is neither “application” nor “library”."
    return ""


def _names_problem(dependencies: tuple[Dependency, ...]) -> str:
    names = Counter(each.alias or each.name for each in dependencies)
    twice = next((name for name, count in names.items() if count > 1), "")
    if twice:
        return f"Its Chart.yaml has two dependencies named {twice[:80]}: Helm refuses that."
    odd = next((each.alias for each in dependencies if not _ALIAS.fullmatch(each.alias)), "")
    return f"Its Chart.yaml has an alias that Helm refuses: {odd[:80]}" if odd else ""


def _schema(files: Files) -> tuple[Values | bool | None, str]:
    """The schema as it counts, and why Helm could not take it."""
    if SCHEMA_FILE not in files:
        return None, ""
    try:
        schema = read_schema(files[SCHEMA_FILE])
        return self_contained(schema), dialect_problem(schema)
    except SchemaProblem as problem:
        return None, str(problem)


def _yaml(files: Files, name: str) -> Values | None:
    if name not in files:
        return None
    try:
        return as_mapping(load(read_text(files[name], MAX_METADATA), nodes=5_000))
    except TextError as error:
        raise ContentProblem(f"Its {name} cannot be read. {error}") from None


def _values(files: Files) -> Values:
    if "values.yaml" not in files:
        return {}
    try:
        return load_documents(read_text(files["values.yaml"], MAX_TEXT))
    except TextError as error:
        raise ContentProblem(f"Its values.yaml cannot be read. {error}") from None


def read_schema(file: Path) -> object:
    """Read a schema, within limits. Raises ``SchemaProblem``: it is too large, or not JSON."""
    try:
        return cast(
            "object", limited(json.loads(read_text(file, MAX_SCHEMA)), nodes=MAX_SCHEMA_NODES)
        )
    except ContentProblem as problem:
        raise SchemaProblem(str(problem)) from None
    except (TextError, ValueError, RecursionError):
        raise SchemaProblem(f"Its {SCHEMA_FILE} cannot be read.") from None


def _dependencies(metadata: Values) -> tuple[Dependency, ...] | None:
    if not isinstance(metadata.get("dependencies"), list):
        return None
    listed = [as_mapping(each) for each in as_list(metadata["dependencies"])]
    return tuple(
        Dependency(
            name=text_of(each, "name"),
            version=str(each.get("version") or "")[:1000],
            alias=text_of(each, "alias"),
            condition=text_of(each, "condition"),
            tags=tuple(tag for tag in as_list(each.get("tags")) if isinstance(tag, str)),
            imports=tuple(
                pair for lifted in as_list(each.get("import-values")) for pair in _lifted(lifted)
            ),
        )
        for each in listed
        if each
    )


def _lifted(import_value: object) -> Iterator[tuple[str, str]]:
    """The paths of one of ``import-values``: below its ``exports`` where it is but a name."""
    if isinstance(import_value, str):
        yield f"exports.{import_value}", "."
    elif isinstance(import_value, dict):
        paths = as_mapping(cast("object", import_value))
        yield str(paths.get("child")), str(paths.get("parent"))


def _subcharts(files: Files, level: int) -> Iterator[ChartContent]:
    """The charts in ``charts/``, as folders or packed, but not below a “_” or “.”."""
    folders: dict[str, dict[str, Path]] = {}
    for name, path in files.items():
        top, _, rest = name.partition("/")
        if top == "charts" and rest and not rest.endswith(".prov"):
            first, _, below = rest.partition("/")
            if first[:1] not in {"_", "."}:
                folders.setdefault(first, {})[below] = path
    for name, below in sorted(folders.items()):
        if level >= MAX_NESTED:
            raise ContentProblem("Charts are nested too deeply in it.")
        if name.endswith(".tgz"):
            with TemporaryDirectory(prefix="subchart-") as scratch:
                top = _unpacked(below[""], Path(scratch))
                inner = dict(_walked(top))
                yield _read(inner, name, level + 1)
        elif inner := {each: path for each, path in below.items() if each}:
            yield _read(inner, name, level + 1)
        # A file beside them is none: Helm reads it, finds no chart in it, and refuses.
        else:
            raise ContentProblem(f"Its charts/{name[:80]} is no chart: Helm refuses it.")


def _unpacked(archive: Path, folder: Path) -> Path:
    try:
        if archive.stat().st_size > MAX_PACKED:
            raise ContentProblem(f"The chart {archive.name} in it is too large.")
        return unpack(archive.read_bytes(), folder)
    except (ArchiveError, OSError) as error:
        raise ContentProblem(f"The chart {archive.name} in it cannot be read. {error}") from None
