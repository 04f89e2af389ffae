"""Finalizers that keep the objects of an uninstalled app from being deleted."""

from __future__ import annotations

from datetime import datetime

from portal.state.finalizers import held_by_finalizers
from portal.state.model import AppState
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import joined

HELD_AFTER = 10.0
"""Seconds after which a finalizer counts as blocking the removal: most are removed sooner."""


def blocked_removal(state: AppState, now: datetime) -> Notice | None:
    """A notice of the finalizers that keep a removed app's objects, with the remedy; else None."""
    found = held_by_finalizers(state)
    began = [each.deleting_since for _, each in found if each.deleting_since]
    if not found or (began and (now - min(began)).total_seconds() <= HELD_AFTER):
        return None
    words = [
        f"The {kind} {each.key.name} is being deleted, but kept by "
        f"{'the finalizers' if len(each.finalizers) > 1 else 'the finalizer'} "
        f"{joined(each.finalizers)}."
        for kind, each in found
    ]
    kind, first = found[0]
    return Notice(
        Severity.BAD,
        "Its removal is blocked",
        " ".join(words),
        "The controller that set a finalizer removes it when its clean-up is done. If that "
        f"controller no longer exists, an administrator can remove it from the {kind} "
        f"{first.key.name}.",
    )
