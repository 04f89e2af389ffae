"""The PromQL of an app's chart. Pure.

Everything that comes from names is quoted twice: for the regular expression (RE2), and for the text
that it is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from portal.domain.objects import Kind, Workload

WINDOW = 300
"""Seconds of the shortest rate: four scrapes a minute apart, and one to spare."""

_HASH = "[bcdfghjklmnpqrstvwxz2456789]"
"""The characters of the hashes and random suffixes in pods' names."""

_SUFFIXES = {
    Kind.DEPLOYMENT: f"-{_HASH}{{1,10}}-{_HASH}{{5}}",
    Kind.STATEFUL_SET: "-[0-9]+",
    Kind.DAEMON_SET: f"-{_HASH}{{5}}",
}
"""The ends of the names of pods, after that of their workload."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]")

CPU, CPU_HIGHEST = "cpu", "cpu highest"
MEMORY, MEMORY_HIGHEST = "memory", "memory highest"
CURRENT, DESIRED, READY = "current", "desired", "ready"

SERIES = {
    CPU: "container_cpu_usage_seconds_total",
    MEMORY: "container_memory_working_set_bytes",
    DESIRED: "kube_deployment_spec_replicas",
}
"""The series that are named where they are missing, by the query that needs them."""


def literal(text: str) -> str:
    """Return a regular expression that matches ``text`` alone."""
    return "".join(each if _PLAIN.match(each) else f"\\x{{{ord(each):x}}}" for each in text)


def quoted(text: str) -> str:
    """Return ``text`` as a string of PromQL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def queries(namespace: str, workloads: Iterable[Workload], step: int) -> Mapping[str, str]:
    """Return the queries of an app by what they tell, for spans of ``step`` seconds.

    Pods are found by their workloads' names, those of earlier versions as well. {} for an app that
    has none of the workloads whose pods have such names.
    """
    found = [each for each in workloads if each.kind in _SUFFIXES]
    if not found:
        return {}
    names = "|".join(literal(each.key.name) + _SUFFIXES[each.kind] for each in found)
    of_pods = f'namespace={quoted(namespace)},pod=~{quoted(names)},container!="",container!="POD"'
    memory = f"sum(container_memory_working_set_bytes{{{of_pods}}})"

    def cpu(window: int) -> str:
        return f"sum(rate(container_cpu_usage_seconds_total{{{of_pods}}}[{window}s]))"

    return {
        CPU: cpu(max(step, WINDOW)),
        CPU_HIGHEST: f"max_over_time({cpu(WINDOW)}[{step}s:{WINDOW}s])",
        MEMORY: f"avg_over_time({memory}[{step}s:{WINDOW}s])",
        MEMORY_HIGHEST: f"max_over_time({memory}[{step}s:{WINDOW}s])",
        CURRENT: f"count(count by (pod) (container_memory_working_set_bytes{{{of_pods}}}))",
        DESIRED: _replicas(
            namespace, found, "spec_replicas", "replicas", f"max_over_time({{}}[{step}s])"
        ),
        READY: _replicas(
            namespace,
            found,
            "status_replicas_ready",
            "status_replicas_ready",
            f"min_over_time({{}}[{step}s])",
        ),
    }


def _replicas(
    namespace: str, workloads: Iterable[Workload], deployed: str, stateful: str, over: str
) -> str:
    """Return the sum of a number that kube-state-metrics has of Deployments and StatefulSets."""
    parts = [
        over.format(f"{series}{{namespace={quoted(namespace)},{label}=~{quoted(names)}}}")
        for kind, label, series in (
            (Kind.DEPLOYMENT, "deployment", f"kube_deployment_{deployed}"),
            (Kind.STATEFUL_SET, "statefulset", f"kube_statefulset_{stateful}"),
        )
        if (names := "|".join(literal(each.key.name) for each in workloads if each.kind is kind))
    ]
    return f"sum({' or '.join(parts)})" if parts else "vector(0) < 0"
