"""The state of objects that are not watched, from what the API sends of them. Pure."""

from __future__ import annotations

from msgspec import Struct

from portal.domain.manifests import Tree, at, mappings
from portal.viewmodels.model import Badge, Severity
from portal.viewmodels.words import count

MISSING = Badge(
    "Missing", Severity.WARN, "It is in the release's manifest, and not in the cluster."
)
THERE = Badge("Exists", Severity.QUIET)
UNREAD = Badge("Not read", Severity.QUIET, "The portal does not read objects of this kind.")


class ObjectState(Struct, frozen=True):
    """A badge, and a few words beside it."""

    state: Badge
    words: str = ""


def state_of(tree: Tree) -> ObjectState:
    """Return the state of an object as its own fields tell it."""
    if at(tree, "metadata").get("deletionTimestamp"):
        return ObjectState(Badge("Being deleted", Severity.WARN))
    status = at(tree, "status")
    match tree.get("kind"):
        case "PersistentVolumeClaim":
            return _claim(tree)
        case "PodDisruptionBudget":
            return _budget(status)
        case "ConfigMap":
            keys = len(at(tree, "data")) + len(at(tree, "binaryData"))
            return ObjectState(THERE, count(keys, "key"))
        case "Secret":
            return ObjectState(THERE, count(len(secret_keys(tree)), "key"))
        case _:
            return ObjectState(THERE)


def _claim(tree: Tree) -> ObjectState:
    phase = str(at(tree, "status").get("phase") or "Pending")
    severity = {"Bound": Severity.GOOD, "Lost": Severity.BAD}.get(phase, Severity.BUSY)
    size = at(tree, "status", "capacity").get("storage") or at(
        tree, "spec", "resources", "requests"
    ).get("storage")
    return ObjectState(Badge(phase, severity), str(size or ""))


def _budget(status: Tree) -> ObjectState:
    allowed = status.get("disruptionsAllowed")
    if not isinstance(allowed, int):
        return ObjectState(THERE)
    words = f"{count(allowed, 'pod')} may be evicted now"
    healthy, expected = status.get("currentHealthy"), status.get("desiredHealthy")
    short = isinstance(healthy, int) and isinstance(expected, int) and healthy < expected
    if short:
        return ObjectState(Badge("Too few healthy pods", Severity.WARN), words)
    return ObjectState(Badge("Kept", Severity.GOOD), words)


def secret_keys(tree: Tree) -> tuple[str, ...]:
    """Return the names of a Secret's data, from who manages which field.

    So they are known without its data, which is not read. A name is missing if no manager of
    the field is recorded.
    """
    found: set[str] = set()
    for each in mappings(at(tree, "metadata").get("managedFields")):
        for name in ("f:data", "f:stringData"):
            keys = at(each, "fieldsV1", name)
            found.update(key.removeprefix("f:") for key in keys if key.startswith("f:"))
    return tuple(sorted(found))
