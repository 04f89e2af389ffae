"""Effects of an upgrade on running pods, and changes that Kubernetes refuses. Pure.

The immutable fields are those of Kubernetes' own validation (``pkg/apis/*/validation``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from portal.domain.manifests import ChangeType, ObjectChange, Ref, Tree, at, has_keep_policy
from portal.domain.replica_ownership import SCALABLE, autoscalers, workload_name

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})

_STATEFUL_SET_MAY_CHANGE = frozenset(
    {
        "replicas",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
        "ordinals",
    }
)
_CLAIM_MAY_CHANGE = frozenset({"resources", "volumeAttributesClassName"})
_IMMUTABLE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Deployment": (("spec", "selector"),),
    "DaemonSet": (("spec", "selector"),),
    "Job": (("spec", "template"), ("spec", "selector"), ("spec", "completionMode")),
    "StorageClass": (("provisioner",), ("parameters",), ("reclaimPolicy",)),
    "RoleBinding": (("roleRef",),),
    "ClusterRoleBinding": (("roleRef",),),
}


class ReplicaChange(Struct, frozen=True):
    """The replicas of a workload: ``live`` now, and ``after`` the upgrade.

    ``minimum`` and ``maximum`` are the bounds of its autoscaler after the upgrade, None without
    one. With an autoscaler, ``after`` is the number that it starts from.
    """

    ref: Ref
    live: int
    after: int
    minimum: int | None = None
    maximum: int | None = None


class Effects(Struct, frozen=True):
    """The effects of an upgrade.

    ``restarts`` are the workloads whose pods are replaced; the value is True if the old pods are
    stopped first. ``deleted`` are removed objects, ``left`` those that their keep policy retains.
    ``refused`` are fields that Kubernetes will not change.
    """

    restarts: Mapping[Ref, bool] = field(default_factory=dict[Ref, bool])
    replicas: tuple[ReplicaChange, ...] = ()
    deleted: tuple[Ref, ...] = ()
    left: tuple[Ref, ...] = ()
    refused: tuple[tuple[Ref, str], ...] = ()


def effects(
    found: tuple[ObjectChange, ...],
    before: Mapping[Ref, Tree],
    after: Mapping[Ref, Tree],
    live: Mapping[str, int],
) -> Effects:
    """Return the effects of the changes ``found``; ``live`` maps workloads to their replicas."""
    removed = [each for each in found if each.change is ChangeType.REMOVED]
    return Effects(
        restarts={
            each.ref: _stops_first(each.after)
            for each in found
            if each.change is ChangeType.CHANGED
            and each.ref.kind in WORKLOADS
            and at(each.before, "spec", "template") != at(each.after, "spec", "template")
        },
        replicas=tuple(_replicas(before, after, live)),
        deleted=tuple(each.ref for each in removed if not has_keep_policy(each.before)),
        left=tuple(each.ref for each in removed if has_keep_policy(each.before)),
        refused=tuple(
            (each.ref, field)
            for each in found
            if each.change is ChangeType.CHANGED
            for field in immutable(each)
        ),
    )


def immutable(change: ObjectChange) -> list[str]:
    """Return the immutable fields of an object that would change."""
    before, after = change.before, change.after
    spec, new = at(before, "spec"), at(after, "spec")
    match change.ref.kind:
        case "StatefulSet":
            return _differing(spec, new, _STATEFUL_SET_MAY_CHANGE)
        case "PersistentVolumeClaim":
            return _differing(spec, new, _CLAIM_MAY_CHANGE)
        case "Service":
            old_ip, new_ip = spec.get("clusterIP"), new.get("clusterIP")
            return ["spec.clusterIP"] if old_ip and new_ip and old_ip != new_ip else []
        case "ConfigMap" | "Secret" if before.get("immutable"):
            same = all(before.get(each) == after.get(each) for each in ("data", "stringData"))
            return [] if same else ["data"]
        case kind:
            return [
                ".".join(path)
                for path in _IMMUTABLE.get(kind, ())
                if _get(before, path) != _get(after, path)
            ]


def _differing(before: Tree, after: Tree, allowed: frozenset[str]) -> list[str]:
    names = sorted({*before, *after} - allowed)
    return [f"spec.{name}" for name in names if before.get(name) != after.get(name)]


def _get(tree: Tree, path: tuple[str, ...]) -> object:
    return at(tree, *path[:-1]).get(path[-1])


def _stops_first(workload: Tree) -> bool:
    return at(workload, "spec", "strategy").get("type") == "Recreate"


def _replicas(
    before: Mapping[Ref, Tree], after: Mapping[Ref, Tree], live: Mapping[str, int]
) -> Iterator[ReplicaChange]:
    scaled = autoscalers(after)
    for ref, tree in after.items():
        if ref.kind not in SCALABLE or ref.name not in live:
            continue
        now = live[ref.name]
        hpa = scaled.get(workload_name(ref.kind, ref.name))
        if hpa is not None:
            low, high = _int(hpa.get("minReplicas"), 1), _int(hpa.get("maxReplicas"), now)
            yield ReplicaChange(ref, now, min(max(now, low), high), low, high)
        else:
            # A field that Helm no longer sets gets Kubernetes' default; one it never set stays.
            held = "replicas" in at(before.get(ref, {}), "spec")
            yield ReplicaChange(
                ref, now, _int(at(tree, "spec").get("replicas"), 1 if held else now)
            )


def _int(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
