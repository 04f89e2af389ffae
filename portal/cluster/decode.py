"""Decoding of API types into domain objects that several kinds share; the rest is in ``kinds``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from portal.cluster import api_types
from portal.cluster.lenient import decode_leniently
from portal.domain.keys import HELM_RELEASE_NAME, HELM_RELEASE_NAMESPACE, Key
from portal.domain.management import Management, management
from portal.domain.manifests import HOOK
from portal.domain.objects import Condition, Kind, Unreadable
from portal.domain.quantities import QuantityError, parse

T = TypeVar("T")


def key(meta: api_types.BasicMeta) -> Key:
    """Namespace ("" for cluster-wide kinds) and name."""
    return Key(meta.namespace, meta.name)


def deleting_since(meta: api_types.Meta) -> datetime | None:
    """The time at which deletion was requested; the API has the end of the grace period."""
    if meta.deletion_timestamp is None:
        return None
    with suppress(OverflowError):
        return meta.deletion_timestamp - timedelta(seconds=meta.deletion_grace_period_seconds or 0)
    return meta.deletion_timestamp


@lru_cache(1024)
def quantity(text: str) -> float | None:
    """A quantity as a number; None if it is left out or cannot be read."""
    try:
        return float(parse(text))
    except QuantityError:
        return None


def blocking_finalizers(meta: api_types.Meta) -> tuple[str, ...]:
    """The finalizers that delay an object's deletion, without Kubernetes' own."""
    if meta.deletion_timestamp is None:
        return ()
    own = {"foregroundDeletion", "orphan"}
    return tuple(each for each in meta.finalizers or () if each not in own)


def release_of(meta: api_types.Meta) -> str:
    """The name of the Helm release in the object's namespace that owns it, or ""."""
    return _release_named(meta.annotations or {}, meta.namespace)


def _release_named(annotations: Mapping[str, str], namespace: str) -> str:
    # An object of a hook is made beside the release, and left when that is removed.
    there = annotations.get(HELM_RELEASE_NAMESPACE)
    if HOOK in annotations or (there and there != namespace):
        return ""
    return annotations.get(HELM_RELEASE_NAME, "")


def management_of(meta: api_types.Meta) -> Management:
    """The tool that manages the object, and whether it outlives its release."""
    deleting = meta.deletion_timestamp is not None
    return management(meta.labels or {}, meta.annotations or {}, deleting=deleting)


def controller_of(meta: api_types.Meta) -> tuple[str, str]:
    """Kind and name of the controlling owner, "" for both if there is none."""
    owners = meta.owner_references or ()
    return next(((each.kind, each.name) for each in owners if each.controller), ("", ""))


def conditions(found: tuple[api_types.Condition, ...] | None) -> tuple[Condition, ...]:
    """The status conditions."""
    return tuple(
        [
            Condition(each.type, each.status, each.reason, each.message, each.last_transition_time)
            for each in found or ()
        ]
    )


_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._~%-]+)+/?", re.ASCII)


def only_path(paths: Iterable[str]) -> str:
    """Return the path that all of these are; "" if they differ, or are patterns."""
    found = {each.rstrip("/") for each in paths}
    path = found.pop() if len(found) == 1 else ""
    return path if _PLAIN_PATH.fullmatch(path) else ""


def load_balancer_addresses(status: api_types.LoadBalancerStatus) -> tuple[str, ...]:
    """The addresses that a load balancer or ingress controller has written into the status."""
    found = (each.hostname or each.ip for each in status.load_balancer.ingress or ())
    return tuple(each for each in found if each)


class _Owner(api_types.Part, frozen=True):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class _Target(api_types.Part, frozen=True):
    kind: str = ""
    name: str = ""


_HELM_SECRET = re.compile(r"sh\.helm\.release\.v1\.(.+)\.v\d+")


def unreadable(kind: Kind, raw: api_types.Json, error: Exception) -> Unreadable | None:
    """An object that cannot be read, with what it belongs to; None if it has no name either."""
    own = api_types.any_object(raw).key
    if not own.name:
        return None
    owners = _read(raw, tuple[_Owner, ...], "metadata", "ownerReferences") or ()
    owner = next((each for each in owners if each.controller), _Owner())
    target = _read(raw, _Target, "spec", "scaleTargetRef") or _Target()
    notes = _read(raw, dict[str, str], "metadata", "annotations") or {}
    usual = Kind.DEPLOYMENT.value if kind is Kind.SCALED_OBJECT and target.name else ""
    revision = _HELM_SECRET.fullmatch(own.name) if kind is Kind.RELEASE else None
    return Unreadable(
        kind=kind,
        key=own,
        release=revision[1] if revision else _release_named(notes, own.namespace),
        uid=_read(raw, str, "metadata", "uid") or "",
        owner_kind=owner.kind if owner.name else "",
        owner=owner.name,
        target_kind=target.kind or usual,
        target_name=target.name,
        error=str(error),
    )


def _read(raw: api_types.Json, shape: type[T], *path: str) -> T | None:
    """The part of an object at ``path``; None if it is not there or cannot be read."""
    with suppress(ValueError, KeyError, TypeError):
        found: Any = msgspec.json.decode(raw)
        for name in path:
            found = found[name]
        return decode_leniently(shape, msgspec.json.encode(found))
    return None
