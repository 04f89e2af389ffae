"""Scalers beside Kubernetes' own autoscaler: KEDA's objects, and the VerticalPodAutoscaler."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.management import UNSAID, Management
from portal.domain.objects import Condition, Hpa, HpaMetric
from portal.domain.relations import Index, Scaling, Tag, Watched, own_release, release_tag


class Trigger(Struct, frozen=True):
    """A trigger of KEDA: its type ("kafka"), its name if it has one, and what it is about.

    ``subject`` is "topic orders"; "" where nothing of its metadata tells it.
    """

    type: str
    name: str = ""
    subject: str = ""

    @property
    def title(self) -> str:
        """A name for people: "Kafka, topic orders", or its own with these."""
        kind = _TYPES.get(self.type, self.type.replace("-", " ").capitalize())
        words = f"{kind}, {self.subject}" if self.subject else kind
        return f"{self.name} ({words})" if self.name else words


_TYPES = {
    "apache-kafka": "Kafka",
    "aws-sqs-queue": "Amazon SQS",
    "azure-queue": "Azure queue",
    "azure-servicebus": "Azure Service Bus",
    "cpu": "CPU",
    "cron": "Schedule",
    "external-push": "External",
    "gcp-pubsub": "Google Pub/Sub",
    "metrics-api": "Metrics API",
    "mysql": "MySQL",
    "nats-jetstream": "NATS JetStream",
    "postgresql": "PostgreSQL",
    "rabbitmq": "RabbitMQ",
    "redis-streams": "Redis stream",
}
"""The names of triggers that are written otherwise than their types."""


class ScaledObject(Scaling, frozen=True):
    """A ScaledObject (keda.sh): KEDA makes an HPA from it, and scales to zero by itself.

    ``idle_replicas`` is None unless it rests at another number than its minimum. ``cooldown`` is in
    seconds. ``fallback_replicas`` is None without a fallback; ``fallback_behavior`` says what they
    are compared with. ``failing`` are the external metrics that KEDA could not read when it last
    did. ``paused`` is by annotation, at ``paused_replicas``, or (None) at whatever number there is;
    KEDA then removes its HPA. ``paused_by`` is the end of that annotation's name. ``paused_in`` and
    ``paused_out`` keep it from taking pods away, and from adding some. ``forced`` keeps it active
    whatever its triggers say.
    """

    min_replicas: int = 0
    max_replicas: int = 100
    idle_replicas: int | None = None
    cooldown: float = 300.0
    triggers: tuple[Trigger, ...] = ()
    fallback_replicas: int | None = None
    fallback_behavior: str = "static"
    failing: tuple[str, ...] = ()
    paused: bool = False
    paused_replicas: int | None = None
    paused_by: str = "paused"
    paused_in: bool = False
    paused_out: bool = False
    forced: bool = False
    conditions: tuple[Condition, ...] = ()
    last_active_at: datetime | None = None
    hpa_name: str = ""
    uid: str = ""
    created_at: datetime | None = None


class ScaledJob(Watched, frozen=True):
    """A ScaledJob (keda.sh): KEDA makes Jobs while its triggers are active."""

    key: Key
    release: str
    max_replicas: int = 100
    triggers: tuple[Trigger, ...] = ()
    paused: bool = False
    conditions: tuple[Condition, ...] = ()
    uid: str = ""
    created_at: datetime | None = None
    management: Management = UNSAID

    def tags(self) -> Iterator[Tag]:
        """Yield the tag of the release it is annotated with."""
        return release_tag(self.key, self.release)

    def releases(self, index: Index) -> set[Key]:
        """Return the release it is annotated with."""
        return own_release(self.key, self.release)


class Amount(Struct, frozen=True):
    """CPU in cores, memory in bytes; None where nothing is said."""

    cpu: float | None = None
    memory: float | None = None


class ContainerRecommendation(Struct, frozen=True):
    """The recommended request of a container, the range around it, and the one without bounds."""

    container: str
    target: Amount
    lower: Amount = Amount()
    upper: Amount = Amount()
    uncapped: Amount = Amount()


class Vpa(Scaling, frozen=True):
    """A VerticalPodAutoscaler (autoscaling.k8s.io/v1).

    ``update_mode`` is "" where the spec has none, which Kubernetes takes as Recreate. ``resources``
    are those ("cpu", "memory") that it recommends for at least one container. With fewer than
    ``min_replicas`` its updater changes no running pod; None leaves that to the updater's flag.
    """

    update_mode: str = ""
    min_replicas: int | None = None
    resources: frozenset[str] = frozenset({"cpu", "memory"})
    recommendations: tuple[ContainerRecommendation, ...] = ()
    conditions: tuple[Condition, ...] = ()
    uid: str = ""
    created_at: datetime | None = None

    @property
    def replaces(self) -> bool:
        """True if it changes running pods, in place or by replacing them."""
        return self.update_mode not in {"Off", "Initial"}

    @property
    def applies(self) -> bool:
        """True if it changes the requests of pods, of running or of new ones."""
        return self.update_mode != "Off"


_METRIC = re.compile(r"s(\d{1,4})-(.+)", re.DOTALL)
"""KEDA's name of an external metric: the place of its trigger, and what it is about."""


def titled(hpas: Sequence[Hpa], scaled: Sequence[ScaledObject]) -> tuple[Hpa, ...]:
    """Return HPAs with titles for the metrics that KEDA has named, by its triggers."""
    by_name = {(each.key.namespace, each.key.name): each for each in scaled}
    return tuple(
        replace(
            hpa,
            metrics=tuple(
                _titled(each, by_name.get((hpa.key.namespace, hpa.scaled_object)))
                for each in hpa.metrics
            ),
        )
        if hpa.scaled_object
        else hpa
        for hpa in hpas
    )


def _titled(metric: HpaMetric, scaled: ScaledObject | None) -> HpaMetric:
    title = metric_title(metric.name, scaled)
    return replace(metric, title=title) if title else metric


def metric_title(name: str, scaled: ScaledObject | None) -> str:
    """Return a name for people of an external metric of KEDA; "" if it is none.

    Without its trigger, such as while the ScaledObject is not read, the rest of the name is one.
    """
    if name == "composite-metric":
        return "All triggers together (scaling modifiers)"
    found = _METRIC.fullmatch(name)
    if found is None:
        return ""
    triggers = scaled.triggers if scaled else ()
    place = int(found[1])
    return triggers[place].title if place < len(triggers) else found[2]
