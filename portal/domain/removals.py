"""The objects that an uninstall leaves in the cluster. Pure.

Helm deletes what is in the manifest of a release. It leaves objects with the annotation
``helm.sh/resource-policy: keep``, the claims that StatefulSets have created, most objects of
hooks, the CustomResourceDefinitions of a chart's ``crds/``, and whatever controllers have made,
unless its owner is deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from msgspec import Struct

from portal.domain.manifests import Ref, Tree, at, has_keep_policy, hook_events, objects
from portal.domain.proposals import NamespaceObject, Removal, VolumeClaim

CLAIM = "PersistentVolumeClaim"
_DELETE_POLICY = "helm.sh/hook-delete-policy"
_DELETE_EVENTS = frozenset({"pre-delete", "post-delete"})
_LISTED = frozenset({"Secret", "ConfigMap", "Job", "Pod"})
"""Kinds of ``NamespaceObjects``."""
_PODS_IN = frozenset(
    {"Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"}
)
"""Kinds that name Secrets for their pods to use, and have none made."""
_BUILT_IN = re.compile(r"|apps|batch|autoscaling|policy|extensions|.*\.k8s\.io")
"""Groups of Kubernetes' own kinds."""


class Remains(Struct, frozen=True):
    """The objects that an uninstall leaves.

    ``kept`` are objects with the policy ``keep``; ``hooks`` are objects of hooks, with the number
    of their pods; ``others`` are objects that are not of the release, and live with it.
    ``unlisted`` are the kinds of which not all could be looked at.
    """

    claims: tuple[VolumeClaim, ...] = ()
    kept: tuple[Ref, ...] = ()
    hooks: tuple[tuple[Ref, int], ...] = ()
    crds: tuple[str, ...] = ()
    others: tuple[NamespaceObject, ...] = ()
    unlisted: tuple[str, ...] = ()


def remains(
    removal: Removal, found: Mapping[Ref, Tree] | None = None, *, hooks: bool = True
) -> Remains:
    """Return what an uninstall leaves, with its delete ``hooks`` or without.

    ``found`` are the objects of the manifest, if they are read already.

    Raises:
        PortalError: a manifest cannot be read.
    """
    if found is None:
        found = objects(removal.manifest, removal.key.namespace)
    hooked = objects(removal.hooks, removal.key.namespace)
    left = tuple(_hooks_left(removal, hooked, run=hooks))
    return Remains(
        claims=remaining_claims(removal, found),
        kept=tuple(
            ref for ref, tree in found.items() if has_keep_policy(tree) and ref.kind != CLAIM
        ),
        hooks=left,
        crds=removal.crds,
        others=tuple(_others(removal, found, hooked)),
        unlisted=tuple(
            kind
            for kind in removal.objects.unlisted
            if kind not in {"Job", "Pod"} or any(ref.kind in {"Job", "Pod"} for ref in hooked)
        ),
    )


def remaining_claims(removal: Removal, found: Mapping[Ref, Tree]) -> tuple[VolumeClaim, ...]:
    """Return the claims that remain after an uninstall; () if they may not be listed.

    ``found`` are the objects of the release's manifest.
    """
    listed = {ref.name: tree for ref, tree in found.items() if ref.kind == CLAIM}
    kept = {name for name, tree in listed.items() if has_keep_policy(tree)}
    made = [re.compile(rf"{re.escape(name)}-\d+") for name in claim_prefixes(found.values())]
    return tuple(
        each
        for each in removal.claims or ()
        if each.key.name not in listed.keys() - kept
        and not each.owned
        and (
            each.key.name in kept
            or each.release == removal.key.name
            or any(pattern.fullmatch(each.key.name) for pattern in made)
        )
    )


def claim_prefixes(trees: Iterable[Tree]) -> Iterator[str]:
    """Yield the name prefixes of claims that StatefulSets create and that outlive them."""
    for tree in trees:
        if tree.get("kind") != "StatefulSet":
            continue
        policy = at(tree, "spec", "persistentVolumeClaimRetentionPolicy")
        if policy.get("whenDeleted") == "Delete":
            continue
        claims = at(tree, "spec").get("volumeClaimTemplates")
        for each in cast("list[Tree]", claims) if isinstance(claims, list) else []:
            yield f"{at(each, 'metadata').get('name')}-{at(tree, 'metadata').get('name')}"


def _hooks_left(
    removal: Removal, hooked: Mapping[Ref, Tree], *, run: bool
) -> Iterator[tuple[Ref, int]]:
    """Yield the objects of hooks that stay, each with the number of its pods.

    Helm deletes one only by its delete policy. A delete hook that runs is there afterwards;
    another one, if it is there now.
    """
    there = {(each.kind, each.name) for each in removal.objects.found}
    owners = [each.owner for each in removal.objects.found if each.kind == "Pod"]
    for ref, tree in hooked.items():
        events = hook_events(tree) or frozenset()
        policy = str(at(tree, "metadata", "annotations").get(_DELETE_POLICY, "")).lower()
        goes = "hook-succeeded" in policy and ref.kind != "CustomResourceDefinition"
        runs = run and bool(events & _DELETE_EVENTS)
        pods = owners.count(f"{ref.kind} {ref.name}")
        if runs:
            stays = not goes
        elif ref.kind in _LISTED and ref.kind not in removal.objects.unlisted:
            stays = (ref.kind, ref.name) in there
        else:
            made = bool(events - _DELETE_EVENTS - {"test"})
            stays = pods > 0 or (made and not goes)
        if stays:
            yield ref, pods


def _others(
    removal: Removal, found: Mapping[Ref, Tree], hooked: Mapping[Ref, Tree]
) -> Iterator[NamespaceObject]:
    """Yield objects that nobody deletes, and that belong to the release by label or by name."""
    own = {(ref.kind, ref.name) for ref in (*found, *hooked)}
    secrets = {name for tree in found.values() for name in secrets_made_for(tree)}
    custom = {ref.name for ref in found if not _BUILT_IN.fullmatch(ref.group)}
    certificates = {ref.name for ref in found if ref.kind == "Certificate"} | secrets
    for each in removal.objects.found:
        if each.owner or (each.kind, each.name) in own:
            continue
        made = each.kind == "Secret" and each.name in secrets
        certificate = each.maker.rpartition(" ")[2]
        if (
            made
            or each.release == removal.key.name
            or (certificate and certificate in certificates)
            or not custom.isdisjoint(each.labels)
        ):
            yield each


def secrets_made_for(tree: Tree) -> Iterator[str]:
    """Yield the names of Secrets that a controller makes for an object, as its spec names them.

    Those that pods use are left out: somebody has made them for more than this release.
    """
    kind = str(tree.get("kind", ""))
    if kind in _PODS_IN:
        return
    if kind == "ExternalSecret":
        yield str(at(tree, "spec", "target").get("name") or at(tree, "metadata").get("name"))
    waiting: list[object] = [tree.get("spec")]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            inner = cast("Tree", each)
            name = inner.get("secretName")
            if isinstance(name, str) and name:
                yield name
            waiting += inner.values()
        elif isinstance(each, list):
            waiting += cast("list[object]", each)


def hook_words(left: tuple[Ref, int]) -> str:
    """Return an object of a hook, and the number of its pods, in words."""
    ref, pods = left
    return f"{ref} with {'its pod' if pods == 1 else f'its {pods} pods'}" if pods else str(ref)


def summary(left: Remains, namespace: str) -> str:
    """Return what an uninstall leaves, in sentences; "" for nothing."""
    said: list[str] = []
    if left.claims:
        names = ", ".join(each.key.name for each in left.claims)
        said.append(
            f"Volumes stay, with their data: {names}. An app launched again under this name finds "
            f"them; an administrator can delete them from {namespace}"
        )
    if left.kept:
        said.append(f"Kept by policy: {', '.join(map(str, left.kept))}.")
    if left.hooks:
        said.append(f"Left by hooks: {', '.join(map(hook_words, left.hooks))}.")
    if left.others:
        said.append(f"Not part of the release, so not deleted: {'; '.join(map(str, left.others))}.")
    if left.crds:
        said.append(f"CustomResourceDefinitions stay: {', '.join(left.crds)}.")
    return " ".join(said)
