"""The manager of an object, and what becomes of it with its release, by its metadata. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern

from msgspec import Struct

from portal.domain.manifests import keeps

_FLUX = {
    "helm.toolkit.fluxcd.io": "Flux HelmRelease",
    "kustomize.toolkit.fluxcd.io": "Flux Kustomization",
}
_ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE = "argocd.argoproj.io/instance"
_FLEET = "fleet.cattle.io/bundle-id"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_HELM = frozenset({"", "helm", "tiller"})
_LONGEST = 120
"""Characters of a manager's name that are kept: anybody may write labels."""


class Management(Struct, frozen=True):
    """Management of an object, as its metadata tells it.

    ``manager`` is the tool beside Helm that its labels name, such as "Flux HelmRelease apps/web",
    "" if none. ``kept``: Helm leaves it when its release goes.
    ``deleting``: its deletion has been requested.
    """

    manager: str = ""
    kept: bool = False
    deleting: bool = False


UNSAID = Management()


def management(
    labels: Mapping[str, str], annotations: Mapping[str, str], *, deleting: bool = False
) -> Management:
    """The management of an object with these labels and annotations."""
    found = Management(
        manager=intern(_manager(labels, annotations)[:_LONGEST]),
        kept=keeps(annotations),
        deleting=deleting,
    )
    return UNSAID if found == UNSAID else found


def _manager(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    for domain, kind in _FLUX.items():
        if name := labels.get(f"{domain}/name", ""):
            namespace = labels.get(f"{domain}/namespace", "")
            return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
    application = annotations.get(_ARGO_TRACKING, "").partition(":")[0]
    if application := application or labels.get(_ARGO_INSTANCE, ""):
        return f"Argo CD application {application}"
    if bundle := annotations.get(_FLEET, "") or labels.get(_FLEET, ""):
        return f"Fleet bundle {bundle}"
    by = labels.get(_MANAGED_BY, "")
    return "" if by.lower() in _HELM else by
