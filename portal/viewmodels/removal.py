"""What an uninstall leaves in the cluster, said before it is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from portal.domain.manifests import Ref, Tree, at, kept, objects
from portal.domain.revisions import Removal, VolumeClaim
from portal.viewmodels.model import Notice, Tone
from portal.viewmodels.words import count, joined

_CLAIM = "PersistentVolumeClaim"


def removal_words(removal: Removal) -> tuple[Notice, ...]:
    """What goes with its data, and what stays.

    Raises:
        PortalError: the manifest cannot be read.
    """
    found = objects(removal.manifest, removal.key.namespace)
    left = [ref for ref, tree in found.items() if kept(tree)]
    going = [ref for ref, tree in found.items() if ref.kind == _CLAIM and not kept(tree)]
    words: list[Notice] = []
    if going:
        words.append(
            Notice(
                Tone.BAD,
                f"Deleted with its data: {joined(str(ref) for ref in going)}.",
                advice="Copy what is still needed first.",
            )
        )
    words += _volumes(removal, found)
    others = [ref for ref in left if ref.kind != _CLAIM]
    if others:
        words.append(
            Notice(
                Tone.QUIET,
                f"Stays in the cluster, as its chart asks: {joined(str(ref) for ref in others)}.",
            )
        )
    return tuple(words)


def _volumes(removal: Removal, found: Mapping[Ref, Tree]) -> list[Notice]:
    """The volumes that stay: those that StatefulSets made, and those that the chart keeps."""
    templates = list(_templates(found.values()))
    named = [ref.name for ref, tree in found.items() if ref.kind == _CLAIM and kept(tree)]
    if removal.claims is None:
        if not templates and not named:
            return []
        what = joined([*named, *(f"{name} of each pod" for name in templates)])
        return [_stay(f"Volumes stay, with their data: {what}.", removal)]
    going = {ref.name for ref, tree in found.items() if ref.kind == _CLAIM and not kept(tree)}
    left = [
        each
        for each in removal.claims
        if each.key.name not in going
        and not each.owned
        and (
            each.key.name in named
            or each.release == removal.key.name
            or any(re.fullmatch(rf"{re.escape(name)}-\d+", each.key.name) for name in templates)
        )
    ]
    if not left:
        return []
    return [_stay(f"{count(len(left), 'volume')} will be left: {_sizes(left)}.", removal)]


def _stay(title: str, removal: Removal) -> Notice:
    return Notice(
        Tone.WARN,
        title,
        "They keep their data, and what it costs. An app launched again under this name finds it.",
        f"To delete one: kubectl delete pvc -n {removal.key.namespace} NAME",
    )


def _sizes(claims: Sequence[VolumeClaim]) -> str:
    return joined(
        f"{each.key.name} ({each.size})" if each.size else each.key.name for each in claims
    )


def _templates(trees: Iterable[Tree]) -> Iterable[str]:
    """The names that claims of StatefulSets begin with, of those that outlive them."""
    for tree in trees:
        if tree.get("kind") != "StatefulSet":
            continue
        policy = at(tree, "spec", "persistentVolumeClaimRetentionPolicy")
        if policy.get("whenDeleted") == "Delete":
            continue
        claims = at(tree, "spec").get("volumeClaimTemplates")
        for each in cast("list[Tree]", claims) if isinstance(claims, list) else []:
            yield f"{at(each, 'metadata').get('name')}-{at(tree, 'metadata').get('name')}"
