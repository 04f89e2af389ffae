"""Reading the index of a classic repository, the file ``index.yaml``. Pure.

An entry at a time, so that a large one takes no more memory than what is kept of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import yaml
from msgspec import Struct
from msgspec.structs import replace

from portal.catalog.loader import kind_of
from portal.catalog.sources import Source, chart_name_problem
from portal.catalog.text import MAX_DEPTH, TextError, limited, text_of
from portal.catalog.values import Values, as_list, as_mapping
from portal.domain import yaml_text
from portal.domain.charts import ChartEntry, ChartVersion, fingerprint, version_order

MAX_INDEX = 20 * 1024 * 1024
"""Bytes of an index, unless the settings say otherwise."""
MAX_INDEX_NODES = 5_000_000
MAX_ENTRY_NODES = 20_000
MAX_CHARTS = 2_000
MAX_VERSIONS = 200
"""Versions of one chart that are kept, the newest."""
MAX_NAMED = 5
_LIBRARIES = "versions of libraries"
_NO_LIST = "charts without a list of versions"

_READ = frozenset(
    ("name", "version", "appVersion", "description", "home", "icon", "sources", "keywords")
) | {"deprecated", "type", "urls", "digest"}
"""The keys of an entry that are kept, or are part of its fingerprint; others are not parsed."""


class Index(Struct, frozen=True):
    """The charts of a source, by name, and how many of its entries could not be used.

    ``notes`` say in sentences what was left out, or cannot be fetched.
    """

    charts: tuple[ChartEntry, ...]
    skipped: int
    notes: tuple[str, ...] = ()


def read_index(text: str | IO[bytes], source: Source) -> Index:
    """The charts that ``source`` offers and allows. Malformed entries are counted, and left out.

    Raises:
        TextError: this is not an index.
    """
    left_out: Counter[str] = Counter()
    return index_of(charts_in(text, source, left_out), left_out, source)


def index_of(charts: Iterable[ChartEntry], left_out: Counter[str], source: Source) -> Index:
    """The index with these charts, where ``left_out`` was left out, by what it was."""
    listed = sorted(charts, key=lambda each: each.name)
    if len(listed) > MAX_CHARTS:
        left_out[f"charts beyond the first {MAX_CHARTS:,}"] += len(listed) - MAX_CHARTS
    kept = tuple(listed[:MAX_CHARTS])
    return Index(kept, left_out.total(), tuple(_notes(kept, left_out, source)))


def charts_in(
    text: str | IO[bytes], source: Source, left_out: Counter[str]
) -> Iterator[ChartEntry]:
    """One chart after the other, as it is read; what cannot be used is counted in ``left_out``.

    Raises:
        TextError: this is no index.
    """
    base = source.url.rstrip("/") + "/"
    seen: set[str] = set()
    for name, entries in groupby(_entries(text), key=lambda each: each[0]):
        if chart_name_problem(name):
            left_out["charts with a name that no chart can have"] += 1
        elif name in seen:
            left_out["charts that are there twice"] += 1
        elif source.allows(name):
            seen.add(name)
            versions: dict[str, ChartVersion] = {}
            for _, entry in entries:
                version = _version(entry, name, base) if entry is not None else _NO_LIST
                if isinstance(version, str):
                    left_out[version] += 1
                elif version.version in versions:
                    left_out["versions that are there twice"] += 1
                else:
                    versions[version.version] = version
            if versions:
                yield _kept(ChartEntry(name, newest_first(versions.values())))


def newest_first(versions: Iterable[ChartVersion]) -> tuple[ChartVersion, ...]:
    """The newest ``MAX_VERSIONS`` versions, newest first."""
    known = sorted(versions, key=lambda each: version_order(each.version), reverse=True)
    return tuple(known[:MAX_VERSIONS])


def _kept(entry: ChartEntry) -> ChartEntry:
    """The entry with the words of its newest version alone: those of others nobody sees."""
    newest = entry.newest.version
    return ChartEntry(
        entry.name,
        tuple(
            each if each.version == newest else replace(each, description="", keywords=(), icon="")
            for each in entry.versions
        ),
    )


def _notes(charts: Iterable[ChartEntry], left_out: Counter[str], source: Source) -> Iterator[str]:
    """Return the notes on an index for administrators."""
    away: dict[str, list[str]] = {}
    for each in charts:
        host = elsewhere(each.newest, source)
        if host:
            away.setdefault(host, []).append(each.name)
    for host, names in away.items():
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        yield (
            f"The archives of {', '.join(names[:MAX_NAMED])}{more} are in the registry {host}, "
            "which is not among this source's hosts: they cannot be fetched. Name it in the "
            "source's hosts, or add it as a source of the kind oci."
        )
    for what, count in left_out.items():
        if what != _LIBRARIES:  # they are no charts to launch, and nobody misses them
            yield f"Left out: {what} ({count:,})."


def elsewhere(version: ChartVersion, source: Source) -> str:
    """The registry that a version's archive is in, if the source may not be led there; else ""."""
    hosts = [urlsplit(each).netloc.lower() for each in version.urls if is_oci(each)]
    allowed = source.allowed_hosts
    if not hosts or len(hosts) < len(version.urls) or any(each in allowed for each in hosts):
        return ""
    return hosts[0]


def is_oci(url: str) -> bool:
    """Return True if an archive's address is in a registry."""
    return url.startswith("oci://")


def _version(entry: Values, name: str, base: str) -> ChartVersion | str:
    """A version as it is kept; what is wrong with it, if it is none."""
    if text_of(entry, "name") not in {"", name}:
        return "entries under another chart's name"
    if text_of(entry, "type") == "library":
        return _LIBRARIES
    urls = tuple(
        url
        for each in as_list(entry.get("urls"))[:5]
        if isinstance(each, str) and (url := _address(base, each))
    )
    version = chart_version(entry, urls=urls, digest=text_of(entry, "digest", 80))
    if not version.version:
        return "entries without a version"
    return version if urls else "versions without an address that they can be fetched from"


def _address(base: str, url: str) -> str:
    """The absolute address of ``url``; "" unless it is an http or https one."""
    try:
        whole = url.strip() if is_oci(url.strip()) else urljoin(base, url.strip())
        parts = urlsplit(whole)
    except ValueError:
        return ""
    return whole if parts.scheme in {"http", "https", "oci"} and parts.netloc else ""


def chart_version(
    metadata: Values, *, urls: tuple[str, ...] = (), digest: str = "", version: str = ""
) -> ChartVersion:
    """A chart version from its ``Chart.yaml``, or from the same fields in an index."""
    digest = digest.removeprefix("sha256:").lower()
    return ChartVersion(
        version=version or text_of(metadata, "version", 80),
        app_version=str(metadata.get("appVersion") or "")[:80],
        description=text_of(metadata, "description", 500),
        deprecated=metadata.get("deprecated") is True,
        keywords=tuple(
            each[:40] for each in as_list(metadata.get("keywords"))[:20] if isinstance(each, str)
        ),
        icon=text_of(metadata, "icon"),
        urls=urls,
        digest=digest if len(digest) == 64 else "",
        fingerprint=fingerprint(metadata),
    )


def _entries(text: str | IO[bytes]) -> Iterator[tuple[str, Values | None]]:
    """Each version of each chart, as it is read; None for a chart that has no list of them."""
    reader = _Reader(text)
    try:
        yield from reader.entries()
    except yaml.YAMLError as error:
        whole = _as_json(text)
        if whole is None:
            raise _no_index(error) from None
        for name, listed in whole.items():
            rows = as_list(listed)
            yield from ((name, as_mapping(each)) for each in rows)
            if not isinstance(listed, list):
                yield name, None


def _no_index(error: yaml.YAMLError) -> TextError:
    mark: Any = getattr(error, "problem_mark", None)
    line = f" (line {mark.line + 1})" if mark else ""
    return TextError(f"This is not the index of a chart repository: it is no YAML{line}.")


def _as_json(text: str | IO[bytes]) -> Values | None:
    """The entries of an index in JSON, which has escapes that YAML does not know."""
    if not isinstance(text, str):
        text.seek(0)
        text = text.read().decode(errors="replace")
    try:
        loaded = as_mapping(limited(json.loads(text), nodes=MAX_INDEX_NODES))
    except (ValueError, RecursionError):
        return None
    return as_mapping(loaded.get("entries"))


class _Reader:
    """Walks through the events of an index."""

    def __init__(self, text: str | IO[bytes]) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml_text.LOADER)  # pyright: ignore[reportArgumentType]
        self._left = MAX_INDEX_NODES
        self._anchors: dict[str, object] = {}

    def entries(self) -> Iterator[tuple[str, Values | None]]:
        self._next()  # the stream
        self._next()  # the document
        found = False
        if isinstance(self._next(), yaml.MappingStartEvent):
            for name in self._names():
                value = self._next()
                if name == "entries" and isinstance(value, yaml.MappingStartEvent):
                    found = True
                    for chart in self._names():
                        yield from self._versions(chart)
                else:
                    self._skip(value)
        if not found:
            raise TextError("This is not the index of a chart repository: it has no entries.")

    def _versions(self, chart: str) -> Iterator[tuple[str, Values | None]]:
        first = self._next()
        if not isinstance(first, yaml.SequenceStartEvent):
            self._skip(first)
            yield chart, None
            return
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            if not isinstance(event, yaml.MappingStartEvent):
                yield chart, as_mapping(self._built(event, [MAX_ENTRY_NODES], 0))
                continue
            entry: Values = {}
            budget = [MAX_ENTRY_NODES]
            for name in self._names():
                value = self._next()
                if name in _READ:
                    entry[name] = self._built(value, budget, 0)
                else:
                    self._skip(value)
            if event.anchor:
                self._anchors[event.anchor] = entry
            yield chart, entry

    def _names(self) -> Iterator[str]:
        """The names of a mapping; whoever asks reads the value of each before the next."""
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent):
                yield event.value[:200]
            else:
                self._skip(event)
                self._skip(self._next())

    def _built(self, event: Any, budget: list[int], depth: int) -> object:
        budget[0] -= 1
        if budget[0] < 0 or depth > MAX_DEPTH:
            raise TextError("An entry of this index is too large.")
        value: object = None
        if isinstance(event, yaml.AliasEvent):
            return limited(self._anchors.get(str(event.anchor)), nodes=budget[0])
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            rows: list[object] = []
            while not isinstance(inner := self._next(), yaml.SequenceEndEvent):
                rows.append(self._built(inner, budget, depth + 1))
            value = rows
        elif isinstance(event, yaml.MappingStartEvent):
            value = {name: self._built(self._next(), budget, depth + 1) for name in self._names()}
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _skip(self, event: Any) -> None:
        level = 0
        while True:
            if isinstance(event, yaml.CollectionStartEvent):
                level += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                level -= 1
            if level <= 0:
                return
            event = self._next()

    def _next(self) -> Any:
        self._left -= 1
        if self._left < 0:
            raise TextError("This index is too large: it holds too many values.")
        event = next(self._events, None)
        if event is None:
            raise TextError("This is not the index of a chart repository: it ends too early.")
        return event


def _scalar(event: yaml.ScalarEvent) -> object:
    text = event.value
    if not event.implicit[0]:  # in quotes, or with a tag
        return text
    match kind_of(text) if text else "null":
        case "bool":
            return text.lower() in {"y", "yes", "true", "on"}
        case "null":
            return None
        case "int" | "float":
            try:
                return int(text)
            except ValueError:
                return _float(text)
        case _:
            return text


def _float(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
