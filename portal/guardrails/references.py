"""References of objects to Secrets, ConfigMaps, volume claims and ServiceAccounts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from msgspec import Struct

from portal.domain.manifests import Tree, at, mappings
from portal.guardrails.manifest import CONTAINERS, PodSpec, Rendered, texts

SECRET, CONFIG_MAP, CLAIM = "Secret", "ConfigMap", "PersistentVolumeClaim"

_ANYWHERE = {
    "secretKeyRef": SECRET,
    "secretRef": SECRET,
    "configMapKeyRef": CONFIG_MAP,
    "configMapRef": CONFIG_MAP,
}
"""Fields of containers by the kind they refer to; custom kinds use the same names."""
_IN_PODS = {
    **_ANYWHERE,
    "secret": SECRET,
    "configMap": CONFIG_MAP,
    "nodePublishSecretRef": SECRET,
    "persistentVolumeClaim": CLAIM,
}
"""Fields of pods by the kind they refer to; volumes included."""


class Reference(Struct, frozen=True):
    """A reference to a Secret, ConfigMap or volume claim, with the path of the field."""

    kind: str
    name: str
    path: str


def references(rendered: Rendered, pods: tuple[PodSpec, ...]) -> Iterator[Reference]:
    """The references in an object, image pull secrets included; ``pods`` are those in it."""
    yield from _named(rendered.tree, "", _ANYWHERE)
    for pod in pods:
        yield from _named(pod.spec, pod.path, {**_IN_PODS, "azureFile": SECRET})
        yield from _pull_secrets(pod.spec, pod.path)
    if rendered.ref.kind == "ServiceAccount":
        yield from _pull_secrets(rendered.tree, "")
        for index, each in enumerate(mappings(rendered.tree.get("secrets"))):
            yield Reference(SECRET, str(each.get("name")), f"secrets[{index}]")


def _named(value: object, path: str, names: Mapping[str, str]) -> Iterator[Reference]:
    for name, inner, found in texts(value, path, frozenset(names)):
        if not isinstance(found, Mapping):
            continue
        tree = cast("Tree", found)
        for field in ("name", "secretName", "claimName"):
            if tree.get(field) is not None:
                yield Reference(names[name], str(tree[field]), inner)


def _pull_secrets(tree: Tree, path: str) -> Iterator[Reference]:
    for index, each in enumerate(mappings(tree.get("imagePullSecrets"))):
        where = f"{path}.imagePullSecrets[{index}]".lstrip(".")
        yield Reference(SECRET, str(each.get("name")), where)


def service_account(pod: PodSpec) -> str:
    """The ServiceAccount of a pod; the deprecated field counts as well."""
    for name in ("serviceAccountName", "serviceAccount"):
        named = pod.spec.get(name)
        if named:
            return str(named)
    return "default"


_TOKENS = frozenset({"serviceAccountToken", "podCertificate"})
"""Sources of projected volumes that hold credentials of the pod."""


def mounts_token(pod: PodSpec, by_default: bool) -> bool:
    """Return True if a pod mounts a token of its ServiceAccount.

    ``by_default`` applies to pods without ``automountServiceAccountToken``.
    """
    mounted = pod.spec.get("automountServiceAccountToken")
    projected = any(True for _ in texts(pod.spec, "", _TOKENS))
    return projected or (mounted is not False and (mounted is not None or by_default))


def images(pod: PodSpec) -> Iterator[tuple[str, str]]:
    """Every image that a pod runs or mounts, with the path of the field."""
    for listed in CONTAINERS:
        for index, each in enumerate(mappings(pod.spec.get(listed))):
            if each.get("image") is not None:
                yield str(each["image"]), f"{pod.path}.{listed}[{index}].image".lstrip(".")
    for index, each in enumerate(mappings(pod.spec.get("volumes"))):
        reference = at(each, "image").get("reference")
        if reference is not None:
            yield str(reference), f"{pod.path}.volumes[{index}].image.reference".lstrip(".")
