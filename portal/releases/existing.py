"""The release that already has a requested name, or whose objects would be taken over."""

from __future__ import annotations

from msgspec import Struct

from portal.catalog import dash_app
from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.owners import NOBODY
from portal.state.model import AppState
from portal.state.ownership import owner_name, owners_of


class Existing(Struct, frozen=True):
    """A release that already has the requested name.

    ``ours`` is False if its chart is not the built-in one; ``sentence`` says what launching under
    this name would do, or why it is refused.
    """

    key: Key
    chart: str
    revision: int
    ours: bool
    launched_by: str
    sentence: str


def existing(state: AppState) -> Existing | None:
    """Return the release that has a name in the snapshot, None if the name is free."""
    key, release, detail = state.key, state.release, state.detail
    if release is None or release.status is ReleaseStatus.UNINSTALLED:
        return None
    chart = detail.chart if detail and not detail.damaged else ""
    # Not decoded yet: the operation checks again before it changes anything.
    ours = chart in {dash_app.CHART_NAME, ""}
    by = owner_name(owners_of(state) or NOBODY, detail.values if detail else {})
    whose = f", owned by {by}" if by else ""
    there = f"{key.name} exists already in {key.namespace}{whose}"
    sentence = (
        f"{there}: this changes it, as revision {release.revision + 1}."
        if ours
        else f"{there}, and comes from another chart ({chart})."
    )
    return Existing(key, chart, release.revision, ours, by, sentence)


def taken_over(key: Key, what: str, manager: str = "", *, record: bool = False) -> Conflict:
    """Return the error for launching over a release that is managed elsewhere.

    ``what`` is an object that Helm would take over or, if ``record``, the record of the release.
    ``manager`` is the tool that its labels name, "" if none.
    """
    by = f", managed by {manager}," if manager else ""
    found = (
        f"Helm's record of it is the {what}."
        if record
        else f"Its {what} is there, and no record of it in a Secret of this namespace: Helm would "
        "take over what may be in use."
    )
    where = f"in {manager}" if manager else "with the tool that installed it"
    return Conflict(
        f"A release {key.name}{by} that the portal does not manage exists in {key.namespace}. "
        f"{found}",
        f"Choose another name. Or remove that release first, {where}: if that was Helm, it may "
        "keep its records in ConfigMaps or a database (HELM_DRIVER), or in another namespace.",
    )
