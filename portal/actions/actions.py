"""What a person can do to a release: authorise, validate, lock, run in the background, record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from portal.actions.desk import Desk
from portal.actions.forms import Forms, Raw, ScaleRequest
from portal.actions.recorder import Recorder
from portal.actions.rollout import Rollout, Wanted, gone, progress
from portal.actions.seams import ReplicaOwnership
from portal.auth.policy import Policy
from portal.catalog import dash_app
from portal.catalog.values import as_mapping, get
from portal.domain.errors import (
    ChartError,
    Conflict,
    FieldConflict,
    InvalidInput,
    NotFound,
)
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import LaunchSpec
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.operations import Operation, OperationPhase, Verb
from portal.helm_service.errors import busy
from portal.helm_service.helm import HelmClient, HelmResult, HelmRevision
from portal.state.model import AppState
from portal.state.store import Store

Values = Mapping[str, object]
Revision = HelmRevision
"""One line of a release's history."""

_REPLICAS = ".spec.replicas"


@dataclass(frozen=True, slots=True)
class Existing:
    """A release that already has the name asked for.

    ``ours`` is False if its chart is not the one the form fills in; ``sentence`` says what
    launching on top of it would do, or why it is refused.
    """

    key: Key
    chart: str
    revision: int
    ours: bool
    launched_by: str
    sentence: str


@dataclass(frozen=True, slots=True)
class _Current:
    """The release as it is before a change."""

    revision: int
    status: str
    chart: str
    values: Values


def _now() -> datetime:
    return datetime.now(UTC)


class Actions:
    """Every change goes through here.

    ``launch``, ``scale``, ``rollback`` and ``uninstall`` answer at once with the operation that
    they began; how it goes on is in the snapshot. They raise ``Forbidden``, ``InvalidInput``
    (messages by field id), ``Conflict`` (another operation runs on this release) and
    ``ReleaseBusy`` (Helm is, or was left, in the middle of something) before anything began.
    """

    def __init__(
        self,
        *,
        helm: HelmClient,
        store: Store,
        policy: Policy,
        replicas: ReplicaOwnership,
        forms: Forms,
        chart_path: Path,
        clock: Callable[[], datetime] = _now,
        settle: float = 0.5,
        remembered: int = 200,
        uninstalled_for: float = 30.0,
    ) -> None:
        """``settle``: seconds that a rollout must stay complete to count as done; watches of
        different kinds are not in step, by a few milliseconds. ``remembered``: how many
        finished operations are kept. ``uninstalled_for``: seconds that a finished uninstall
        stays to be seen."""
        self._helm = helm
        self._store = store
        self._policy = policy
        self._replicas = replicas
        self._forms = forms
        self._chart_path = chart_path
        self._clock = clock
        self._settle = settle
        self._desk = Desk(
            store, clock, _form_fields, remembered=remembered, uninstalled_for=uninstalled_for
        )

    @property
    def forms(self) -> Forms:
        """The rules of the forms that this accepts."""
        return self._forms

    # What a person asks for.

    async def launch(
        self, identity: Identity, spec: LaunchSpec, *, only_new: bool = False
    ) -> Operation:
        """Install ``spec``, or upgrade the release of that name to it.

        Values that the form does not know are kept. With ``only_new`` an existing release is
        a ``Conflict``, for a person who has not been told yet that this would be an upgrade.
        """
        key = spec.key
        existing = self.existing(key)
        verb = Verb.LAUNCH if existing is None else Verb.UPGRADE
        await self._policy.check(identity, verb, key)
        errors = self._forms.recheck(spec)
        if errors:
            raise InvalidInput(errors)
        self._check_free(key)
        if existing is not None and (only_new or not existing.ours):
            raise Conflict(existing.sentence, "Choose another name, or open that app to change it.")

        async def work(recorder: Recorder) -> None:
            with recorder.step("Check the values"):
                current = await self._current(key)
                _check_ours(current, key)
                if current is not None and only_new:
                    raise Conflict(f"There is an app named {key.name} already.")
                before = current.values if current else None
                values = self._forms.values(spec, identity.user, before)
            word = "Launched" if verb is Verb.LAUNCH else "Changed"
            await self._apply(recorder, current, values, f"{word} by {identity.user}")

        return self._desk.begin(key, verb, identity.user, work)

    async def scale(self, identity: Identity, key: Key, request: ScaleRequest) -> Operation:
        """Change the number of replicas, or the autoscaler, of a release; nothing else."""
        await self._policy.check(identity, Verb.SCALE, key)
        errors = self._forms.recheck_scale(request)
        if errors:
            raise InvalidInput(errors)
        self._check_free(key)
        existing = self._check_exists(key)
        if not existing.ours:
            raise Conflict(
                f"{key.name} comes from the chart {existing.chart}, which the portal cannot scale.",
                "Use that chart's own values, with helm.",
            )

        async def work(recorder: Recorder) -> None:
            with recorder.step("Check the values"):
                current = await self._current(key)
                if current is None:
                    raise NotFound(f"There is no release {key.name} any more.")
                _check_ours(current, key)
                errors = self._forms.recheck_scale(request, current.values)
                if errors:
                    raise InvalidInput(errors)
                values = dash_app.scaled(current.values, request.replicas, request.autoscaling)
            await self._apply(recorder, current, values, _scale_words(request, identity))

        return self._desk.begin(key, Verb.SCALE, identity.user, work)

    async def rollback(self, identity: Identity, key: Key, revision: int) -> Operation:
        """Go back to what ``revision`` was (as a new revision)."""
        await self._policy.check(identity, Verb.ROLLBACK, key)
        self._check_free(key)
        existing = self._check_exists(key)
        if not 1 <= revision < existing.revision:
            raise InvalidInput(
                {"revision": f"Choose a revision before the present one, {existing.revision}."}
            )

        async def work(recorder: Recorder) -> None:
            with recorder.step(f"Look up revision {revision}"):
                current = await self._current(key)
                if current is None:
                    raise NotFound(f"There is no release {key.name} any more.")
                values = await self._helm.values(key, revision)
            await self._settle_replicas(recorder, current, values)
            words = f"Rolled back to revision {revision} by {identity.user}"
            with recorder.step("Run helm rollback"):
                result = await self._helm.rollback(key, revision, description=words)
                recorder.put(revision=current.revision + 1, helm_seconds=result.seconds)
            ours = current.chart == dash_app.CHART_NAME
            await self._wait(recorder, Wanted(current.revision + 1, workload=ours))

        return self._desk.begin(key, Verb.ROLLBACK, identity.user, work)

    async def uninstall(self, identity: Identity, key: Key) -> Operation:
        """Remove a release and all its objects."""
        await self._policy.check(identity, Verb.UNINSTALL, key)
        # One that was left half uninstalled may be uninstalled again.
        self._check_free(key, allow=ReleaseStatus.UNINSTALLING)
        self._check_exists(key)

        async def work(recorder: Recorder) -> None:
            with recorder.step("Run helm uninstall"):
                try:
                    result = await self._helm.uninstall(key)
                    recorder.put(helm_seconds=result.seconds)
                except NotFound:
                    pass  # what was asked for is so
            recorder.put(phase=OperationPhase.WAITING)
            with recorder.step("Wait until everything is gone"):
                await self._until(key, lambda state, seen: gone(state))

        return self._desk.begin(key, Verb.UNINSTALL, identity.user, work)

    async def dismiss(self, identity: Identity, key: Key) -> None:
        """Forget the finished operation on this release. One that still runs is a ``Conflict``."""
        await self._policy.check(identity, Verb.UPGRADE, key)
        self._desk.dismiss(key)

    # What a page needs to ask for it.

    async def history(self, identity: Identity, key: Key) -> tuple[HelmRevision, ...]:
        """The revisions that a rollback can go back to, newest first."""
        await self._policy.check(identity, Verb.ROLLBACK, key)
        return await self._helm.history(key)

    async def values(self, identity: Identity, key: Key) -> Values | None:
        """The values given to the newest revision; None if there is no such release."""
        await self._policy.check(identity, Verb.UPGRADE, key)
        current = await self._current(key)
        return None if current is None else current.values

    async def edit_form(self, identity: Identity, key: Key) -> Raw:
        """The launch form filled in with what the release has now.

        ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        await self._policy.check(identity, Verb.UPGRADE, key)
        current = await self._current(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        _check_ours(current, key)
        return self._forms.prefill(key, current.values)

    def existing(self, key: Key) -> Existing | None:
        """What already has this name, from the snapshot: cheap enough for every keystroke."""
        state = self._store.snapshot.app(key)
        if state.release is None or state.release.status is ReleaseStatus.UNINSTALLED:
            return None
        detail = state.detail
        chart = detail.chart if detail and not detail.damaged else ""
        # Not decoded yet: the operation itself looks again before it touches anything.
        ours = chart in {dash_app.CHART_NAME, ""}
        annotations = as_mapping(get(detail.values, "commonAnnotations")) if detail else {}
        by = str(annotations.get(LAUNCHED_BY, ""))
        whose = f", launched by {by}" if by else ""
        there = f"{key.name} exists already in {key.namespace}{whose}"
        revision = state.release.revision
        sentence = (
            f"{there}: this changes it, as revision {revision + 1}."
            if ours
            else f"{there}, and comes from another chart ({chart})."
        )
        return Existing(key, chart, revision, ours, by, sentence)

    async def drain(self, grace: float) -> None:
        """End what still runs: Helm gets SIGTERM, operations end as interrupted."""
        await self._desk.drain(grace)

    # How it is done.

    def _check_free(self, key: Key, allow: ReleaseStatus | None = None) -> None:
        self._desk.check_free(key)
        release = self._store.snapshot.app(key).release
        if release is not None and release.status.pending and release.status is not allow:
            raise busy(key, release.status)

    def _check_exists(self, key: Key) -> Existing:
        existing = self.existing(key)
        if existing is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        return existing

    async def _current(self, key: Key) -> _Current | None:
        """The release as it is: from the snapshot if that is surely current, else from Helm."""
        snapshot = self._store.snapshot
        source = snapshot.sources.get(str(Kind.RELEASE))
        state = snapshot.app(key)
        if source and source.synced and source.available and not source.stale(self._clock()):
            release, detail = state.release, state.detail
            if release is None or release.status is ReleaseStatus.UNINSTALLED:
                return None
            if detail and not detail.damaged and detail.revision == release.revision:
                return _Current(release.revision, release.status, detail.chart, detail.values)
        try:
            found = await self._helm.release(key)
        except NotFound:
            return None
        if found.status == ReleaseStatus.UNINSTALLED:
            return None
        return _Current(found.revision, found.status, found.chart, found.values)

    async def _apply(
        self, recorder: Recorder, current: _Current | None, values: Values, description: str
    ) -> None:
        """Run Helm with ``values``, and wait until the pods are there."""
        key = recorder.operation.key
        await self._settle_replicas(recorder, current, values)
        result = await self._upgrade(recorder, values, description)
        recorder.put(revision=result.revision, helm_seconds=result.seconds)
        await self._wait(recorder, _wanted(key, values, result.revision))

    async def _settle_replicas(
        self, recorder: Recorder, current: _Current | None, values: Values
    ) -> None:
        """See to it that the number of live pods survives a change of who decides it.

        Measured without: going from 3 fixed replicas to an autoscaler drops to 1 ready pod.
        """
        key = recorder.operation.key
        state = self._store.snapshot.app(key)
        had_hpa = bool(state.hpas) or (current is not None and _autoscaled(current.values))
        deployments = [each for each in state.workloads if each.kind is Kind.DEPLOYMENT]
        if _autoscaled(values) and not state.hpas:
            # At 0 an autoscaler does nothing; let go of, the number becomes 1.
            standing = [each.key for each in deployments if each.desired > 0]
            if standing:
                with recorder.step("Hand the replicas to the autoscaler"):
                    for each in standing:
                        await self._replicas.hand_over(each)
        elif had_hpa and not _autoscaled(values) and deployments:
            with recorder.step("Take the replicas back from the autoscaler"):
                for each in deployments:
                    await self._replicas.release(each.key)

    async def _upgrade(self, recorder: Recorder, values: Values, description: str) -> HelmResult:
        key = recorder.operation.key
        try:
            with recorder.step("Run helm upgrade --install"):
                return await self._helm.upgrade_install(
                    key, self._chart_path, values, description=description
                )
        except FieldConflict as conflict:
            if _autoscaled(values) or set(conflict.owners) != {_REPLICAS}:
                raise
            # Somebody else (kubectl scale, an autoscaler's last word) set the replicas. A fixed
            # number was asked for here, and nothing else is in the way.
        with recorder.step("Run helm upgrade --install again, taking over the replicas"):
            return await self._helm.upgrade_install(
                key,
                self._chart_path,
                values,
                description=description,
                force_conflicts=True,
            )

    async def _wait(self, recorder: Recorder, wanted: Wanted) -> None:
        recorder.put(phase=OperationPhase.WAITING)
        with recorder.step("Wait for the rollout"):
            await self._until(
                recorder.operation.key, lambda state, seen: progress(state, wanted, seen)
            )

    async def _until(self, key: Key, look: Callable[[AppState, bool], Rollout]) -> None:
        """Wait, for as long as it takes, until what ``look`` sees is done and stays so."""
        changed = asyncio.Event()

        def tell(keys: frozenset[Key]) -> None:
            if key in keys:
                changed.set()

        seen = False
        stop = self._store.on_change(tell)
        try:
            while True:
                changed.clear()
                state = self._store.snapshot.app(key)
                rollout = look(state, seen)
                seen = seen or state.release is not None
                if rollout.lost:
                    raise Conflict(rollout.lost)
                try:
                    async with asyncio.timeout(self._settle if rollout.done else None):
                        await changed.wait()
                except TimeoutError:
                    return
        finally:
            stop()


def _autoscaled(values: Values) -> bool:
    return dash_app.is_autoscaled(values)


def _check_ours(current: _Current | None, key: Key) -> None:
    if current is None:
        return
    if current.status.startswith("pending-") or current.status == ReleaseStatus.UNINSTALLING:
        raise busy(key, current.status)
    if current.chart != dash_app.CHART_NAME:
        raise Conflict(
            f"{key.name} is a release of another chart ({current.chart}).",
            "Choose another name, or change that release with helm.",
        )


def _wanted(key: Key, values: Values, revision: int) -> Wanted:
    repository, tag = get(values, "image.repository"), get(values, "image.tag", "")
    digest, registry = get(values, "image.digest", ""), get(values, "image.registry", "")
    image = f"{registry}/{repository}" if registry else f"{repository}"
    image += (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    if _autoscaled(values):
        low, high = get(values, "autoscaling.minReplicas"), get(values, "autoscaling.maxReplicas")
        bounds = (low, high) if isinstance(low, int) and isinstance(high, int) else None
        return Wanted(revision, image, bounds=bounds)
    replicas = get(values, "replicaCount", 1)
    return Wanted(revision, image, replicas=replicas if isinstance(replicas, int) else None)


def _scale_words(request: ScaleRequest, identity: Identity) -> str:
    wanted = request.autoscaling
    if wanted is None:
        return f"Scaled to {request.replicas} by {identity.user}"
    return f"Autoscaled {wanted.min_replicas} to {wanted.max_replicas} by {identity.user}"


def _form_fields(error: ChartError) -> dict[str, str]:
    """What the chart said about values, as messages of the form's fields."""
    fields: dict[str, str] = {}
    for path, sentence in error.values.items():
        field = dash_app.field_of(path)
        if field:
            fields.setdefault(field, sentence)
    return fields
