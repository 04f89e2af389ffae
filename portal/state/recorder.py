"""Recording of an app's timeline: the difference of two states of it, as entries. Pure.

Each entry has an id that is found again in a later state, so that what is seen twice is noted once:
a revision that was pending and is deployed, an event that has happened once more, a decision of an
HPA in its status and in an event.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from portal.domain.objects import Container, Event, Hpa, HpaMetric, Kind, Pod, Workload
from portal.domain.operations import Operation
from portal.domain.release import ReleaseRecord
from portal.state.event_kinds import kind_of, new_size
from portal.state.model import AppState
from portal.state.rollouts import rollout_of
from portal.state.timeline import NO_TIMELINE, Entry, EntryKind, Timeline, bounded
from portal.state.workloads import endless, replica_sets_of

SAME_DECISION = timedelta(seconds=20)
"""An HPA writes its status within a sync (15 s) of the event about the same decision."""

LONGEST = 400
"""Characters of a message that are kept."""


def recorded(
    timeline: Timeline, before: AppState | None, after: AppState, now: datetime
) -> Timeline:
    """Return the timeline with what has happened between two states; the same one for nothing.

    Without ``before`` the portal sees the app for the first time: what the state itself tells of
    the past is noted, and nothing is taken for new.
    """
    if timeline is NO_TIMELINE:
        timeline = Timeline(now)
    noted = _Notes(timeline, before, after, now)
    noted.collect()
    if not noted.changed:
        return timeline
    return replace(timeline, entries=bounded(noted.entries.values()))


def resumed(kept: Timeline, live: Timeline, state: AppState, now: datetime) -> Timeline:
    """Return the timeline of an earlier start, continued by the one that began with this start.

    What the present ``state`` tells of the past is held against the kept entries; they know more.
    """
    begun = replace(
        recorded(kept, None, state, now), resumed_at=now if live is NO_TIMELINE else live.since
    )
    known = {each.id for each in begun.entries}
    more = [
        each
        for each in live.entries
        if each.id not in known and not any(_one_decision(each, one) for one in begun.entries)
    ]
    return replace(begun, entries=bounded((*begun.entries, *more)))


def _one_decision(a: Entry, b: Entry) -> bool:
    """Return True if two entries are of the same decision of an HPA."""
    return (
        a.kind is b.kind is EntryKind.SCALING
        and (a.id.split("/")[1], a.new) == (b.id.split("/")[1], b.new)
        and abs(a.at - b.at) <= SAME_DECISION
    )


class _Notes:
    """The entries by id, while they are compared with a new state."""

    def __init__(
        self, timeline: Timeline, before: AppState | None, after: AppState, now: datetime
    ) -> None:
        self.entries = {each.id: each for each in timeline.entries}
        self.changed = False
        self._since = timeline.resumed_at or timeline.since
        self._before = before
        self._after = after
        self._now = now

    def collect(self) -> None:
        """Note everything that differs."""
        before, after = self._before, self._after
        if before is None or before.release != after.release or before.detail is not after.detail:
            self._revision()
        if before is None or before.operation != after.operation:
            self._operation()
        for workload in after.workloads:
            self._rollout(workload)
        for hpa in after.hpas:
            self._decision(hpa)
        known = {id(each) for each in before.pods} if before else set[int]()
        for pod in after.pods:
            if id(pod) not in known:
                self._pod(pod)
        seen = {id(each) for each in before.events} if before else set[int]()
        for event in reversed(after.events):
            if id(event) not in seen:
                self._event(event)
        self._url()

    def _put(self, entry: Entry) -> None:
        if self.entries.get(entry.id) != entry:
            self.entries[entry.id] = entry
            self.changed = True

    # Changes.

    def _revision(self) -> None:
        release, detail = self._after.release, self._after.detail
        if release is None:
            return
        name = _revision_id(release)
        old = self.entries.get(name)
        read = detail is not None and detail.revision == release.revision
        self._put(
            Entry(
                name,
                EntryKind.CHANGE,
                # Helm moves its time when the status changes; the revision began before.
                old.at if old else release.updated_at or self._now,
                what=release.status.value,
                detail=detail.description[:LONGEST] if detail and read else "",
                actor=old.actor if old else self._actor(release.revision),
                new=release.revision,
            )
        )

    def _actor(self, revision: int) -> str:
        operation = self._after.operation
        return operation.actor if operation and operation.revision == revision else ""

    def _operation(self) -> None:
        operation, release = self._after.operation, self._after.release
        if operation is None:
            return
        if operation.revision is None:
            if operation.phase.terminal:
                self._put(_ended(operation))
        elif release is not None and release.revision == operation.revision:
            old = self.entries.get(_revision_id(release))
            if old is not None:
                self._put(replace(old, actor=operation.actor))

    # Rollouts.

    def _rollout(self, workload: Workload) -> None:
        """Note that a new pod template is rolled out, and when that is complete."""
        name = f"{workload.kind.value} {workload.key.name}"
        going = next((each for each in self.entries.values() if _under_way(each, name)), None)
        number = _template(self._after, workload)
        if self._before is not None and _begins(self._before, workload, number):
            going = Entry(
                f"rollout/{name}/{number or self._now.isoformat()}",
                EntryKind.ROLLOUT,
                self._now,
                name,
                new=number,
            )
            self._put(going)
        if going is not None and rollout_of(self._after, workload).complete:
            self._put(replace(going, ended_at=self._now, old=workload.ready))

    # Autoscaling.

    def _decision(self, hpa: Hpa) -> None:
        """Note a decision: the status that the controller has written with it has its readings."""
        was, at = self._hpa_before(hpa), hpa.last_scale_at
        if at is None or (was is not None and was.last_scale_at == at):
            return
        # Later syncs write other replicas and readings below the same time.
        fresh = hpa.current != hpa.desired
        before = hpa.current if fresh else was.current if was else None
        self._scaled(
            hpa,
            at,
            hpa.desired,
            old=None if before == hpa.desired else before,
            metrics=hpa.metrics if fresh or was else (),
        )

    def _hpa_before(self, hpa: Hpa) -> Hpa | None:
        found = self._before.hpas if self._before else ()
        return next((each for each in found if each.key == hpa.key), None)

    def _scaled(
        self,
        hpa: Hpa,
        at: datetime,
        new: int,
        *,
        old: int | None = None,
        metrics: tuple[HpaMetric, ...] = (),
        event: Event | None = None,
    ) -> None:
        name = hpa.key.name
        same = next(
            (
                each
                for each in self.entries.values()
                if each.id.startswith(f"scaled/{name}/")
                and each.new == new
                and abs(each.at - at) <= SAME_DECISION
            ),
            None,
        )
        entry = same or Entry(
            f"scaled/{name}/{at.isoformat()}",
            EntryKind.SCALING,
            at,
            f"{hpa.target_kind} {hpa.target_name}",
            "SuccessfulRescale",
            new=new,
        )
        entry = replace(
            entry,
            old=entry.old if entry.old is not None else old,
            metrics=entry.metrics or metrics,
            detail=event.message[:LONGEST] if event else entry.detail,
        )
        if event and not same and event.count > 1:
            entry = replace(entry, count=event.count, first_at=event.first_at)
        self._put(entry)

    # Pods.

    def _pod(self, pod: Pod) -> None:
        if pod.phase == "Failed":
            self._put(
                Entry(
                    f"failed/{pod.uid}",
                    EntryKind.POD,
                    self._failed_at(pod),
                    f"Pod {pod.key.name}",
                    pod.reason or "Failed",
                    pod.message[:LONGEST],
                    warning=True,
                )
            )
        if pod.deleting or not endless(pod):
            return
        for one in pod.containers:
            if one.ended_at is not None and (not one.init or _code(one)):
                self._ended_run(pod, one, one.ended_at)

    def _failed_at(self, pod: Pod) -> datetime:
        """Return the time of a pod's failure; of one that was there before, as near as is known."""
        name = f"failed/{pod.uid}"
        if name in self.entries:
            return self.entries[name].at
        ends = [one.ended_at for one in pod.containers if one.ended_at is not None]
        if ends:
            return max(ends)
        told = [
            one.changed_at
            for one in pod.conditions
            if one.type in {"DisruptionTarget", "Ready"} and one.changed_at is not None
        ]
        return max(told, default=self._now if self._before is not None else pod.created_at)

    def _ended_run(self, pod: Pod, one: Container, at: datetime) -> None:
        code, why = _code(one), one.reason if one.state == "terminated" else one.last_reason
        name = f"crash/{pod.uid}/{one.name}/{why}/{code}"
        old = self.entries.get(name)
        if old is not None and old.at >= at:
            return
        self._put(
            Entry(
                name,
                EntryKind.CRASH,
                at,
                f"Pod {pod.key.name}",
                why,
                one.name if len(pod.containers) > 1 else "",
                new=code,
                count=old.count + 1 if old else 1,
                first_at=(old.first_at or old.at) if old else None,
                warning=bool(code),
            )
        )

    # Events.

    def _event(self, event: Event) -> None:
        kind = kind_of(event)
        if kind is EntryKind.ROUTINE:
            return
        size = new_size(event)
        if size is not None:
            hpa = next((one for one in self._after.hpas if one.key.name == event.about_name), None)
            if hpa is not None:
                self._scaled(hpa, event.last_at, size, event=event)
                return
        self._put(
            Entry(
                f"event/{event.key.name}",
                kind,
                event.last_at,
                event.about,
                event.reason,
                event.message[:LONGEST],
                count=max(1, event.count),
                first_at=event.first_at,
                warning=event.type == "Warning",
            )
        )

    # The URL.

    def _url(self) -> None:
        before, probe = self._before, self._after.probe
        if before is None or probe is None or probe is before.probe:
            return
        if before.probe is None:
            # One that is tried for the first time may have answered for long.
            pods = [each for each in self._after.pods if endless(each)]
            new = bool(pods) and all(each.created_at >= self._since for each in pods)
            if not new or not probe.answered:
                return
        elif before.probe.answered == probe.answered:
            return
        self._put(
            Entry(
                f"url/{probe.checked_at.isoformat()}",
                EntryKind.URL,
                probe.checked_at,
                what="answers" if probe.answered else "silent",
                detail=probe.url[:LONGEST],
                new=probe.status or None,
                warning=not probe.answered,
            )
        )


def _revision_id(release: ReleaseRecord) -> str:
    return f"revision/{release.uid}/{release.revision}"


def _ended(operation: Operation) -> Entry:
    return Entry(
        f"operation/{operation.id}",
        EntryKind.CHANGE,
        operation.created_at,
        what=operation.verb.noun,
        detail=operation.phase.value,
        actor=operation.actor,
        ended_at=operation.updated_at,
    )


def _code(one: Container) -> int | None:
    return one.exit_code if one.state == "terminated" else one.last_exit_code


def _begins(before: AppState, workload: Workload, number: int) -> bool:
    """Return True if the workload has another pod template than in the state before."""
    same = (workload.kind, workload.key)
    was = next((one for one in before.workloads if (one.kind, one.key) == same), None)
    if workload.kind is Kind.DEPLOYMENT:
        return number > (_template(before, was) if was else 0)
    if was is None:
        return True
    return was.current <= was.updated and workload.current > workload.updated


def _under_way(entry: Entry, name: str) -> bool:
    """Return True if an entry is that of a rollout of a workload that is not complete."""
    return entry.kind is EntryKind.ROLLOUT and entry.about == name and entry.ended_at is None


def _template(state: AppState, workload: Workload) -> int:
    """Return the number of a Deployment's newest pod template; 0 for other workloads."""
    return max((each.revision for each in replica_sets_of(state, workload)), default=0)
