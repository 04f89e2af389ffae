"""Decoding that several kinds share, API types → domain objects; the rest of it is in ``kinds``."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.cluster import api_types
from portal.domain.keys import HELM_RELEASE_NAME, Key
from portal.domain.objects import Condition

HELM_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"


def key(meta: api_types.Name) -> Key:
    """Namespace ("" for cluster-wide kinds) and name."""
    return Key(meta.namespace, meta.name)


def deleting_since(meta: api_types.Meta) -> datetime | None:
    """When its deletion was asked for; the API tells when its grace period ends."""
    if meta.deletion_timestamp is None:
        return None
    return meta.deletion_timestamp - timedelta(seconds=meta.deletion_grace_period_seconds or 0)


def holders(meta: api_types.Meta) -> tuple[str, ...]:
    """The finalizers that hold an object which is being deleted, without Kubernetes' own."""
    if meta.deletion_timestamp is None:
        return ()
    own = {"foregroundDeletion", "orphan"}
    return tuple(each for each in meta.finalizers or () if each not in own)


def release_of(meta: api_types.Meta) -> str:
    """The Helm release of the object's own namespace that it belongs to, or ""."""
    notes = meta.annotations or {}
    where = notes.get(HELM_RELEASE_NAMESPACE)
    return "" if where and where != meta.namespace else notes.get(HELM_RELEASE_NAME, "")


def controller_of(meta: api_types.Meta) -> str:
    """Name of the object that controls this one, or ""."""
    return next((each.name for each in meta.owner_references or () if each.controller), "")


def conditions(found: tuple[api_types.Condition, ...] | None) -> tuple[Condition, ...]:
    """The status conditions."""
    return tuple(
        [
            Condition(each.type, each.status, each.reason, each.message, each.last_transition_time)
            for each in found or ()
        ]
    )


def published(status: api_types.Balanced) -> tuple[str, ...]:
    """Addresses that a load balancer or ingress controller has written into the status."""
    found = (each.hostname or each.ip for each in status.load_balancer.ingress or ())
    return tuple(each for each in found if each)
