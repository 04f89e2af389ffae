"""The releases as they are now, and whether the portal may change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from msgspec import Struct

from portal.catalog import dash_app
from portal.domain.errors import Conflict, DamagedRecord, NotFound
from portal.domain.keys import Key
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.owners import NOBODY, Owners
from portal.domain.release import ReleaseRecord
from portal.helm_service.errors import busy
from portal.operations.ports import RevisionRecords
from portal.operations.waiting import watched
from portal.state.ownership import owners_of, with_annotation
from portal.state.store import Store

Values = Mapping[str, object]


class CurrentRelease(Struct, frozen=True):
    """A release before a change.

    ``labelled`` is True if its record names its owner in a label.
    """

    revision: int
    status: str
    chart: str
    values: Values
    chart_version: str = ""
    source: str = ""
    owners: Owners = NOBODY
    labelled: bool = False


class CurrentReleases:
    """Reads releases from the snapshot or, where that may be out of date, from Helm's records."""

    def __init__(
        self, store: Store, records: RevisionRecords, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._records = records
        self._clock = clock
        self._last_made: dict[Key, int] = {}
        """The newest revision that this portal made of each release: the watch may lag behind."""

    async def find(self, key: Key) -> CurrentRelease | None:
        """Return the release, from the snapshot if that is current, else from Helm's record.

        None if there is none.
        """
        state = self._store.snapshot.app(key)
        release, detail = state.release, state.detail
        made = self._last_made.get(key, 0)
        shown = release.revision if release else 0
        if shown >= made and watched(self._store, Kind.RELEASE, self._clock()):
            if release is None or release.status is ReleaseStatus.UNINSTALLED:
                return None
            owners = owners_of(state)
            known = detail and not detail.damaged and detail.revision == release.revision
            if detail and known and owners is not None:
                return CurrentRelease(
                    release.revision,
                    release.status,
                    detail.chart,
                    detail.values,
                    detail.chart_version,
                    detail.source,
                    owners,
                    bool(release.owners.owner),
                )
        return await self.read(key)

    async def read(self, key: Key) -> CurrentRelease | None:
        """Return the release from Helm's record, None if there is none.

        For what must not be lost although a watch is behind, such as who owns it.
        """
        made = self._last_made.get(key, 0)
        found = await self._records.newest(key)
        if made and self._last_made.get(key) == made:
            # The record decides: the release may have been removed and installed again.
            self.record_revision(key, found.revision if found else 0)
        if found is None or found.status == ReleaseStatus.UNINSTALLED:
            return None
        return CurrentRelease(
            found.revision,
            found.status,
            found.chart,
            found.values,
            found.chart_version,
            found.source,
            with_annotation(found.owners, found.values),
            bool(found.owners.owner),
        )

    async def check_stored_with_objects(self, key: Key) -> None:
        """Raise ``Conflict`` if Helm keeps a release in another namespace than its objects.

        Only the body has the release's own namespace. If it cannot be read, that is taken to be
        the namespace of the record.
        """
        state = self._store.snapshot.app(key)
        release, detail = state.release, state.detail
        if release is None:
            return
        if detail is None or detail.revision != release.revision:
            with suppress(DamagedRecord):
                release = await self._records.newest(key) or release
        check_stored_with_objects(release)

    async def existing(self, key: Key) -> CurrentRelease:
        """Return the release; raises ``NotFound`` if it no longer exists."""
        current = await self.find(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} any more.")
        return current

    async def of_chart(self, key: Key, chart: str) -> CurrentRelease:
        """Return the release for a change.

        Raises ``NotFound`` if there is none, ``Conflict`` if it is of another chart.
        """
        current = await self.find(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        check_ours(current, key, chart)
        return current

    def record_revision(self, key: Key, revision: int) -> None:
        """Record the newest revision that this portal made; 0 for none."""
        if revision > 0:
            self._last_made[key] = revision
        else:
            self._last_made.pop(key, None)


def check_ours(current: CurrentRelease | None, key: Key, chart: str = dash_app.CHART_NAME) -> None:
    """Raise ``ReleaseBusy`` if the release is pending, ``Conflict`` if it is of another chart."""
    if current is None:
        return
    if current.status.startswith("pending-") or current.status == ReleaseStatus.UNINSTALLING:
        raise busy(key, current.status)
    if current.chart != chart:
        raise Conflict(
            f"{key.name} is a release of another chart ({current.chart}).",
            "Choose another name, or change that release on its own page.",
        )


def check_stored_with_objects(record: ReleaseRecord) -> None:
    """Raise ``Conflict`` if Helm keeps a release in another namespace than its objects."""
    error = stored_elsewhere(record)
    if error is not None:
        raise error


def stored_elsewhere(record: ReleaseRecord) -> Conflict | None:
    """Return the error for a release that Helm keeps in another namespace than its objects.

    None if it is kept with them. Helm's command line has one namespace for both: with the objects'
    namespace it would not find the record, with the record's it would delete the record and leave
    the objects.
    """
    if not record.storage_namespace:
        return None
    return Conflict(
        f"Helm's records of {record.key.name} are in the namespace {record.storage_namespace}, "
        f"and its objects in {record.key.namespace}: the portal shows such a release, but does "
        "not change it.",
        "Change it where it is managed, such as in its Flux HelmRelease (storageNamespace).",
    )
