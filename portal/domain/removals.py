"""Which volumes an uninstall leaves. Pure.

Helm deletes the claims that its manifest names, but not those that a StatefulSet has made, nor
what the chart asks to keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from portal.domain.manifests import Ref, Tree, at, kept
from portal.domain.revisions import Removal, VolumeClaim

CLAIM = "PersistentVolumeClaim"


def staying(removal: Removal, found: Mapping[Ref, Tree]) -> tuple[VolumeClaim, ...]:
    """The claims that stay when a release goes whose objects are ``found``; () if unknown."""
    going = {ref.name for ref, tree in found.items() if ref.kind == CLAIM and not kept(tree)}
    named = {ref.name for ref, tree in found.items() if ref.kind == CLAIM and kept(tree)}
    made = [re.compile(rf"{re.escape(name)}-\d+") for name in templates(found.values())]
    return tuple(
        each
        for each in removal.claims or ()
        if each.key.name not in going
        and not each.owned
        and (
            each.key.name in named
            or each.release == removal.key.name
            or any(pattern.fullmatch(each.key.name) for pattern in made)
        )
    )


def templates(trees: Iterable[Tree]) -> Iterator[str]:
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
