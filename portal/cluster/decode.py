"""Decoding of API types into domain objects that several kinds share; the rest is in ``kinds``."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.cluster import api_types
from portal.domain.keys import HELM_RELEASE_NAME, Key
from portal.domain.management import Management, management
from portal.domain.objects import Condition

HELM_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"


def key(meta: api_types.BasicMeta) -> Key:
    """Namespace ("" for cluster-wide kinds) and name."""
    return Key(meta.namespace, meta.name)


def deleting_since(meta: api_types.Meta) -> datetime | None:
    """The time at which deletion was requested; the API has the end of the grace period."""
    if meta.deletion_timestamp is None:
        return None
    return meta.deletion_timestamp - timedelta(seconds=meta.deletion_grace_period_seconds or 0)


def blocking_finalizers(meta: api_types.Meta) -> tuple[str, ...]:
    """The finalizers that delay an object's deletion, without Kubernetes' own."""
    if meta.deletion_timestamp is None:
        return ()
    own = {"foregroundDeletion", "orphan"}
    return tuple(each for each in meta.finalizers or () if each not in own)


def release_of(meta: api_types.Meta) -> str:
    """The name of the Helm release in the object's namespace that owns it, or ""."""
    annotations = meta.annotations or {}
    namespace = annotations.get(HELM_RELEASE_NAMESPACE)
    foreign = namespace and namespace != meta.namespace
    return "" if foreign else annotations.get(HELM_RELEASE_NAME, "")


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


def load_balancer_addresses(status: api_types.LoadBalancerStatus) -> tuple[str, ...]:
    """The addresses that a load balancer or ingress controller has written into the status."""
    found = (each.hostname or each.ip for each in status.load_balancer.ingress or ())
    return tuple(each for each in found if each)
