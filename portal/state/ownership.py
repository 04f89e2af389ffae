"""Whose an app is, as far as its state tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from portal.domain.identity import ANONYMOUS
from portal.domain.keys import LAUNCHED_BY
from portal.domain.owners import NOBODY, Owners, label_of, text_of
from portal.state.model import AppState


def owners_of(state: AppState) -> Owners | None:
    """Who may change it; None while that is not known.

    Helm's record says it by a label. A release that was made before there was one, or before
    people were told apart, belongs to whom its values name. What has left no record (yet) belongs
    to who asked for it.
    """
    release, detail, operation = state.release, state.detail, state.operation
    if release is None:
        return by_name(operation.actor) if operation else NOBODY
    if release.owners.owner:
        return release.owners
    if detail is None or (detail.revision, detail.uid) != (release.revision, release.uid):
        return None
    return with_annotation(release.owners, detail.values)


def with_annotation(owners: Owners, values: Mapping[str, object]) -> Owners:
    """``owners``, and where they name no owner who is named in ``values``."""
    if owners.owner:
        return owners
    named = annotated(values)
    return Owners(by_name(named).owner, owners.shared) if named else owners


def annotated(values: Mapping[str, object]) -> str:
    """Who launched an app, as its values tell; "" if they do not."""
    annotations = values.get("commonAnnotations")
    if not isinstance(annotations, Mapping):
        return ""
    named = cast("Mapping[object, object]", annotations).get(LAUNCHED_BY)
    return named if isinstance(named, str) else ""


def owner_name(owners: Owners, values: Mapping[str, object]) -> str:
    """The owner's name, "" where nobody can tell; long ones are in the values alone."""
    named = annotated(values)
    if not owners.owner or label_of(named) == owners.owner:
        return named
    return text_of(owners.owner)


def by_name(user: str) -> Owners:
    """What belongs to a user; to nobody, where nobody was told apart."""
    return NOBODY if user in {"", ANONYMOUS.user} else Owners(label_of(user))
