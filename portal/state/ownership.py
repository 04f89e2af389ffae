"""The owners of an app, from its state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from portal.domain.identity import ANONYMOUS
from portal.domain.keys import LAUNCHED_BY
from portal.domain.owners import NOBODY, Owners, label_of, text_of
from portal.state.elsewhere import managed_elsewhere
from portal.state.model import AppState


def owners_of(state: AppState) -> Owners | None:
    """Return the owners of an app; None while they are not known.

    They are labels of Helm's record. A release that was made without them belongs to the user
    named in its values. An app without a record belongs to the user of its last operation,
    unless that has ended and objects run under its name: those are somebody else's.
    """
    release, detail, operation = state.release, state.detail, state.operation
    if release is None:
        if operation is None or (operation.phase.terminal and managed_elsewhere(state)):
            return NOBODY
        return by_name(operation.actor)
    if release.owners.owner:
        return release.owners
    if detail is None or (detail.revision, detail.uid) != (release.revision, release.uid):
        return None
    return with_annotation(release.owners, detail.values)


def known_owners(states: Iterable[AppState]) -> frozenset[str]:
    """Return the owners of the apps that have a release, as labels."""
    owners = (owners_of(each) for each in states if each.release is not None)
    return frozenset(each.owner for each in owners if each and each.owner)


def with_annotation(owners: Owners, values: Mapping[str, object]) -> Owners:
    """Return ``owners``, with the owner named in ``values`` if they have none."""
    if owners.owner:
        return owners
    named = annotated(values)
    return Owners(by_name(named).owner, owners.shared) if named else owners


def annotated(values: Mapping[str, object]) -> str:
    """Return the user who launched an app according to its values, "" if they name none."""
    annotations = values.get("commonAnnotations")
    if not isinstance(annotations, Mapping):
        return ""
    named = cast("Mapping[object, object]", annotations).get(LAUNCHED_BY)
    return named if isinstance(named, str) else ""


def owner_name(owners: Owners, values: Mapping[str, object]) -> str:
    """Return the owner's name, "" if unknown; long names are in the values only."""
    named = annotated(values)
    if not owners.owner or label_of(named) == owners.owner:
        return named
    return text_of(owners.owner)


def by_name(user: str) -> Owners:
    """Return the owners of a user's app; no owner for the anonymous user."""
    return NOBODY if user in {"", ANONYMOUS.user} else Owners(label_of(user))
