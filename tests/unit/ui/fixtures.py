"""View models built by hand, for tests and for the preview."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from portal.domain.compressed import CompressedText
from portal.domain.keys import Key
from portal.domain.objects import PodUsage
from portal.domain.redaction import values_yaml
from portal.state.history import History, Sample
from portal.viewmodels.listing import Entry, ListView, measurements, run_query, sorted_by_name
from portal.viewmodels.model import (
    AppView,
    AutoscalerView,
    Badge,
    MetricView,
    Notice,
    OperationView,
    PodView,
    ReleaseRow,
    ReplicasView,
    ScaleMode,
    ScaleView,
    Severity,
    StepView,
    TimelineLine,
    TimelineView,
    UrlView,
    VersionView,
)
from portal.viewmodels.query import EVERYTHING, ListQuery

SALES = Key("apps", "sales-dashboard")
IRIS = Key("apps", "iris")
CHURN = Key("apps", "churn-model")
DNS = Key("kube-system", "coredns")
NOTHING = Key("apps", "nothing")

VALUES: dict[str, object] = {
    "image": {"repository": "localhost:5000/dash-sample", "tag": "1.0"},
    "containerPort": 8050,
    "autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 4, "targetCPU": 50},
    "resources": {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": "256Mi"},
    },
    "service": {"type": "LoadBalancer"},
}

NOTES = """dash-sample is deployed as release sales-dashboard in namespace apps.

Its address: http://198.19.255.12:8050/
Watch it:    kubectl -n apps get pods -l app.kubernetes.io/instance=sales-dashboard

Not a link: javascript:alert(1) <b>not bold</b>
"""

NO_SERIES = History()


def now() -> datetime:
    return datetime.now(UTC)


def ago(seconds: float) -> datetime:
    return now() - timedelta(seconds=seconds)


def pod(name: str, *, age: float = 320, cpu: str = "62m", **changes: object) -> PodView:
    view = PodView(
        name=name,
        status=Badge("Ready", Severity.GOOD),
        ready="1/1",
        restarts=0,
        created_at=ago(age),
        node="node-1",
        cpu=cpu,
        memory="121 MiB",
        spark=tuple(max(3, round(35 + 30 * math.sin(i / 4 + age))) for i in range(30)),
    )
    return replace(view, **changes)  # type: ignore[arg-type]


def series(count: int = 90, *, autoscaled: bool = True) -> History:
    history, desired = History(), list[int]()
    for i in range(count):
        wave = max(4.0, 44 + 62 * math.sin(i / 13) + 9 * math.sin(i * 1.7))
        want = max(1, min(4, math.ceil(wave / 33)))
        desired.append(want)
        sample = Sample(
            ago((count - i) * 10),
            want,
            desired[max(0, i - 1)],
            desired[max(0, i - 3)],
            cpu=want * wave / 500,
            memory=(want * 100 + wave) * 2**20,
        )
        if autoscaled:
            metrics = {"cpu": (wave if i > 2 else None, 50.0)}
            sample = replace(sample, min_replicas=1, max_replicas=4, metrics=metrics)
        history = history.added(sample)
    return history


def operation(*, running: bool = True, error: str = "") -> OperationView:
    done = Badge("done", Severity.GOOD)
    last = Badge("running", Severity.BUSY) if running else done
    if error:
        last = Badge("failed", Severity.BAD)
    return OperationView(
        id="op1",
        title="Upgrading sales-dashboard",
        state=Badge("waiting for the rollout", Severity.BUSY)
        if running
        else Badge("failed", Severity.BAD)
        if error
        else Badge("succeeded", Severity.GOOD),
        running=running,
        actor="ada",
        started_at=ago(9),
        steps=(
            StepView("Checked what was asked for", done, ago(9), 0.1),
            StepView("Handed the replicas over to the autoscaler", done, ago(9), 0.2),
            StepView("helm upgrade --install", done, ago(8.8), 0.9),
            StepView(
                "Waiting until every pod runs the new version",
                last,
                ago(8),
                None if running else 7.2,
            ),
        ),
        error=error,
        advice="Correct the image and launch again; the old pods keep serving." if error else "",
    )


def timeline() -> TimelineView:
    pod = "Pod sales-dashboard-7c9d8f6b5d-qq2vn"
    return TimelineView(
        (
            TimelineLine(
                ago(7), "routine", Severity.QUIET, "Started", pod, "Started container app"
            ),
            TimelineLine(
                ago(9),
                "scaling",
                Severity.BUSY,
                "1 → 4",
                "Deployment sales-dashboard",
                "CPU 972 % of 50 %.",
            ),
            TimelineLine(
                ago(190),
                "warning",
                Severity.WARN,
                "Unhealthy",
                pod,
                "Startup probe failed: connection refused",
                2,
                ago(200),
            ),
        ),
        ago(900),
    )


def autoscaled(key: Key = SALES) -> AppView:
    """A healthy, autoscaled app under load."""
    history = series()
    return AppView(
        key=key,
        exists=True,
        headline=Badge("Scaling up", Severity.BUSY, "The autoscaler asked for more pods"),
        sentence="3 of 4 pods are ready; the last one is starting.",
        helm_status=Badge("deployed", Severity.GOOD),
        revision=3,
        chart="dash-app 0.1.0",
        since=ago(75),
        app_version="1.0",
        launched_by="ada",
        updated_at=ago(640),
        urls=(
            UrlView(
                "http://198.19.255.12:8050/",
                "http://198.19.255.12:8050",
                Badge("answers", Severity.GOOD, "200 in 12 ms"),
            ),
            UrlView(
                "http://sales.example.org/",
                "http://sales.example.org",
                Badge("not checked", Severity.QUIET),
            ),
        ),
        replicas=ReplicasView(4, 4, 3, "3 of 4 pods are ready.", Severity.BUSY),
        pods=(
            pod("sales-dashboard-7c9d8f6b5d-2xkqp", age=4210, cpu="88m"),
            pod("sales-dashboard-7c9d8f6b5d-9wz4l", age=410, cpu="71m"),
            pod("sales-dashboard-7c9d8f6b5d-hb8tr", age=395, cpu="64m"),
            pod(
                "sales-dashboard-7c9d8f6b5d-qq2vn",
                age=6,
                cpu="",
                memory="",
                ready="0/1",
                status=Badge("Starting", Severity.BUSY),
                reason="The container runs, but does not answer on port 8050 yet.",
                advice="Dash apps that read data at start take a while; nothing to do so far.",
            ),
        ),
        autoscalers=(
            AutoscalerView(
                name="sales-dashboard",
                workload="sales-dashboard",
                min_replicas=1,
                max_replicas=4,
                current=4,
                desired=4,
                metrics=(
                    MetricView(
                        "CPU",
                        "143 %",
                        "50 %",
                        2.86,
                        "3 pods at 143 % of a 50 % target → ceil(3 × 2.86) = 9, capped at 4.",
                    ),
                    MetricView("Memory", "47 %", "80 %", 0.59, "Well below its target."),
                ),
                summary="It wants 9 pods and may have 4: the upper bound holds it back.",
                notices=(
                    Notice(
                        Severity.WARN,
                        "At the upper bound.",
                        advice="Raise the most pods it may have.",
                    ),
                ),
                conditions=(
                    Badge("can scale", Severity.GOOD),
                    Badge("metrics arrive", Severity.GOOD),
                    Badge("limited", Severity.WARN),
                ),
            ),
        ),
        settled=history.settled,
        unsettled=history.unsettled,
        scale=ScaleView(ScaleMode.AUTOSCALED, 4, 1, 4, 50, None),
        operation=operation(),
        notices=(),
        timeline=timeline(),
        notes=NOTES,
        values=CompressedText(values_yaml(VALUES)),
        stale=(),
    )


def healthy(key: Key = IRIS) -> AppView:
    """A fixed number of ready pods."""
    history = series(autoscaled=False)
    return replace(
        autoscaled(key),
        headline=Badge("Running", Severity.GOOD),
        sentence="Both pods are ready and the address answers.",
        replicas=ReplicasView(2, 2, 2, "Both pods are ready.", Severity.GOOD),
        pods=(pod("iris-5f7c-aaaaa"), pod("iris-5f7c-bbbbb")),
        autoscalers=(),
        settled=history.settled,
        unsettled=history.unsettled,
        scale=ScaleView(ScaleMode.FIXED, 2, 0, 0, None, None),
        operation=operation(running=False),
        version=VersionView(
            "team", "web", "1.2.0", "Chart 1.2.0; 1.4.0 is available.", Severity.BUSY, "1.4.0", True
        ),
    )


def broken(key: Key = CHURN) -> AppView:
    """An image that cannot be pulled."""
    return replace(
        healthy(key),
        headline=Badge("Cannot start", Severity.BAD),
        sentence="No pod can start: the image churn-model:9.9 is not in the registry.",
        urls=(
            UrlView(
                "",
                "No address yet: the load balancer has not given one.",
                Badge("waiting", Severity.BUSY),
            ),
        ),
        replicas=ReplicasView(1, 1, 0, "No pod is ready.", Severity.BAD),
        pods=(
            pod(
                "churn-model-66d-x2x4b",
                age=95,
                cpu="",
                memory="",
                ready="0/1",
                restarts=4,
                status=Badge("Cannot pull", Severity.BAD),
                reason="The registry has no churn-model:9.9 (manifest unknown).",
                advice="Check the repository and the tag, then use Edit to correct them.",
            ),
        ),
        settled=NO_SERIES,
        unsettled=NO_SERIES,
        operation=operation(
            running=False, error="The rollout did not finish: no pod became ready."
        ),
        notices=(
            Notice(
                Severity.BAD,
                "The image cannot be pulled.",
                "localhost:5000/churn-model:9.9: manifest unknown.",
                "Correct the tag with Edit; the release stays and is upgraded in place.",
            ),
        ),
        stale=("Pods", "metrics"),
    )


def read_only(key: Key = DNS) -> AppView:
    """A release that is not ours to scale."""
    return replace(
        healthy(key),
        urls=(),
        notes="",
        pods=(),
        timeline=TimelineView((), ago(900)),
        operation=None,
        autoscalers=(),
        launched_by="",
        scale=ScaleView(
            ScaleMode.READ_ONLY,
            2,
            0,
            0,
            None,
            None,
            "Its chart is not the portal's; scale it with Helm.",
        ),
    )


def gone(key: Key = NOTHING) -> AppView:
    """A name that no release has."""
    return replace(
        read_only(key),
        exists=False,
        headline=Badge("Not found", Severity.QUIET),
        sentence="There is no release of this name.",
        helm_status=Badge("none", Severity.QUIET),
        revision=0,
        chart="",
        app_version="",
        updated_at=None,
        values=CompressedText(),
        settled=NO_SERIES,
        unsettled=NO_SERIES,
    )


VIEWS = (autoscaled, healthy, broken, read_only, gone)


def row(view: AppView) -> ReleaseRow:
    hpa = next(iter(view.autoscalers), None)
    return ReleaseRow(
        key=view.key,
        chart=view.chart,
        app_version=view.app_version,
        revision=view.revision,
        status=view.headline,
        helm_status=view.helm_status.text,
        updated_at=view.updated_at,
        pods=f"{view.replicas.ready}/{view.replicas.desired}",
        hpa=f"{hpa.min_replicas}–{hpa.max_replicas}, CPU 50 %" if hpa else "",
        url=view.urls[0].href if view.urls else "",
        launched_by=view.launched_by,
        problem="The image cannot be pulled." if view.headline.severity is Severity.BAD else "",
    )


def usage(view: AppView) -> dict[Key, PodUsage]:
    """Return usage that grows with the length of the name."""
    size = len(view.key.name)
    pods = [Key(view.key.namespace, f"{view.key.name}-{n}") for n in range(view.replicas.ready)]
    return {pod: PodUsage(pod, 0.01 * size, size * 9 * 2**20, now(), 15) for pod in pods}


def listing(*views: AppView, loading: bool = False, query: ListQuery = EVERYTHING) -> ListView:
    count = len(views)
    entries = sorted_by_name(Entry.of(row(view)) for view in views)
    used = {view.key: usage(view) for view in views}
    found = run_query(entries, query, used.__getitem__)
    return ListView(
        rows=found.rows,
        measured=measurements(found.rows, used.__getitem__),
        summary=f"{count} {'release' if count == 1 else 'releases'}, "
        f"{sum(v.headline.severity is Severity.BAD for v in views)} in trouble.",
        loading=loading,
        stale=(),
        query=query.at(found.page),
        total=count,
        found=found.total,
        first=found.first,
        pages=found.pages,
        counts=tuple(found.buckets.items()),
        namespaces=tuple(sorted({view.key.namespace for view in views})),
    )
