"""Entries of the audit trail, and the chain that they form. Pure.

The body of an entry is JSON in one spelling: sorted names, no blanks, ASCII. It holds the entry's
position and the hash of the entry before, and its own hash is the SHA-256 of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from msgspec import Struct

from portal.domain.audit import Event

BEGINNING = "0" * 64
"""The hash before the first entry."""

MOST_TEXT = 500
"""Characters of a text in an entry, except in its detail."""

Body = Mapping[str, object]


class Head(Struct, frozen=True):
    """The end of the chain: the position and hash of the newest entry."""

    position: int = 0
    hash: str = BEGINNING


class Entry(Struct, frozen=True):
    """An entry as it is stored. ``time`` is in milliseconds since 1970, UTC.

    The fields beside ``body`` repeat it, to search by.
    """

    position: int
    time: int
    actor: str
    action: str
    outcome: str
    namespace: str
    release: str
    body: str
    hash: str

    @property
    def content(self) -> Body:
        """The body as a mapping."""
        return cast("Body", json.loads(self.body))


class Draft(Struct, frozen=True):
    """An event with the time and the request in which it happened, before it has a position."""

    event: Event
    at: datetime
    portal: str = ""
    request: str = ""
    via: str = ""
    audit_ids: tuple[str, ...] = ()


def fields_of(draft: Draft) -> dict[str, object]:
    """Return the body of an entry without its place in the chain; what is empty is left out."""
    event = draft.event
    identity, key = event.identity, event.key
    said: dict[str, object] = {
        "time": draft.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "action": event.action,
        "outcome": str(event.outcome),
        "actor": _clean(identity.user) if identity else "",
        "groups": [_clean(each) for each in identity.groups] if identity else [],
        "via": _clean(draft.via),
        "namespace": key.namespace if key else "",
        "release": key.name if key else "",
        "operation": event.operation,
        "request": draft.request,
        "audit_ids": list(draft.audit_ids),
        "portal": draft.portal,
        "detail": dict(event.detail),
    }
    return {name: value for name, value in said.items() if value not in ("", [], {})}


def chained(head: Head, fields: Iterable[Mapping[str, object]]) -> Iterator[Entry]:
    """Yield the entries that continue a chain from ``head``."""
    position, previous = head.position, head.hash
    for each in fields:
        position += 1
        body = canonical({**each, "position": position, "previous": previous})
        previous = digest(body)
        yield entry_of(body, previous)


def entry_of(body: str, hash_: str) -> Entry:
    """Return the entry with a body and a hash; raises ``ValueError`` if the body is malformed."""
    content = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("the body of an entry is not a mapping")
    found = cast("Body", content)
    position, at = found.get("position"), datetime.fromisoformat(str(found.get("time")))
    if not isinstance(position, int):
        raise ValueError("the body of an entry has no position")
    return Entry(
        position=position,
        time=round(at.timestamp() * 1000),
        actor=str(found.get("actor", "")),
        action=str(found.get("action", "")),
        outcome=str(found.get("outcome", "")),
        namespace=str(found.get("namespace", "")),
        release=str(found.get("release", "")),
        body=body,
        hash=hash_,
    )


def canonical(body: Mapping[str, object]) -> str:
    """Return JSON in its one spelling."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)


def digest(body: str) -> str:
    """Return the hash of a body."""
    return hashlib.sha256(body.encode()).hexdigest()


class Check:
    """Checks the entries of a chain in the order of their positions, part by part.

    ``noted`` are hashes by position that were kept elsewhere, as in the portal's log: only they
    show that the whole end of a chain was made anew.
    """

    MOST = 20
    """Problems that are told; the rest is counted."""

    def __init__(self, noted: Mapping[int, str] | None = None) -> None:
        self._noted = dict(noted or {})
        self._found: list[str] = []
        self._number = 0
        self.head = Head()
        """The last entry that was checked."""

    def take(self, entries: Sequence[Entry]) -> None:
        """Check the next entries."""
        for entry in entries:
            self._one(entry)

    def end(self, expected: Head) -> tuple[str, ...]:
        """Compare with the end that the chain should have; return all problems, in sentences."""
        at = self.head
        if at.position < expected.position:
            self._say(
                f"{_entries(at.position + 1, expected.position)} missing: the chain ends "
                f"at {expected.position}."
            )
        elif at != expected:
            self._say(
                f"The end of the chain was noted as entry {expected.position}, with another hash "
                "or position."
            )
        for position in sorted(self._noted):
            if position > at.position:
                self._say(f"Entry {position} was noted elsewhere, and is missing.")
        more = self._number - len(self._found)
        return (*self._found, *([f"… and {more:,} more problems."] if more else []))

    def _one(self, entry: Entry) -> None:
        position, before = entry.position, self.head
        if position > before.position + 1:
            self._say(f"{_entries(before.position + 1, position - 1)} missing.")
        try:
            content = cast("Body", json.loads(entry.body))
            own = entry_of(entry.body, entry.hash)
        except (ValueError, TypeError):
            self._say(f"Entry {position} was changed: its content cannot be read.")
        else:
            if digest(entry.body) != entry.hash:
                self._say(f"Entry {position} was changed: its hash is not that of its content.")
            elif own != entry:
                self._say(
                    f"Entry {position} was changed: its columns are not those of its content."
                )
            elif content.get("previous") != before.hash and position == before.position + 1:
                self._say(f"Entry {position} does not follow the entry before it.")
        noted = self._noted.pop(position, entry.hash)
        if noted != entry.hash:
            self._say(f"Entry {position} is not the one that was noted elsewhere.")
        self.head = Head(position, entry.hash)

    def _say(self, problem: str) -> None:
        self._number += 1
        if len(self._found) < self.MOST:
            self._found.append(problem)


def _entries(first: int, last: int) -> str:
    return f"Entry {first} is" if first == last else f"Entries {first} to {last} are"


def _clean(text: str) -> str:
    """Return a text that every database keeps: no NUL, no half characters, not too long."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()[:MOST_TEXT]
