"""What a person can do to a release: authorise, validate, lock, run in the background, record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from portal.actions.board import Board
from portal.actions.caretaker import Caretaker
from portal.actions.changes import Changes, Current, check_ours
from portal.actions.charts import (
    ChartOrder,
    apply_chart,
    apply_version,
    checked_order,
    order_problems,
    version_words,
)
from portal.actions.desk import Desk, Work
from portal.actions.drafts import Drafts
from portal.actions.forms import Forms, Raw, ScaleRequest
from portal.actions.previews import Previews
from portal.actions.recorder import Recorder
from portal.actions.recovery import GONE, Recovery
from portal.actions.seams import Claims, NamespaceLookup, Past, Records, ReplicaOwnership
from portal.actions.volumes import Volumes
from portal.actions.waiting import Goal
from portal.auth.policy import Policy
from portal.catalog import dash_app
from portal.catalog.chart import Chart
from portal.catalog.values import as_mapping, get
from portal.domain.errors import (
    ChartError,
    Conflict,
    InvalidInput,
    NotFound,
    PortalError,
)
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import LaunchSpec
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import DEAD_AFTER, LEASE_SECONDS, Operation, OperationPhase, Verb
from portal.helm_service.errors import busy
from portal.helm_service.helm import HelmClient
from portal.state.held import held
from portal.state.store import Store

Values = Mapping[str, object]


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
class Filled:
    """The launch form filled in from a release, and which ``revision`` of it that was."""

    raw: Raw
    revision: int


@dataclass(frozen=True, slots=True)
class Given:
    """The values that a ``revision`` of a release was given."""

    values: Values
    revision: int


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
        claims: Claims,
        records: Records,
        past: Past,
        holder: str,
        namespaces: NamespaceLookup | None = None,
        clock: Callable[[], datetime] = _now,
        ended: Callable[[Operation], None] = lambda operation: None,
        limit: int = 4,
        settle: float = 0.5,
        remembered: int = 200,
        uninstalled_for: float = 30.0,
        interval: float = 1.0,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """``holder`` names this process among all portals, and no other ever. ``ended`` is told
        of operations that end here; ``limit`` is how many run at once. ``settle``: seconds
        that a rollout must stay complete to count as done; watches of different kinds are not
        in step, by a few milliseconds. ``remembered``: how many forms of launches are kept.
        ``uninstalled_for``: seconds that a finished uninstall stays to be seen. ``interval``:
        seconds between two looks for operations that nobody works on any more, which is so
        after ``lease_seconds`` of silence."""
        self._helm = helm
        self._records = records
        self._clock = clock
        self._store = store
        self._policy = policy
        self._forms = forms
        self._namespaces = namespaces
        self._changes = Changes(helm, store, records, past, replicas, chart_path, clock)
        self._drafts = Drafts(remembered)
        self.previews = Previews(helm, store, policy, forms, past, self._changes, self._check_since)
        """What changes would make of a release, and its past."""
        self.volumes = Volumes(past.claims)
        """Which volumes an app can mount."""
        self.board = Board(store, holder, patience=lease_seconds)
        """Where the watch of all portals' claims goes."""
        recovery = Recovery(helm, records, self._changes.rollout_of)
        self._desk = Desk(
            store,
            claims,
            self.board,
            recovery.mend,
            clock,
            _form_fields,
            holder=holder,
            limit=limit,
            settle=settle,
            ended=ended,
        )
        self._caretaker = Caretaker(
            store,
            claims,
            self.board,
            self._desk,
            recovery,
            clock,
            interval=interval,
            uninstalled_for=uninstalled_for,
        )

    @property
    def forms(self) -> Forms:
        """The rules of the forms that this accepts."""
        return self._forms

    # What a person asks for.

    async def launch(
        self,
        identity: Identity,
        spec: LaunchSpec,
        *,
        only_new: bool = False,
        since: int | None = None,
    ) -> Operation:
        """Install ``spec``, or upgrade the release of that name to it.

        A release keeps the version of the chart that it has, and values that the form does not
        know. With ``only_new`` an existing release is a ``Conflict``, for a person who has not
        been told yet that this would be an upgrade. ``since`` is the revision that the form was
        filled in from: if it is not the newest any more, a ``Conflict`` says so, instead of
        undoing what somebody else did in between.
        """
        key = spec.key
        existing = self.existing(key)
        verb = Verb.LAUNCH if existing is None else Verb.UPGRADE
        await self._policy.check(identity, verb, key)
        errors = self._forms.recheck(spec)
        if problem := await self.namespace_problem(key.namespace):
            errors["namespace"] = problem
        else:
            errors |= (await self.volumes.notes(spec)).errors
        if errors:
            raise InvalidInput(errors)
        self._check_free(key)
        if existing is not None and (only_new or not existing.ours):
            raise Conflict(existing.sentence, "Choose another name, or open that app to change it.")
        # Looked at here already, so that the person still has the form when refused.
        if since is not None:
            self._check_since(await self._changes.current(key), key, since)

        async def work(recorder: Recorder) -> Goal:
            with recorder.step("Check the values"):
                current = await self._changes.current(key)
                check_ours(current, key)
                self._check_since(current, key, since)
                if current is not None and only_new:
                    raise Conflict(f"There is an app named {key.name} already.")
                before = current.values if current else None
                values = self._forms.values(spec, identity.user, before)
            goal = await self._changes.apply(recorder, current, values)
            self._drafts.drop(key)
            return goal

        word = "Launched" if verb is Verb.LAUNCH else "Changed"
        operation = await self._begin(identity, key, verb, work, f"{word} by {identity.user}")
        self._drafts.keep(key, self._forms.refill(spec))
        return operation

    async def launch_chart(
        self,
        identity: Identity,
        order: ChartOrder,
        *,
        only_new: bool = False,
        since: int | None = None,
    ) -> Operation:
        """Install a chart of the catalogue, or upgrade the release of that name and chart to it.

        ``only_new`` and ``since`` as in ``launch``.
        """
        key = order.key
        existing = self.existing(key)
        verb = Verb.LAUNCH if existing is None else Verb.UPGRADE
        await self._policy.check(identity, verb, key)
        forms = self._forms
        errors = await asyncio.to_thread(order_problems, order, forms.namespaces, forms.images)
        if "namespace" not in errors and (problem := await self.namespace_problem(key.namespace)):
            errors["namespace"] = problem
        if errors:
            raise InvalidInput(errors)
        self._check_free(key)
        if existing is not None and (only_new or existing.chart not in {order.chart.name, ""}):
            raise Conflict(
                f"{key.name} exists already in {key.namespace}.",
                "Choose another name, or open that app to change it.",
            )
        if since is not None:
            self._check_since(await self._changes.current(key), key, since)

        async def work(recorder: Recorder) -> Goal:
            with recorder.step("Look at what is there"):
                current = await self._changes.current(key)
                check_ours(current, key, order.chart.name)
                self._check_since(current, key, since)
                if current is not None and only_new:
                    raise Conflict(f"There is an app named {key.name} already.")
            by = "" if current else identity.user
            return await apply_chart(self._changes, recorder, current, order, by)

        word = "Launched" if verb is Verb.LAUNCH else "Changed"
        return await self._begin(identity, key, verb, work, f"{word} by {identity.user}")

    async def change_version(
        self, identity: Identity, key: Key, chart: Chart, *, since: int | None = None
    ) -> Operation:
        """Move a release to another version of its chart, with just the values that it has.

        ``since`` as in ``launch``.
        """
        await self._policy.check(identity, Verb.UPGRADE, key)
        self._check_free(key)
        self._check_exists(key)

        async def order() -> tuple[Current, ChartOrder]:
            current = await self._changes.current(key)
            if current is None:
                raise NotFound(f"There is no release {key.name} in {key.namespace}.")
            check_ours(current, key, chart.name)
            self._check_since(current, key, since)
            return current, await checked_order(key, chart, current.values, self._forms.images)

        before, _ = await order()  # here already, so that a refusal is an answer to the click

        async def work(recorder: Recorder) -> Goal:
            with recorder.step("Check the values"):
                current, asked = await order()
            return await apply_version(self._changes, recorder, current, asked)

        words = f"{version_words(before.chart_version, chart)} by {identity.user}"
        return await self._begin(identity, key, Verb.UPGRADE, work, words)

    async def chart_values(self, identity: Identity, key: Key, chart: str) -> Given:
        """What a release of a chart was given, to change it.

        ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        await self._policy.check(identity, Verb.UPGRADE, key)
        current = await self._changes.current(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        check_ours(current, key, chart)
        return Given(current.values, current.revision)

    async def namespace_problem(self, namespace: str) -> str:
        """Why nothing can be launched in a namespace; "" if nothing is known against it."""
        if self._namespaces is None or not await self._namespaces.missing(namespace):
            return ""
        return (
            f"There is no namespace {namespace} in the cluster. Check the spelling, or ask an "
            "administrator to create it."
        )

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

        async def work(recorder: Recorder) -> Goal:
            with recorder.step("Check the values"):
                current = await self._changes.current(key)
                if current is None:
                    raise NotFound(f"There is no release {key.name} any more.")
                check_ours(current, key)
                errors = self._forms.recheck_scale(request, current.values)
                if errors:
                    raise InvalidInput(errors)
                values = dash_app.scaled(current.values, request.replicas, request.autoscaling)
            return await self._changes.apply(recorder, current, values)

        return await self._begin(identity, key, Verb.SCALE, work, _scale_words(request, identity))

    async def rollback(
        self, identity: Identity, key: Key, revision: int, *, since: int | None = None
    ) -> Operation:
        """Go back to what ``revision`` was (as a new revision). ``since`` as in ``launch``."""
        await self._policy.check(identity, Verb.ROLLBACK, key)
        self._check_free(key)
        existing = self._check_exists(key)
        if not 1 <= revision < existing.revision:
            raise InvalidInput(
                {"revision": f"Choose a revision before the present one, {existing.revision}."}
            )

        if since is not None:
            self._check_since(await self._changes.current(key), key, since)
        words = f"Rolled back to revision {revision} by {identity.user}"

        async def work(recorder: Recorder) -> Goal:
            with recorder.step(f"Look up revision {revision}"):
                current = await self._changes.current(key)
                if current is None:
                    raise NotFound(f"There is no release {key.name} any more.")
                self._check_since(current, key, since)
                values = await self._helm.values(key, revision)
            return await self._changes.roll_back(recorder, current, revision, values)

        return await self._begin(identity, key, Verb.ROLLBACK, work, words)

    async def uninstall(self, identity: Identity, key: Key) -> Operation:
        """Remove a release and all its objects."""
        await self._policy.check(identity, Verb.UNINSTALL, key)
        # One that was left half uninstalled may be uninstalled again.
        self._check_free(key, allow=ReleaseStatus.UNINSTALLING)
        self._check_exists(key)

        async def work(recorder: Recorder) -> Goal:
            # Helm forgets the manifest that tells.
            recorder.put(advice=await self.previews.left(identity, key))
            with recorder.step("Run helm uninstall"):
                try:
                    result = await self._helm.uninstall(key)
                    recorder.put(helm_seconds=result.seconds)
                except NotFound:
                    pass  # what was asked for is so
                self._changes.made(key, 0)
                self._drafts.drop(key)
            return GONE

        return await self._begin(identity, key, Verb.UNINSTALL, work)

    async def cancel(self, identity: Identity, key: Key) -> None:
        """End the operation on this release, in whatever portal it runs.

        Helm gets time to mark the release as failed. ``Conflict`` if nothing is under way, or
        if it is a removal.
        """
        await self._policy.check(identity, Verb.UPGRADE, key)
        await self._desk.cancel(key, identity.user)

    async def unlock(self, identity: Identity, key: Key) -> Operation:
        """Mark as failed what a Helm that must be dead has left pending.

        Nothing that runs is changed. ``Conflict`` if nothing is pending, and ``ReleaseBusy``
        unless it has been so, without a change, for ``DEAD_AFTER`` seconds.
        """
        await self._policy.check(identity, Verb.UNLOCK, key)
        self._desk.check_free(key)
        release = self._store.snapshot.app(key).release
        if (
            release is None
            or not release.status.pending
            or release.status is ReleaseStatus.UNINSTALLING
        ):
            raise Conflict(f"Helm has left nothing of {key.name} half way any more.")
        changed = release.updated_at
        if changed is None or (self._clock() - changed).total_seconds() <= DEAD_AFTER:
            raise busy(key, release.status)
        words = f"Unlocked by {identity.user}"

        async def work(recorder: Recorder) -> None:
            with recorder.step(f"Mark revision {release.revision} as failed"):
                left = await self._records.newest(key)
                if left is None or left.revision != release.revision or not left.status.pending:
                    raise Conflict(f"Helm has gone on with {key.name} in the meantime.")
                await self._records.mark_failed(key, left, words)

        return await self._begin(identity, key, Verb.UNLOCK, work, words)

    async def dismiss(self, identity: Identity, key: Key) -> None:
        """Forget the finished operation on this release. One that still runs is a ``Conflict``."""
        await self._policy.check(identity, Verb.UPGRADE, key)
        await self._desk.dismiss(key)
        self._drafts.drop(key)

    # What a page needs to ask for it.

    async def values(self, identity: Identity, key: Key) -> Values | None:
        """The values given to the newest revision, as they are; None if there is no such release.

        ``Conflict`` if it is of another chart: which of its values are secret is not known here.
        """
        await self._policy.check(identity, Verb.UPGRADE, key)
        current = await self._changes.current(key)
        check_ours(current, key)
        return None if current is None else current.values

    async def known_values(self, identity: Identity, key: Key) -> Values | None:
        """The values of a release of the built-in chart, as far as the snapshot has them.

        Never asks Helm, and never raises: None wherever they are not known for sure.
        """
        try:
            await self._policy.check(identity, Verb.UPGRADE, key)
        except PortalError:
            return None
        state = self._store.snapshot.app(key)
        detail = state.detail
        if state.release is None or detail is None or detail.damaged:
            return None
        return detail.values if detail.chart == dash_app.CHART_NAME else None

    async def edit_form(self, identity: Identity, key: Key) -> Filled:
        """The launch form filled in with what the release has now.

        ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        await self._policy.check(identity, Verb.UPGRADE, key)
        current = await self._changes.current(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        check_ours(current, key)
        return Filled(self._forms.prefill(key, current.values), current.revision)

    async def asked_form(self, identity: Identity, key: Key) -> Raw | None:
        """The launch form as it was last sent, where no release has come of it.

        None if there is a release by now, or nothing was asked for lately.
        """
        await self._policy.check(identity, Verb.LAUNCH, key)
        return None if self.existing(key) else self._drafts.get(key)

    def complaints(self, spec: LaunchSpec) -> dict[str, str]:
        """What the chart said of fields when they were last sent, where they are as they were."""
        operation = self._store.snapshot.app(spec.key).operation
        if operation is None or operation.phase is not OperationPhase.FAILED:
            return {}
        sent, now = self._drafts.get(spec.key), self._forms.refill(spec)
        return {
            field: f"The last try failed here: {sentence}"
            for field, sentence in operation.fields.items()
            if sent is None or sent.get(field) == now.get(field)
        }

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

    # For as long as the portal runs.

    async def run(self) -> None:
        """Finish what portals that stopped have left, until cancelled."""
        await self._caretaker.run()

    async def drain(self, grace: float, patience: float = 0.0) -> None:
        """Hand over what only waits; give Helm ``patience`` seconds to finish, then SIGTERM.

        Within ``grace`` seconds more everything has ended, and is written down.
        """
        await self._desk.drain(grace, patience)

    async def _begin(
        self, identity: Identity, key: Key, verb: Verb, work: Work, description: str = ""
    ) -> Operation:
        release = self._store.snapshot.app(key).release
        return await self._desk.begin(
            key,
            verb,
            identity.user,
            work,
            base=release.revision if release else 0,
            description=description,
        )

    def _check_free(self, key: Key, allow: ReleaseStatus | None = None) -> None:
        self._desk.check_free(key)
        release = self._store.snapshot.app(key).release
        if release is not None and release.status.pending and release.status is not allow:
            raise busy(key, release.status)
        for kind, each in held(self._store.snapshot.app(key)):
            raise Conflict(  # Helm would "upgrade" what is about to go
                f"An earlier {key.name} is not gone yet: {', '.join(each.finalizers)} holds its "
                f"{kind} {each.key.name}.",
                "The app's page says what to do about that. Or choose another name.",
            )

    def _check_since(self, current: Current | None, key: Key, since: int | None) -> None:
        """``since`` None: whoever asks has not seen a revision."""
        if since is None:
            return
        if current is None:
            raise Conflict(
                f"{key.name} was uninstalled since you opened this form.",
                "To have it back, launch it as a new app.",
            )
        if current.revision == since:
            return
        last = self._store.snapshot.app(key).operation
        by = ""
        if last and last.revision == current.revision and last.actor not in {"", "anonymous"}:
            by = f" by {last.actor}"
        raise Conflict(
            f"{key.name} was changed{by} since you opened this form: it is at revision "
            f"{current.revision} now, and this shows revision {since}.",
            "Reload the page to see it as it is, then make your change again.",
        )

    def _check_exists(self, key: Key) -> Existing:
        existing = self.existing(key)
        if existing is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        return existing


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
