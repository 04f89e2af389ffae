"""Recognition of removals that have ended without removing the release. Pure."""

from __future__ import annotations

from datetime import datetime

from portal.domain.objects import ReleaseStatus
from portal.domain.operations import DEAD_AFTER
from portal.state.model import AppState


def removal_failed(state: AppState, now: datetime) -> bool:
    """Return True if a release is still ``uninstalling`` and nobody is working on it.

    That is certain if the portal's own removal has ended. Else it is assumed after ``DEAD_AFTER``
    seconds without a change: somebody may be running Helm in a terminal.
    """
    release, operation = state.release, state.operation
    if release is None or release.status is not ReleaseStatus.UNINSTALLING:
        return False
    if operation is not None and not operation.phase.terminal:
        return False
    changed = release.updated_at
    ours = operation is not None and operation.verb.removes
    if ours and operation and (changed is None or changed <= operation.updated_at):
        return True
    return changed is not None and (now - changed).total_seconds() > DEAD_AFTER


def unfinished_hook(state: AppState) -> str:
    """The delete hook that was started and is not known to have succeeded; "" if none."""
    hooks = state.detail.delete_hooks if state.detail else ()
    return next((str(each) for each in hooks if each.unfinished), "")
