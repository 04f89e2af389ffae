"""The view models: plain frozen data that pages are drawn from.

All are plain frozen data: equal views mean that nothing on the page changes.
Times are UTC; the browser turns them into ages.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from portal.domain.compressed import CompressedText
from portal.domain.keys import Key
from portal.domain.permissions import ALL, Permission
from portal.state.history import History


class Severity(StrEnum):
    """The severity of a state or notice; the UI gives it a colour and an icon."""

    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    QUIET = "quiet"

    @property
    def troubled(self) -> bool:
        """True if somebody has to do something."""
        return self in {Severity.WARN, Severity.BAD}


class Badge(Struct, frozen=True):
    """A short word with a severity; ``detail`` is its tooltip."""

    text: str
    severity: Severity
    detail: str = ""


class Notice(Struct, frozen=True):
    """A message: a problem or something noteworthy, and advice.

    ``fields`` are the fields of the launch form that mend it. ``log`` are the last lines of a log.
    """

    severity: Severity
    title: str
    body: str = ""
    advice: str = ""
    fields: tuple[str, ...] = ()
    log: str = ""


class UrlView(Struct, frozen=True):
    """An address of the app. ``href`` is "" until there is one; then ``text`` says why.

    ``connect`` is the ``Connection.id`` of the port, "" if other apps cannot connect to it.
    """

    href: str
    text: str
    state: Badge
    connect: str = ""


class PodView(Struct, frozen=True):
    """One pod in the table. ``reason`` explains in words why it is not ready ("" if it is).

    ``since`` is when its present state began, where that is known: the browser shows how long.
    """

    name: str
    status: Badge
    ready: str
    restarts: int
    created_at: datetime
    node: str
    cpu: str
    memory: str
    reason: str = ""
    advice: str = ""
    since: datetime | None = None
    spark: tuple[int | None, ...] = ()
    """Its CPU minute by minute, in percent of the chart's height; None without a reading."""


class MetricView(Struct, frozen=True):
    """One HPA metric: "CPU", "143 %" of a "70 %" target. ``fraction`` is current/target."""

    name: str
    current: str
    target: str
    fraction: float | None
    words: str


class AutoscalerView(Struct, frozen=True):
    """The HPA: minimum and maximum replicas, metrics, decision and problems.

    ``desired`` is None until it has decided; ``workload`` is the name of its scale target.
    ``change`` is what comes next at ``change_at`` if nothing else happens; "" and None if nothing.
    """

    name: str
    workload: str
    min_replicas: int
    max_replicas: int
    current: int
    desired: int | None
    metrics: tuple[MetricView, ...]
    summary: str
    notices: tuple[Notice, ...]
    conditions: tuple[Badge, ...]
    change: str = ""
    change_at: datetime | None = None


class WorkloadView(Struct, frozen=True):
    """One workload of the app: its kind and name, its state, and a sentence."""

    kind: str
    name: str
    state: Badge
    words: str


class ReplicasView(Struct, frozen=True):
    """The counts of replicas, and a sentence about them."""

    desired: int
    current: int
    ready: int
    words: str
    severity: Severity


class StepView(Struct, frozen=True):
    """A step of an operation, or a stage of its pods.

    ``started_at`` is None if it has not begun, and ``ended_at`` and ``seconds`` are None until it
    is done, or if that is not known. ``detail`` says what it waits for, or what is known of it.
    """

    title: str
    state: Badge
    started_at: datetime | None
    seconds: float | None
    error: str = ""
    detail: str = ""
    ended_at: datetime | None = None


class OperationView(Struct, frozen=True):
    """The newest operation on a release. ``running`` until it is terminal.

    ``obstacle`` is what keeps a waiting one from finishing, None if nothing is known to.
    ``recent``: it has ended a short time ago, so that its steps are still shown.
    """

    id: str
    title: str
    state: Badge
    running: bool
    actor: str
    started_at: datetime
    steps: tuple[StepView, ...]
    error: str = ""
    advice: str = ""
    cancellable: bool = False
    obstacle: Notice | None = None
    recent: bool = False


class SeriesView(Struct, frozen=True):
    """Columns of the live chart, one entry a sample; ``times`` are seconds since 1970.

    ``metrics`` holds (name, readings or None, targets) columns, percent of the request unless
    ``units`` names another unit. ``cpu`` is in cores and ``memory`` in MiB, of all pods together.
    """

    times: tuple[int, ...]
    desired: tuple[int, ...]
    current: tuple[int | None, ...]
    ready: tuple[int, ...]
    min_replicas: tuple[int | None, ...]
    max_replicas: tuple[int | None, ...]
    metrics: tuple[tuple[str, tuple[float | None, ...], tuple[float | None, ...]], ...]
    cpu: tuple[float | None, ...]
    memory: tuple[float | None, ...]
    units: Mapping[str, str]


class LongSeriesView(SeriesView, frozen=True):
    """Columns of the chart over a longer range, one entry for ``step`` seconds from its time.

    ``desired`` and ``current`` are the highest numbers, ``ready`` the lowest; ``metrics``, ``cpu``
    and ``memory`` are means, with the highest values beside them, of ``metrics`` in their order.
    """

    step: int
    metrics_highest: tuple[tuple[float | None, ...], ...]
    cpu_highest: tuple[float | None, ...]
    memory_highest: tuple[float | None, ...]


class ScaleMode(StrEnum):
    """The owner of the number of replicas, which decides the control that the page shows."""

    FIXED = "fixed"
    AUTOSCALED = "autoscaled"
    READ_ONLY = "read-only"


class ScaleView(Struct, frozen=True):
    """The initial values of the scale control. ``why`` explains a read-only one.

    ``drifted``: the workload was scaled outside Helm, to another number than ``replicas``.
    ``cpu_request`` and ``memory_request`` are those of a pod, in cores and bytes.
    """

    mode: ScaleMode
    replicas: int
    min_replicas: int
    max_replicas: int
    target_cpu: int | None
    target_memory: int | None
    why: str = ""
    drifted: bool = False
    cpu_request: float | None = None
    memory_request: float | None = None


class VersionView(Struct, frozen=True):
    """The version of a release's chart, and whether its source offers others.

    ``source`` and ``chart`` are their names in the catalogue. ``newer`` is the newest version, if
    it is newer than ``version``; ``choices`` is True if there are other versions. ``since`` is
    the time since when the source cannot be read.
    """

    source: str
    chart: str
    version: str
    sentence: str
    severity: Severity
    newer: str = ""
    choices: bool = False
    since: datetime | None = None


class TimelineLine(Struct, frozen=True):
    """A line of the timeline: what has happened ``count`` times, last at ``at``.

    ``kind`` is the value of its ``EntryKind``; ``first_at`` is None if it has happened once.
    """

    at: datetime
    kind: str
    severity: Severity
    title: str
    about: str
    text: str
    count: int = 1
    first_at: datetime | None = None


class TimelineView(Struct, frozen=True):
    """The timeline of an app, newest first, and since when a portal watches the app.

    ``gap`` is a sentence on the last time in which none did, "" if there was none.
    """

    lines: tuple[TimelineLine, ...]
    since: datetime
    gap: str = ""


class LoadTestLine(Struct, frozen=True):
    """A span of a load test in the table of what it measured; ``until`` in seconds from its begin.

    Latencies are in milliseconds, ``failed`` is a number of requests.
    """

    until: int
    requests: int
    throughput: str
    p50: str
    p95: str
    p99: str
    failed: int
    ready: str


class LoadTestRun(Struct, frozen=True):
    """One load test. ``facts`` are pairs of a name and a value, ``words`` are sentences.

    The curves are percent of their highest value, ``peak_*`` are those values with their units.
    """

    id: str
    title: str
    target: str
    actor: str
    began: datetime
    state: Badge
    running: bool
    words: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    codes: tuple[tuple[str, int], ...] = ()
    error: str = ""
    throughput_curve: tuple[int, ...] = ()
    latency_curve: tuple[int, ...] = ()
    peak_throughput: str = ""
    peak_latency: str = ""
    lines: tuple[LoadTestLine, ...] = ()


class LoadTestView(Struct, frozen=True):
    """The load tests of an app, newest first; ``offered`` if another one may begin."""

    offered: bool = False
    runs: tuple[LoadTestRun, ...] = ()


class AppView(Struct, frozen=True):
    """The page of one release. ``since`` is when the headline's state began, if known.

    ``offered`` are the names of the plain actions whose buttons are shown. ``removal_failed``: the
    removal of the release can be tried again.

    ``elsewhere``: the release is managed elsewhere, so it has objects and no record.

    The chart shows ``settled``, which is long and seldom changes, followed by ``unsettled``; both
    stay packed, so that comparing views is fast.

    ``permissions`` are those of the viewer, and ``shared_with`` are the users and groups that the
    owner has named. ``unanswered``: the viewer's rights are not known, so nothing is shown.

    ``workloads`` are empty if there is only one, which ``replicas`` describes. ``back_to`` is the
    revision to roll back to where a rollout does not go on, 0 otherwise.

    ``autoscaler_unknown`` says why it may be autoscaled although ``autoscalers`` do not tell, ""
    if they do.

    ``more_pods`` describes the pods that are left out of ``pods``, "" if none. ``values`` are
    YAML as it is shown, without secrets.
    """

    key: Key
    exists: bool
    headline: Badge
    sentence: str
    helm_status: Badge
    revision: int
    chart: str
    app_version: str
    launched_by: str
    updated_at: datetime | None
    urls: tuple[UrlView, ...]
    replicas: ReplicasView
    pods: tuple[PodView, ...]
    autoscalers: tuple[AutoscalerView, ...]
    settled: History
    unsettled: History
    scale: ScaleView
    operation: OperationView | None
    notices: tuple[Notice, ...]
    timeline: TimelineView
    notes: str
    values: CompressedText
    stale: tuple[str, ...]
    since: datetime | None = None
    more_pods: str = ""
    workloads: tuple[WorkloadView, ...] = ()
    back_to: int = 0
    autoscaler_unknown: str = ""
    unlock: bool = False
    version: VersionView | None = None
    permissions: frozenset[Permission] = ALL
    shared_with: tuple[str, ...] = ()
    unanswered: bool = False
    elsewhere: bool = False
    offered: frozenset[str] = frozenset()
    removal_failed: bool = False
    load_test: LoadTestView = LoadTestView()


class ReleaseRow(Struct, frozen=True):
    """One release in a list. ``newer`` is a newer version of its chart, "" if none is known."""

    key: Key
    chart: str
    app_version: str
    revision: int
    status: Badge
    helm_status: str
    updated_at: datetime | None
    pods: str
    hpa: str
    url: str
    launched_by: str
    problem: str = ""
    newer: str = ""
