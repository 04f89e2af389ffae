"""A removal that does not end because somebody does not let go."""

from __future__ import annotations

from datetime import datetime

from portal.state.held import held
from portal.state.model import AppState
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import joined

HELD_AFTER = 10.0
"""Seconds for which an object may be held before its removal counts as blocked: whoever set a
finalizer mostly lets go sooner."""


def blocked_removal(state: AppState, now: datetime) -> Notice | None:
    """What finalizers keep of an app that is gone otherwise, and the way out; else None."""
    found = held(state)
    began = [each.deleting_since for _, each in found if each.deleting_since]
    if not found or (began and (now - min(began)).total_seconds() <= HELD_AFTER):
        return None
    words = [
        f"The {kind} {each.key.name} is being deleted, but held by {joined(each.finalizers)}."
        for kind, each in found
    ]
    kind, first = found[0]
    return Notice(
        Severity.BAD,
        "Its removal is blocked",
        " ".join(words),
        "What has set this finalizer takes it away when its work is done: ask whoever runs that. "
        "If it is gone for good, an administrator can let go in its place: kubectl patch "
        f"{kind.lower()} {first.key.name} -n {first.key.namespace} --type merge "
        """-p '{"metadata":{"finalizers":null}}'""",
    )
