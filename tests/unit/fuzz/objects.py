"""Objects of the watched kinds, made from Kubernetes' OpenAPI schemas with odd values in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, get_type_hints

from msgspec import inspect

from portal.cluster.resource import Resource
from portal.domain.objects import Kind
from tests.charts.k8s_schemas import schema_for

Json = dict[str, Any]

VERSIONS = {
    Kind.RELEASE: ("v1", "Secret"),
    Kind.EVENT: ("v1", "Event"),
    Kind.NODE: ("v1", "Node"),
    Kind.POD: ("v1", "Pod"),
    Kind.QUOTA: ("v1", "ResourceQuota"),
    Kind.SERVICE: ("v1", "Service"),
    Kind.HPA: ("autoscaling/v2", "HorizontalPodAutoscaler"),
    Kind.INGRESS: ("networking.k8s.io/v1", "Ingress"),
    Kind.HTTP_ROUTE: ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    Kind.GATEWAY: ("gateway.networking.k8s.io/v1", "Gateway"),
    Kind.JOB: ("batch/v1", "Job"),
    Kind.CRON_JOB: ("batch/v1", "CronJob"),
    Kind.SCALED_OBJECT: ("keda.sh/v1alpha1", "ScaledObject"),
    Kind.SCALED_JOB: ("keda.sh/v1alpha1", "ScaledJob"),
    Kind.VPA: ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler"),
}
"""API version and kind of the schema; those of ``apps/v1`` are named as the kind."""

RELEASE = "web"
DEEPEST = 9
"""Levels below which only required fields are made."""
READ, OTHER = 0.75, 0.03
"""The share of the optional fields that are made, of those that the portal reads and of others."""
NUL = 0.05
"""The share of fields that are null, of those that need not be there."""

QUANTITIES = (
    *("0", "100m", "1", "250Mi", "1.5Gi", "2e7", "15e-3", "12E6", "2500000n", "209715200500m"),
    *("-9223372036854775808m", "9223372036854775807", "123456789012345678901234", ".5", "5.", "+1"),
    *("1Ei", "1e99", "0.000000000000000001", "", "cpu", "1 Gi", "٣"),
)
TIMES = (
    *("2026-11-23T07:26:08Z", "2026-11-23T07:26:08.123456Z", "2026-11-23T09:26:08+02:00"),
    *("2026-11-23T07:26:08.123456789Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("2016-12-31T23:59:60Z", "1969-12-31T23:59:59-14:00", "2026-11-23t07:26:08z"),
    *("0000-01-01T00:00:00Z", "2026-02-29T00:00:00Z", "0001-01-01T00:00:00+14:00"),
)
TEXTS = (
    *("", "web", "app", "True", "False", "Unknown", "Ready", "Running", "Failed", "Pending"),
    *("Evicted", "Always", "AverageValue", "Utilization", "Value", "Resource", "External", "Pods"),
    *("cpu", "memory", "TCP", "RollingUpdate", "OnDelete", "InternalIP", "NodePort", "ClusterIP"),
    *("PodScheduled", "ReplicaFailure", "SchedulingGated", "CrashLoopBackOff", "SomethingNew"),
    *("Deployment", "ReplicaSet", "ünï ☃", "a" * 300, "x: y\nz", "<b>&amp;"),
)


class Maker:
    """Makes objects of one kind; the same ``Random`` makes the same objects."""

    def __init__(self, resource: Resource) -> None:
        kind = resource.kind
        version, name = VERSIONS.get(kind, ("apps/v1", kind.value))
        self.kind = kind
        self._root = schema_for(version, name)
        shape = next(iter(get_type_hints(resource.decode.__wrapped__).values()))  # type: ignore[attr-defined]
        self._read = frozenset(_names(inspect.type_info(shape)))

    def make(self, some: random.Random) -> Json:
        """An object that its schema allows, and the API server stores: it has a name and a spec."""
        made = self._value(self._root, some, 0)
        meta = made.get("metadata") or {}
        annotations = {**(meta.get("annotations") or {}), "meta.helm.sh/release-name": RELEASE}
        annotations.pop("meta.helm.sh/release-namespace", None)
        made["metadata"] = {**meta, "name": "x", "namespace": "apps", "annotations": annotations}
        if "spec" in self._properties(self._root) and not made.get("spec"):
            spec = self._properties(self._root)["spec"]
            made["spec"] = self._value(spec, some, 1)
        if self.kind is Kind.RELEASE:
            made["metadata"]["labels"] = {
                **(meta.get("labels") or {}),
                **{"owner": "helm", "name": RELEASE, "version": str(some.randint(1, 9))},
            }
        if self.kind is Kind.POD:
            made["metadata"]["ownerReferences"] = [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u"}
                | {"controller": True}
            ]
        return made

    def _properties(self, schema: Json) -> Json:
        found: Json = {}
        for each in self._parts(schema):
            found |= each.get("properties", {})
        return found

    def _parts(self, schema: Json) -> Iterator[Json]:
        yield schema
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            yield from self._parts(self._root["components"]["schemas"][name])
        for each in schema.get("allOf", ()):
            yield from self._parts(each)

    def _value(self, schema: Json, some: random.Random, depth: int) -> Any:
        parts = list(self._parts(schema))
        merged: Json = {}
        for each in parts:
            merged |= each
        merged["properties"] = self._properties(schema)
        if choices := merged.get("oneOf") or merged.get("anyOf"):
            types = {each.get("type") for each in choices}
            if types == {"string", "number"}:
                return some.choice((*QUANTITIES, 0, 1, 1500, 0.5))
            if not merged["properties"]:
                return self._value(some.choice(choices), some, depth)
        kind = merged.get("type")
        if isinstance(kind, list):
            kind = some.choice(kind)
        match kind:
            case "object":
                return self._object(merged, some, depth)
            case "array":
                amount = max(some.choice((0, 1, 1, 2, 3)), merged.get("minItems", 0))
                return [self._value(merged["items"], some, depth + 1) for _ in range(amount)]
            case "boolean":
                return some.random() < 0.5
            case "integer":
                wide = 2**63 if merged.get("format") == "int64" else 2**31
                return some.choice((0, 0, 1, 2, 3, 8080, 300, -1, wide - 1, -wide))
            case "number":
                return some.choice((0, 0.5, 3, 1e30))
            case "null":
                return None
            case "string":
                return self._text(merged, some)
            case _:
                return some.choice(("", 1, None, {}, [], "x"))

    def _text(self, schema: Json, some: random.Random) -> str:
        if "enum" in schema and some.random() < 0.8:
            return some.choice(schema["enum"])
        if "date-time" in {schema.get("format")}:
            return some.choice(TIMES)
        return some.choice(TEXTS)

    def _object(self, schema: Json, some: random.Random, depth: int) -> Json:
        properties, required = schema["properties"], schema.get("required", ())
        if not properties:
            inside = schema.get("additionalProperties") or {"type": "string"}
            inside = {"type": "string"} if inside is True else inside
            names = some.sample(
                ("cpu", "memory", "pods", "app", "requests.cpu"), some.randint(0, 3)
            )
            return {name: self._value(inside, some, depth + 1) for name in names}
        made: Json = {}
        for name, each in properties.items():
            if name not in required:
                share = READ if name in self._read else OTHER
                if depth >= DEEPEST or some.random() >= share:
                    continue
                if some.random() < NUL:
                    made[name] = None
                    continue
            made[name] = self._value(each, some, depth + 1)
        return made


def _names(info: inspect.Type) -> Iterator[str]:
    """Yield the names of all fields that a type decodes."""
    match info:
        case inspect.StructType():
            for each in info.fields:
                yield each.encode_name
                yield from _names(each.type)
        case inspect.UnionType():
            for each in info.types:
                yield from _names(each)
        case inspect.VarTupleType():
            yield from _names(info.item_type)
        case _:
            pass
