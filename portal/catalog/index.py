"""Reading the index of a classic repository, the file ``index.yaml``. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from portal.catalog.sources import Source, chart_name_problem
from portal.catalog.text import TextError, load, text_of
from portal.catalog.values import Values, as_list, as_mapping
from portal.domain.charts import ChartEntry, ChartVersion, fingerprint, version_order

MAX_INDEX = 10 * 1024 * 1024
MAX_INDEX_NODES = 1_000_000
MAX_CHARTS = 2_000
MAX_VERSIONS = 200
"""Versions of one chart that are listed, the newest ones."""


class Index(Struct, frozen=True):
    """The charts of an index, sorted by name, and the number of entries that were skipped."""

    charts: tuple[ChartEntry, ...]
    skipped: int


def read_index(text: str, source: Source) -> Index:
    """The charts in an index that ``source`` allows; malformed entries are skipped and counted.

    Raises:
        TextError: this is not an index.
    """
    loaded = as_mapping(load(text, limit=MAX_INDEX, nodes=MAX_INDEX_NODES))
    if not isinstance(loaded.get("entries"), dict):
        raise TextError("This is not the index of a chart repository: it has no entries.")
    base = source.url.rstrip("/") + "/"
    charts: list[ChartEntry] = []
    skipped = 0
    for name, listed in as_mapping(loaded["entries"]).items():
        if chart_name_problem(name):
            skipped += 1
            continue
        if not source.allows(name):
            continue
        versions: dict[str, ChartVersion] = {}
        for each in as_list(listed):
            version = _version(as_mapping(each), name, base)
            if version is None or version.version in versions:
                skipped += 1
            else:
                versions[version.version] = version
        if versions:
            charts.append(ChartEntry(name, newest_first(versions.values())))
    if len(charts) > MAX_CHARTS:
        skipped += len(charts) - MAX_CHARTS
    return Index(tuple(sorted(charts, key=lambda each: each.name)[:MAX_CHARTS]), skipped)


def newest_first(versions: Iterable[ChartVersion]) -> tuple[ChartVersion, ...]:
    """The newest ``MAX_VERSIONS`` versions, newest first."""
    known = sorted(versions, key=lambda each: version_order(each.version), reverse=True)
    return tuple(known[:MAX_VERSIONS])


def _version(entry: Values, name: str, base: str) -> ChartVersion | None:
    if text_of(entry, "name") not in {"", name} or text_of(entry, "type") == "library":
        return None
    urls = tuple(
        url
        for each in as_list(entry.get("urls"))[:5]
        if isinstance(each, str) and (url := _address(base, each))
    )
    version = chart_version(entry, urls=urls, digest=text_of(entry, "digest", 80))
    return version if version.version and urls else None


def _address(base: str, url: str) -> str:
    """The absolute address of ``url``; "" unless it is an http or https one."""
    try:
        whole = urljoin(base, url.strip())
        parts = urlsplit(whole)
    except ValueError:
        return ""
    return whole if parts.scheme in {"http", "https"} and parts.netloc else ""


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
