"""Sources of charts as configured by an administrator, and their current state."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import ConfigDict

from portal.domain.charts import ChartEntry

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?")  # it becomes part of a label's value
_CHART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_OCI_CHART = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")


class SourceKind(StrEnum):
    """The kinds of sources."""

    BUILTIN = "builtin"
    FOLDER = "folder"
    REPOSITORY = "repository"
    OCI = "oci"


@dataclass(frozen=True, slots=True)
class ChartPreset:
    """Named values to start from, for the source's chart named ``chart``."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    chart: str
    name: str
    description: str = ""
    values: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Source:
    """One source.

    ``url`` is the repository's address (``https://…``) or the registry's path (``oci://…``),
    ``path`` the folder. ``charts`` are patterns of chart names, all if empty; for a registry,
    which has no index, the names themselves. ``hosts`` are further ``host[:port]`` that its
    archives and redirects may lead to. ``plain_http`` uses a registry without TLS.
    ``credentials`` is a folder with its user name and password (see ``sign_in``), and
    ``token_host`` another host to which a registry may send them for tokens.
    ``presets`` are offered above the forms of its charts.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    kind: SourceKind
    url: str = ""
    path: Path | None = None
    charts: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    plain_http: bool = False
    credentials: Path | None = None
    token_host: str = ""
    presets: tuple[ChartPreset, ...] = ()

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ValueError(f"{self.name}: {problem}")

    def allows(self, chart: str) -> bool:
        """Return True if a chart of this name may be offered."""
        return not self.charts or any(fnmatchcase(chart, each) for each in self.charts)

    def presets_of(self, chart: str) -> tuple[ChartPreset, ...]:
        """The presets of a chart."""
        return tuple(each for each in self.presets if each.chart == chart)

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Every ``host[:port]`` that may be asked for this source, its own included."""
        named = (urlsplit(self.url).netloc, *self.hosts, self.token_host)
        return frozenset(map(str.lower, named)) - {""}


def _problem(source: Source) -> str:
    if not _NAME.fullmatch(source.name):
        return "a source's name is made of lower-case letters, digits and “-”."
    named = [(each.chart, each.name) for each in source.presets]
    if len(set(named)) < len(named):
        return "two presets of a chart have the same name."
    parts = urlsplit(source.url)
    if parts.username or parts.password:
        return "the address must not hold a password."
    match source.kind:
        case SourceKind.FOLDER if source.credentials is not None:
            return "a folder needs no credentials."
        case SourceKind.FOLDER if source.path is None:
            return "a folder needs its path."
        case SourceKind.REPOSITORY if parts.scheme not in {"http", "https"} or not parts.netloc:
            return "a repository needs its url, https://…"
        case SourceKind.OCI if parts.scheme != "oci" or not parts.netloc:
            return "a registry needs its url, oci://…"
        case SourceKind.OCI if not source.charts:
            return "a registry has no index: list its charts."
        case SourceKind.OCI if not all(_OCI_CHART.fullmatch(each) for each in source.charts):
            return "the charts of a registry are names, not patterns."
        case SourceKind.FOLDER | SourceKind.REPOSITORY if source.token_host:
            return "only a registry has a token_host."
        case _:
            return ""


def chart_name_problem(name: str) -> str:
    """The problem with a chart's name, before it becomes part of a path; "" if there is none."""
    if _CHART.fullmatch(name) and ".." not in name:
        return ""
    return "A chart's name is made of letters, digits, “.”, “_” and “-”."


class SourceState(Struct, frozen=True):
    """The state of a source; an unreachable one keeps its last charts.

    ``read_at`` is when it was last read; ``error`` says why that fails, ``since`` since when.
    ``skipped`` counts entries that were left out, and ``notes`` say which, and what cannot be
    fetched.
    """

    source: Source
    charts: tuple[ChartEntry, ...] = ()
    read_at: datetime | None = None
    error: str = ""
    since: datetime | None = None
    skipped: int = 0
    notes: tuple[str, ...] = ()
    loading: bool = True

    def chart(self, name: str) -> ChartEntry | None:
        """The chart of this name; None if it is not listed."""
        return next((each for each in self.charts if each.name == name), None)
