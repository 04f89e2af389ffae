"""The parts that KEDA's ScaledObjects and ScaledJobs share: triggers, and pausing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.cluster.api_types import Meta, Part
from portal.domain import scalers
from portal.domain.secret_patterns import secret_spans

KEDA = "/apis/keda.sh/v1alpha1"

MEASURED = frozenset({"cpu", "memory"})
"""The types of triggers that are readings of the pods themselves."""

_ANNOTATION = "autoscaling.keda.sh/"

_SUBJECTS = {
    "topic": "topic",
    "topicName": "topic",
    "queueName": "queue",
    "queueURL": "queue",
    "listName": "list",
    "stream": "stream",
    "streamName": "stream",
    "subscriptionName": "subscription",
    "consumerGroup": "group",
    "metricName": "metric",
    "scheduledTime": "time",
    "podSelector": "pods",
}
"""The metadata that is shown, with its word: names of things, no addresses and nothing secret."""

_LONGEST = 80


class Trigger(Part, frozen=True):
    """``spec.triggers[]``."""

    type: str = ""
    name: str = ""
    metadata: dict[str, Any] | None = None


def triggers(found: tuple[Trigger, ...] | None) -> tuple[scalers.Trigger, ...]:
    """The triggers, in the order by which KEDA names their metrics."""
    return tuple(
        scalers.Trigger(each.type, each.name, _subject(each.type, each.metadata or {}))
        for each in found or ()
    )


def _subject(kind: str, metadata: Mapping[str, object]) -> str:
    if kind == "cron":
        start, end, zone = (str(metadata.get(name, "")) for name in ("start", "end", "timezone"))
        times = f"{start} to {end}" if start and end else ""
        return ", ".join(each for each in (times, zone) if each)[:_LONGEST]
    if kind in MEASURED:
        return ""
    for name, word in _SUBJECTS.items():
        value = metadata.get(name)
        if isinstance(value, str) and value and not secret_spans(value) and "@" not in value:
            # Of an address, only the last part is a name.
            return f"{word} {value.rstrip('/').rpartition('/')[2]}"[:_LONGEST]
    return ""


def said(meta: Meta, name: str) -> str | None:
    """The value of one of KEDA's annotations; None if it is not there."""
    return (meta.annotations or {}).get(f"{_ANNOTATION}{name}")


def switched_on(meta: Meta, name: str) -> bool:
    """Return True if an annotation says so: as KEDA reads it, any value does but a plain no."""
    value = said(meta, name)
    return value is not None and value not in _FALSE


_FALSE = {"0", "f", "F", "false", "False", "FALSE"}
