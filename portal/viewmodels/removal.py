"""The objects and volumes that an uninstall leaves in the cluster, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal.domain.manifests import Ref, Tree, has_keep_policy, objects
from portal.domain.proposals import Removal, VolumeClaim
from portal.domain.removals import CLAIM, claim_prefixes, remaining_claims
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import count, joined


def removal_words(removal: Removal) -> tuple[Notice, ...]:
    """Notices about what an uninstall deletes with its data, and what it leaves.

    Raises:
        PortalError: the manifest cannot be read.
    """
    found = objects(removal.manifest, removal.key.namespace)
    left = [ref for ref, tree in found.items() if has_keep_policy(tree)]
    going = [ref for ref, tree in found.items() if ref.kind == CLAIM and not has_keep_policy(tree)]
    words: list[Notice] = []
    if going:
        words.append(
            Notice(
                Severity.BAD,
                f"Deleted with its data: {joined(str(ref) for ref in going)}.",
                advice="Copy what is still needed first.",
            )
        )
    words += _volumes(removal, found)
    others = [ref for ref in left if ref.kind != CLAIM]
    if others:
        words.append(
            Notice(
                Severity.QUIET,
                "Kept in the cluster (resource policy keep): "
                f"{joined(str(ref) for ref in others)}.",
            )
        )
    return tuple(words)


def _volumes(removal: Removal, found: Mapping[Ref, Tree]) -> list[Notice]:
    """The volume claims that remain: those of StatefulSets, and those that the chart keeps."""
    if removal.claims is None:
        named = [
            ref.name for ref, tree in found.items() if ref.kind == CLAIM and has_keep_policy(tree)
        ]
        what = joined([*named, *(f"{name} of each pod" for name in claim_prefixes(found.values()))])
        return [_stay(f"Volume claims are kept, with their data: {what}.", removal)] if what else []
    left = remaining_claims(removal, found)
    if not left:
        return []
    return [_stay(f"{count(len(left), 'volume claim')} will be kept: {_sizes(left)}.", removal)]


def _stay(title: str, removal: Removal) -> Notice:
    return Notice(
        Severity.WARN,
        title,
        "They keep their data and go on using storage. An app launched again under this name may "
        "use them.",
        f"To delete one: kubectl delete pvc -n {removal.key.namespace} NAME",
    )


def _sizes(claims: Sequence[VolumeClaim]) -> str:
    return joined(
        f"{each.key.name} ({each.size})" if each.size else each.key.name for each in claims
    )
