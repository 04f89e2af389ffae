"""The volume claims that an uninstall leaves in the cluster. Pure.

Helm deletes the claims in its manifest, but neither those that a StatefulSet has created nor
those that the chart marks with ``helm.sh/resource-policy: keep``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from portal.domain.manifests import Ref, Tree, at, has_keep_policy
from portal.domain.proposals import Removal, VolumeClaim

CLAIM = "PersistentVolumeClaim"


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
