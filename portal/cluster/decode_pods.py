"""Raw objects of the API → domain objects: pods and what they use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from portal.cluster.decode import (
    conditions,
    controller_of,
    created,
    deleting_since,
    holders,
    key,
    time,
)
from portal.cluster.raw import Raw, items, part, text, value
from portal.domain.keys import Key
from portal.domain.objects import Container, Pod, PodUsage
from portal.domain.quantities import parse


def pod(raw: Raw) -> tuple[Key, Pod]:
    """A Pod with the state of its containers, and of init containers that are not done."""
    meta: Raw = raw["metadata"]
    spec: Raw = raw["spec"]
    status = part(raw, "status")
    found = key(raw)
    facts = conditions(raw)
    ready = next((each for each in facts if each.type == "Ready"), None)
    is_ready = ready is not None and ready.status == "True"
    requesting = [
        *items(spec, "containers"),
        *(each for each in items(spec, "initContainers") if each.get("restartPolicy")),
    ]
    return found, Pod(
        key=found,
        uid=text(meta, "uid"),
        labels=dict(part(meta, "labels")),
        phase=str(status.get("phase") or "Unknown"),
        ready=is_ready,
        conditions=facts,
        containers=_containers(spec, status),
        created_at=created(raw),
        ready_at=ready.changed_at if ready is not None and is_ready else None,
        deleting=bool(meta.get("deletionTimestamp")),
        deleting_since=deleting_since(raw),
        finalizers=holders(raw),
        node=text(spec, "nodeName"),
        reason=text(status, "reason"),
        message=text(status, "message"),
        owner=controller_of(raw),
        cpu_request=_requested(spec, requesting, "cpu"),
        memory_request=_requested(spec, requesting, "memory"),
    )


def _requested(spec: Raw, containers: Iterable[Raw], what: str) -> float | None:
    """What the pod requests as a whole, else the sum of what its containers do."""
    whole = value(spec, "resources", "requests", what)
    if whole is not None:
        return float(_amount(str(whole)))
    found = [
        _amount(str(amount))
        for each in containers
        if (amount := value(each, "resources", "requests", what)) is not None
    ]
    return float(sum(found)) if found else None


@lru_cache(256)
def _amount(text: str) -> Decimal:
    """A quantity, as most pods ask for the same ones."""
    return parse(text)


def _containers(spec: Raw, status: Raw) -> tuple[Container, ...]:
    said = {each["name"]: each for each in items(status, "containerStatuses")}
    before = {each["name"]: each for each in items(status, "initContainerStatuses")}
    main = [_container(each, said.get(each["name"]) or {}) for each in items(spec, "containers")]
    initial = [
        _container(each, before.get(each["name"]) or {}, init=True)
        for each in items(spec, "initContainers")
    ]
    return (*main, *(each for each in initial if not (each.ready or each.exit_code == 0)))


def _container(spec: Raw, status: Raw, init: bool = False) -> Container:
    state = part(status, "state")
    word = next((each for each in ("running", "terminated") if each in state), "waiting")
    now = part(state, word)
    last = part(status, "lastState", "terminated")
    return Container(
        name=str(spec["name"]),
        image=text(spec, "image"),
        ready=bool(status.get("ready")),
        restarts=int(status.get("restartCount") or 0),
        state=word,
        reason=text(now, "reason"),
        message=text(now, "message"),
        exit_code=now.get("exitCode"),
        last_reason=text(last, "reason"),
        last_exit_code=last.get("exitCode"),
        last_message=text(last, "message"),
        started_at=time(now.get("startedAt")) if word == "running" else None,
        init=init,
    )


def pod_usage(raw: Raw) -> PodUsage:
    """One item of the metrics API: the sum over the pod's containers."""
    containers = items(raw, "containers")
    return PodUsage(
        key=key(raw),
        cpu=float(sum(parse(str(each["usage"]["cpu"])) for each in containers)),
        memory=float(sum(parse(str(each["usage"]["memory"])) for each in containers)),
        at=datetime.fromisoformat(raw["timestamp"]).astimezone(UTC),
        window=seconds(str(raw.get("window") or "0s")),
    )


_UNITS = {"ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "h": 3600.0, "m": 60.0, "s": 1.0}


def seconds(duration: str) -> float:
    """A Go duration in seconds: "1m30s" → 90."""
    return sum(
        float(number) * _UNITS[unit]
        for number, unit in re.findall(r"([\d.]+)(ms|us|µs|ns|h|m|s)", duration)
    )
