"""Preconditions of a change, checked before it begins and again while it runs."""

from __future__ import annotations

from collections.abc import Callable

from portal.domain.errors import Conflict, NotFound
from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.version_ranges import within
from portal.helm_service.errors import busy
from portal.releases.current import CurrentRelease, check_stored_with_objects, stored_elsewhere
from portal.releases.existing import Existing, existing, taken_over
from portal.releases.ports import NamespaceLookup
from portal.state.elsewhere import managed_elsewhere
from portal.state.finalizers import held_by_finalizers
from portal.state.store import Store
from portal.state.workloads import keda_is_paused, scaled_by


class Preconditions:
    """Checks against the snapshot.

    ``check_idle`` raises while an operation is under way on a release.
    """

    def __init__(
        self, store: Store, check_idle: Callable[[Key], None], namespaces: NamespaceLookup | None
    ) -> None:
        self._store = store
        self._check_idle = check_idle
        self._namespaces = namespaces

    def existing(self, key: Key) -> Existing | None:
        """Return the release that has this name, None if it is free; cheap."""
        return existing(self._store.snapshot.app(key))

    def require_existing(self, key: Key) -> Existing:
        """Return the release that has this name; raises ``NotFound`` if there is none."""
        found = self.existing(key)
        if found is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        return found

    def check_idle(self, key: Key) -> None:
        """Raise ``Conflict`` if an operation is under way on a release."""
        self._check_idle(key)

    def check_free(self, key: Key, allow: ReleaseStatus | None = None) -> None:
        """Raise if a release is in use by an operation, pending, or held by finalizers.

        ``allow`` is a pending status that is accepted.
        """
        self._check_idle(key)
        state = self._store.snapshot.app(key)
        release = state.release
        if release is not None:
            check_stored_with_objects(release)
        if release is not None and release.status.pending and release.status is not allow:
            raise busy(key, release.status)
        for kind, each in held_by_finalizers(state):
            raise Conflict(  # Helm would "upgrade" objects that are being deleted
                f"An earlier {key.name} is not gone yet: {', '.join(each.finalizers)} holds its "
                f"{kind} {each.key.name}.",
                "The app's page says what to do about that. Or choose another name.",
            )

    def check_scaled_here(self, key: Key) -> None:
        """Raise ``Conflict`` if KEDA scales the app: it would undo what is set here."""
        state = self._store.snapshot.app(key)
        name = scaled_by(state)
        if name and keda_is_paused(state):
            raise Conflict(
                f"The number of pods of {key.name} is KEDA's (ScaledObject {name}), also while it "
                "is paused.",
                "Set it by the ScaledObject's annotation autoscaling.keda.sh/paused-replicas.",
            )
        if name:
            raise Conflict(
                f"KEDA scales {key.name} (ScaledObject {name}) and undoes a number that is set "
                "here.",
                "Change the ScaledObject's minReplicaCount and maxReplicaCount, or pause it.",
            )

    def taken_elsewhere(self, key: Key) -> Conflict | None:
        """Return the error for a name that belongs to a release managed elsewhere, else None.

        Helm would take its objects over silently. They may be in use.
        """
        state = self._store.snapshot.app(key)
        if state.release is not None:
            return stored_elsewhere(state.release)
        if state.operation is not None and not state.operation.phase.terminal:
            return None  # its objects are coming or going
        found = managed_elsewhere(state)
        return None if found is None else taken_over(key, found.objects[0], found.manager)

    def check_unchanged(
        self, current: CurrentRelease | None, key: Key, expected_revision: int | None
    ) -> None:
        """Raise ``Conflict`` if a release is no longer at ``expected_revision``.

        None means that the user has not seen a revision; then nothing is checked.
        """
        if expected_revision is None:
            return
        if current is None:
            raise Conflict(
                f"{key.name} was uninstalled since you opened this form.",
                "To have it back, launch it as a new app.",
            )
        if current.revision == expected_revision:
            return
        last = self._store.snapshot.app(key).operation
        by = ""
        if last and last.revision == current.revision and last.actor not in {"", "anonymous"}:
            by = f" by {last.actor}"
        raise Conflict(
            f"{key.name} was changed{by} since you opened this form: it is at revision "
            f"{current.revision} now, and this shows revision {expected_revision}.",
            "Reload the page to see it as it is, then make your change again.",
        )

    async def namespace_problem(self, namespace: str) -> str:
        """Return an error if a namespace certainly does not exist, else ""."""
        if self._namespaces is None or not await self._namespaces.missing(namespace):
            return ""
        return (
            f"There is no namespace {namespace} in the cluster. Check the spelling, or ask an "
            "administrator to create it."
        )

    async def kubernetes_problem(self, wanted: str) -> str:
        """Return an error if this Kubernetes is not among the versions ``wanted``, else "".

        Helm asks the same, and refuses what it cannot read as well.
        """
        version = await self._namespaces.kubernetes() if self._namespaces and wanted else ""
        if not version or within(version, wanted):
            return ""
        hint = ""
        if within(version.partition("-")[0], wanted):
            hint = (
                f" Helm takes “{version}” for a pre-release, which that range leaves out: its "
                "author has to write it with “-0”, such as >=1.25.0-0."
            )
        return (
            f"This chart is for Kubernetes {wanted[:80]}, and this cluster has {version[:40]}."
            f"{hint} Choose another version of the chart."
        )
