"""Queries of the audit trail: what a page or an export asks for. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode

from msgspec import Struct
from msgspec.structs import replace

from portal.audit.chain import Entry
from portal.domain.audit import Outcome

MOST_TEXT = 253

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"[0-9]{1,15}")


class AuditQuery(Struct, frozen=True):
    """A query: "" and None ask for any. All texts are whole values.

    ``first_day`` and ``last_day`` are days in UTC, as ``2026-11-29``; ``before`` is the position
    that all entries are before, 0 for the newest. ``own`` and ``namespaces`` limit what the viewer
    may see, whatever is asked for.
    """

    actor: str = ""
    namespace: str = ""
    release: str = ""
    action: str = ""
    outcome: str = ""
    first_day: str = ""
    last_day: str = ""
    before: int = 0
    own: str | None = None
    namespaces: frozenset[str] | None = None

    @property
    def since(self) -> int | None:
        """The beginning of the first day, in milliseconds since 1970."""
        return _milliseconds(self.first_day)

    @property
    def until(self) -> int | None:
        """The end of the last day, in milliseconds since 1970."""
        return _milliseconds(self.last_day, days=1)

    @property
    def filtered(self) -> bool:
        """True if not all entries are asked for that the viewer may see."""
        return any(getattr(self, name) for name in FIELDS)

    def encode(self, *, before: int = 0) -> str:
        """Return the query of an address for the same entries, from a position on."""
        said = {name: str(getattr(self, name)) for name in FIELDS if getattr(self, name)}
        if before:
            said["before"] = str(before)
        return urlencode(said, errors="replace")

    @classmethod
    def parse(cls, search: str | None) -> AuditQuery:
        """Read the query of an address; what is malformed is left out."""
        asked = parse_qs((search or "").lstrip("?"))
        said = {name: asked[name][0].strip()[:MOST_TEXT] for name in FIELDS if name in asked}
        for name in ("first_day", "last_day"):
            if _milliseconds(said.get(name, "")) is None:
                said.pop(name, None)
        if said.get("outcome", "") not in {"", *Outcome}:
            said.pop("outcome")
        before = asked.get("before", ["0"])[0]
        number = int(before) if _NUMBER.fullmatch(before) else 0
        return replace(cls(before=number), **said)


class Part(Struct, frozen=True):
    """A part of what a query finds, newest first; ``more``: there are older ones."""

    entries: tuple[Entry, ...] = ()
    more: bool = False


FIELDS = ("actor", "namespace", "release", "action", "outcome", "first_day", "last_day")
"""The fields that a viewer chooses."""


def _milliseconds(day: str, days: int = 0) -> int | None:
    if not _DAY.fullmatch(day):
        return None
    try:
        at = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return round(at.timestamp() * 1000)
