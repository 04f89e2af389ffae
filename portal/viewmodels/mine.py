"""The notifications of one person: own apps in trouble, and operations that one has begun."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from portal.domain.operations import Operation
from portal.domain.permissions import Scope
from portal.viewmodels.operation import STATES, running
from portal.viewmodels.releases import ReleaseList

RECENT = 600.0
"""Seconds for which an operation that has ended is told, for browsers that were not connected."""

MOST = 200
"""The most apps of which a browser is told; those in trouble come first."""


class MineView(Struct, frozen=True):
    """The apps that a browser is told of, as plain data for ``notify.js``.

    Each is a mapping of ``app`` ("apps/demo"), ``state`` and ``problem`` ("" if it is in order),
    and of its newest operation ``operation`` (its id, "" if none is told), ``what`` ("Launch"),
    ``ended`` ("" while it runs) and ``mine`` (True if the viewer has begun it). ``unanswered`` says
    why the viewer's rights are not known; "" if they are.
    """

    apps: tuple[Mapping[str, str | bool], ...]
    unanswered: str = ""


def mine_view(listed: ReleaseList, scope: Scope, now: datetime) -> MineView:
    """The viewer's own apps that are in trouble or change, and those that the viewer changes."""
    if scope.unanswered or scope.own is None:
        return MineView((), scope.unanswered)
    own = {entry.row.key: entry.row for entry in listed.by_owner.get(scope.own, ())}
    seen = scope.namespaces
    found: list[Mapping[str, str | bool]] = []
    begun = set(listed.begun_by.get(scope.own, ()))
    for key in own.keys() | begun:
        if seen is not None and key.namespace not in seen:
            continue
        operation = listed.apps[key].operation
        row = own.get(key)
        troubled = row is not None and row.problem and row.status.severity.troubled
        told = operation if operation and _recent(operation, now) else None
        if troubled or told:
            found.append(
                {
                    "app": f"{key.namespace}/{key.name}",
                    "state": row.status.text if row and troubled else "",
                    "problem": row.problem if row and troubled else "",
                    "operation": told.id if told else "",
                    "what": told.verb.noun.capitalize() if told else "",
                    "ended": STATES[told.phase][0] if told and told.phase.terminal else "",
                    "mine": bool(told and key in begun),
                }
            )
    found.sort(key=lambda each: (not each["problem"], str(each["app"])))
    return MineView(tuple(found[:MOST]))


def _recent(operation: Operation, now: datetime) -> bool:
    return running(operation) or (now - operation.updated_at).total_seconds() < RECENT
