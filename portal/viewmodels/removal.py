"""The objects and volumes that an uninstall leaves in the cluster, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal.domain.manifests import Ref, Tree, has_keep_policy, objects
from portal.domain.proposals import Removal, VolumeClaim
from portal.domain.removals import CLAIM, Remains, claim_prefixes, hook_words, remains
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import count, joined


def removal_words(removal: Removal) -> tuple[Notice, ...]:
    """Notices about what an uninstall deletes with its data, and what it leaves.

    Raises:
        PortalError: a manifest cannot be read.
    """
    found = objects(removal.manifest, removal.key.namespace)
    left = remains(removal, found)
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
    words += _volumes(removal, found, left)
    words += _others(removal, left)
    if left.kept:
        words.append(
            Notice(
                Severity.QUIET,
                "Kept in the cluster (resource policy keep): "
                f"{joined(str(ref) for ref in left.kept)}.",
            )
        )
    if left.crds:
        words.append(
            Notice(
                Severity.QUIET,
                f"CustomResourceDefinitions stay: {joined(left.crds)}.",
                "Helm never deletes what a chart has in crds/, since that would delete all objects "
                "of these kinds, those of other apps too.",
            )
        )
    if left.unlisted:
        words.append(
            Notice(
                Severity.QUIET,
                f"Not checked: {joined(f'{kind}s' for kind in left.unlisted)}.",
                "Not all of them could be listed in this namespace, so some may be left that are "
                "not named here.",
            )
        )
    return tuple(words)


def _others(removal: Removal, left: Remains) -> list[Notice]:
    """Notices of objects of hooks, and of objects that controllers or the app itself have made."""
    delete = f"An administrator can delete them from the namespace {removal.key.namespace}."
    words: list[Notice] = []
    if left.hooks:
        words.append(
            Notice(
                Severity.WARN,
                f"Left by its hooks: {joined(map(hook_words, left.hooks))}.",
                "Helm deletes objects of hooks only as their delete policy says.",
                delete,
            )
        )
    if left.others:
        words.append(
            Notice(
                Severity.WARN,
                f"Not part of the release, so not deleted: {'; '.join(map(str, left.others))}.",
                "Their labels or their names say that they belong to this app.",
                delete,
            )
        )
    return words


def _volumes(removal: Removal, found: Mapping[Ref, Tree], left: Remains) -> list[Notice]:
    """The volume claims that remain: those of StatefulSets, and those that the chart keeps."""
    if removal.claims is None:
        named = [
            ref.name for ref, tree in found.items() if ref.kind == CLAIM and has_keep_policy(tree)
        ]
        what = joined([*named, *(f"{name} of each pod" for name in claim_prefixes(found.values()))])
        return [_stay(f"Volume claims are kept, with their data: {what}.", removal)] if what else []
    if not left.claims:
        return []
    claims = count(len(left.claims), "volume claim")
    return [_stay(f"{claims} will be kept: {_sizes(left.claims)}.", removal)]


def _stay(title: str, removal: Removal) -> Notice:
    return Notice(
        Severity.WARN,
        title,
        "They keep their data and go on using storage. An app launched again under this name may "
        "use them.",
        "An administrator can delete those whose data is not needed any more.",
    )


def _sizes(claims: Sequence[VolumeClaim]) -> str:
    return joined(
        f"{each.key.name} ({each.size})" if each.size else each.key.name for each in claims
    )
