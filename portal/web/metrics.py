"""The portal's own Prometheus metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from portal.domain.operations import Operation


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _Counters(Collector):
    """Counters that are read at each scrape."""

    def __init__(self, name: str, text: str, label: str, counts: Mapping[str, int]) -> None:
        self._name, self._text, self._label, self._counts = name, text, label, counts

    def collect(self) -> Iterator[Metric]:
        """Return the counters as one metric family."""
        family = CounterMetricFamily(self._name, self._text, labels=[self._label])
        for key, value in sorted(self._counts.items()):
            family.add_metric([key], value)
        yield family


@dataclass
class Metrics:
    """The registry and the metrics in it; one for each application object."""

    registry: CollectorRegistry = field(default_factory=_registry)

    def __post_init__(self) -> None:
        self.requests = Histogram(
            "dash_portal_http_request_seconds",
            "Time to answer HTTP requests",
            ["method", "status"],
            registry=self.registry,
        )
        self.operations = Counter(
            "dash_portal_operations_total",
            "Operations that ended",
            ["verb", "phase"],
            registry=self.registry,
        )
        self.helm = Histogram(
            "dash_portal_helm_seconds",
            "Time that helm commands took in operations",
            ["verb"],
            registry=self.registry,
        )

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Publish a number that is read at each scrape."""
        Gauge(f"dash_portal_{name}", text, registry=self.registry).set_function(read)

    def by_label(self, name: str, text: str, label: str, counts: Mapping[str, int]) -> None:
        """Publish counters that are kept elsewhere, one for each key of ``counts``."""
        self.registry.register(_Counters(f"dash_portal_{name}", text, label, counts))

    def freshness(self, read: Callable[[], list[tuple[str, datetime | None]]]) -> None:
        """Publish the Unix time of each source's last update, 0 before the first."""
        gauge = Gauge(
            "dash_portal_source_last_alive_seconds",
            "Unix time of each source's last update",
            ["source"],
            registry=self.registry,
        )
        self._freshness = (gauge, read)

    def ended(self, operation: Operation) -> None:
        """Count an operation that has just ended."""
        self.operations.labels(operation.verb.name, operation.phase.value).inc()
        if operation.helm_seconds is not None:
            self.helm.labels(operation.verb.name).observe(operation.helm_seconds)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        if hasattr(self, "_freshness"):
            gauge, read = self._freshness
            for source, alive_at in read():
                gauge.labels(source).set(alive_at.timestamp() if alive_at else 0)
        return generate_latest(self.registry)
