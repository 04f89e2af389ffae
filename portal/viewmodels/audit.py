"""Entries of the audit trail as a page shows them, and as they are exported."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import cast

from msgspec import Struct

from portal.audit.chain import Entry
from portal.domain.audit import Outcome
from portal.domain.keys import Key
from portal.viewmodels.model import Badge, Severity

MOST_CHANGES = 30
"""Changes of values that the page shows of an entry; an export has all that are kept."""

_SEVERITIES = {
    Outcome.BEGUN: Severity.QUIET,
    Outcome.APPLYING: Severity.QUIET,
    Outcome.SUCCEEDED: Severity.GOOD,
}

_LABELS = {
    "goal": "Goal",
    "reason": "Reason",
    "error": "Error",
    "revision_before": "Revision before",
    "revision": "Revision",
    "milliseconds": "Milliseconds",
    "pod": "Pod",
    "container": "Container",
    "via": "Signed in through",
    "groups": "Groups",
    "operation": "Operation",
    "request": "Request",
    "audit_ids": "Kubernetes audit ids",
    "portal": "Portal pod",
}
"""Names of what an entry may say, in the order of the page; anything else follows."""

COLUMNS = (
    *("position", "time", "actor", "groups", "via", "action", "outcome", "namespace", "release"),
    *("operation", "request", "audit_ids", "portal", "detail", "previous", "hash"),
)
"""The columns of an export."""


class ChangeRow(Struct, frozen=True):
    """A value before and after a change; "" where there is none."""

    path: str
    before: str
    after: str


class EntryRow(Struct, frozen=True):
    """An entry; ``key`` is None if it is about no release, ``facts`` are names and texts."""

    position: int
    at: datetime
    actor: str
    action: str
    outcome: Badge
    key: Key | None
    facts: tuple[tuple[str, str], ...]
    changes: tuple[ChangeRow, ...] = ()
    more_changes: int = 0
    hash: str = ""


def entry_rows(entries: Iterable[Entry]) -> tuple[EntryRow, ...]:
    """Return rows for entries. The time grows with them: not for the event loop."""
    return tuple(map(_row, entries))


def _row(entry: Entry) -> EntryRow:
    content = entry.content
    detail = dict(cast("Mapping[str, object]", content.get("detail", {})))
    changes = [
        cast("Mapping[str, object]", each)
        for each in cast("Sequence[object]", detail.pop("changes", ()))
    ]
    more = detail.pop("more_changes", 0)
    said = {name: _text(content.get(name) or detail.get(name)) for name in _LABELS}
    facts = [(_LABELS[name], text) for name, text in said.items() if text]
    facts += [
        (name.replace("_", " ").capitalize(), _text(value))
        for name, value in detail.items()
        if name not in _LABELS
    ]
    return EntryRow(
        position=entry.position,
        at=datetime.fromisoformat(str(content["time"])),
        actor=entry.actor or "the portal",
        action=entry.action.replace("-", " "),
        outcome=_badge(entry.outcome),
        key=Key(entry.namespace, entry.release) if entry.release else None,
        facts=tuple(facts),
        changes=tuple(
            ChangeRow(str(each["path"]), _text(each.get("before")), _text(each.get("after")))
            for each in changes[:MOST_CHANGES]
        ),
        more_changes=max(0, len(changes) - MOST_CHANGES) + (more if isinstance(more, int) else 0),
        hash=entry.hash,
    )


def _badge(outcome: str) -> Badge:
    if outcome == Outcome.FAILED:
        return Badge(outcome, Severity.BAD)
    known = outcome in set(Outcome)
    severity = _SEVERITIES.get(Outcome(outcome), Severity.WARN) if known else Severity.QUIET
    return Badge(outcome, severity)


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_text, cast("list[object]", value)))
    return json.dumps(value) if isinstance(value, dict) else str(value)


def csv_text(entries: Iterable[Entry], *, head: bool) -> str:
    """Return entries as CSV, with the names of the columns first if ``head``."""
    text = io.StringIO()
    writer = csv.writer(text)
    if head:
        writer.writerow(COLUMNS)
    for each in entries:
        content = {**each.content, "hash": each.hash}
        writer.writerow(_cell(content.get(name)) for name in COLUMNS)
    return text.getvalue()


def json_lines(entries: Iterable[Entry]) -> str:
    """Return entries as JSON, one a line: the body as it is hashed, and the hash."""
    return "".join(f'{{"entry":{each.body},"hash":"{each.hash}"}}\n' for each in entries)


def _cell(value: object) -> str:
    """Return the text of a cell that no spreadsheet takes for a formula."""
    text = json.dumps(value) if isinstance(value, dict) else _text(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
