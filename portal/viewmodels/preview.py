"""Previews of an upgrade or a rollback: effects in words, and differences."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from msgspec import Struct

from portal.domain import yaml_text
from portal.domain.manifests import ChangeType, ObjectChange, Ref, Tree, changes, objects
from portal.domain.proposals import CrdDifference, Proposal
from portal.domain.secrets import HIDDEN, redacted, scrubbed
from portal.domain.upgrades import Effects, ReplicaChange, effects
from portal.viewmodels.manifest import opened, secrets_of
from portal.viewmodels.model import Badge, Notice, Severity
from portal.viewmodels.words import count, joined

CHANGED = "(hidden, changed)"
"""The placeholder of a secret that the upgrade changes."""

MAX_DIFF_LINES = 400
"""Lines that are shown of an object or of the values; the rest is counted."""
MAX_LINE = 1000
"""Characters of a line."""
MAX_OBJECTS = 200
"""Objects whose differences are shown; the rest are counted."""
MAX_COMPARED = 5000
"""The most lines of an object that are compared: the time grows faster than their number."""

_SCALING_KINDS = {"HorizontalPodAutoscaler", "PodDisruptionBudget"}
"""Kinds that only control pods: they come and go with the scale settings."""

_BADGES = {
    ChangeType.ADDED: Badge("added", Severity.GOOD),
    ChangeType.CHANGED: Badge("changed", Severity.BUSY),
    ChangeType.REMOVED: Badge("removed", Severity.WARN),
}


class ObjectDiff(Struct, frozen=True):
    """One object that differs; ``diff`` are lines that begin with "+", "-" or a blank."""

    title: str
    change: Badge
    diff: tuple[str, ...]


class PreviewView(Struct, frozen=True):
    """The effects of a change. ``possible`` is False where Kubernetes would refuse it."""

    words: tuple[Notice, ...]
    values: tuple[str, ...]
    objects: tuple[ObjectDiff, ...]
    possible: bool = True

    @property
    def nothing(self) -> bool:
        """True if neither values nor objects change."""
        return not self.values and not self.objects


def preview_view(proposal: Proposal) -> PreviewView:
    """Compare what a release is with what it would become. Secrets are hidden in all of it.

    The time grows with the manifests, so do not call this on the event loop.

    Raises:
        PortalError: one of the manifests cannot be read.
    """
    space = proposal.key.namespace
    before = objects(proposal.manifest, space)
    after = objects(proposal.new_manifest, space)
    found = changes(before, after)
    meant = effects(found, before, after, proposal.live)
    secrets = secrets_of(
        [proposal.values, proposal.new_values], [*before.values(), *after.values()]
    )
    return PreviewView(
        words=(
            *_failed(proposal),
            *_crds(proposal.crds),
            *_words(meant, proposal.live, bool(found)),
        ),
        values=values_diff(proposal.values, proposal.new_values),
        objects=(*_objects(found[:MAX_OBJECTS], secrets), *_more(found[MAX_OBJECTS:])),
        possible=not meant.refused,
    )


def _objects(found: Sequence[ObjectChange], secrets: Sequence[str]) -> Iterator[ObjectDiff]:
    for each in found:
        yield ObjectDiff(str(each.ref), _BADGES[each.change], _object_diff(each, secrets))


def _more(found: Sequence[ObjectChange]) -> Iterator[ObjectDiff]:
    for change, badge in _BADGES.items():
        amount = sum(each.change is change for each in found)
        if amount:
            yield ObjectDiff(f"… and {count(amount, 'more object')}", badge, ())


def values_diff(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """The lines in which two sets of values differ, secrets hidden."""
    return _diff(*hidden_pair(before, after))


def hidden_pair(
    before: object, after: object, secrets: Sequence[str] = ()
) -> tuple[object, object]:
    """Both, redacted, with ``CHANGED`` where the second has another secret.

    ``secrets`` are texts to hide wherever they occur.
    """
    old, new = scrubbed(redacted(before), secrets), scrubbed(redacted(after), secrets)
    return old, _marked(before, after, old, new)


def _marked(before: object, after: object, old: object, new: object) -> object:
    if before == after:
        return new
    if isinstance(new, dict):
        shown = cast("dict[str, object]", new)
        return {
            key: _marked(_item(before, key), _item(after, key), _item(old, key), item)
            for key, item in shown.items()
        }
    if isinstance(new, list):
        listed = cast("list[object]", new)
        return [
            _marked(_nth(before, i), _nth(after, i), _nth(old, i), item)
            for i, item in enumerate(listed)
        ]
    same = isinstance(new, str) and HIDDEN in new and old == new
    return cast("str", new).replace(HIDDEN, CHANGED) if same else new


def _item(tree: object, key: str) -> object:
    return cast("Tree", tree).get(key) if isinstance(tree, Mapping) else None


def _nth(items: object, index: int) -> object:
    listed = cast("list[object]", items) if isinstance(items, list | tuple) else []
    return listed[index] if index < len(listed) else None


def _object_diff(change: ObjectChange, secrets: Sequence[str]) -> tuple[str, ...]:
    return _diff(*hidden_pair(opened(change.before), opened(change.after), secrets))


def _diff(before: object, after: object) -> tuple[str, ...]:
    """The lines that differ, up to the limits; the rest is counted."""
    lines = _all_lines(_lines(before), _lines(after))
    shown = tuple(
        line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} … {len(line) - MAX_LINE:,} more"
        for line in lines[:MAX_DIFF_LINES]
    )
    more = len(lines) - len(shown)
    return (*shown, f"  … {more:,} more lines") if more else shown


def _all_lines(old: list[str], new: list[str]) -> tuple[str, ...]:
    if not old or not new or max(len(old), len(new)) > MAX_COMPARED:
        return (*(f"-{line}" for line in old), *(f"+{line}" for line in new))
    lines = difflib.unified_diff(old, new, n=2, lineterm="")
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))


def _lines(tree: object) -> list[str]:
    if not tree:
        return []
    # Sorted, since Helm's record does not keep the order of values.
    return yaml_text.readable(tree, sort_keys=True, width=1000).splitlines()


def _failed(proposal: Proposal) -> tuple[Notice, ...]:
    if proposal.compared == proposal.since:
        return ()
    return (
        Notice(
            Severity.WARN,
            f"Revision {proposal.since} failed and may be applied in part.",
            f"This compares with revision {proposal.compared}, the last deployed one.",
        ),
    )


def _crds(found: Sequence[CrdDifference]) -> Iterator[Notice]:
    """Notices of the definitions in ``crds/`` that an upgrade does not apply."""
    changed = [each.name for each in found if not each.missing]
    missing = [each.name for each in found if each.missing]
    apply = (
        "If the app needs it, an administrator applies what is in the chart's folder crds/ before "
        "the upgrade."
    )
    if changed:
        yield Notice(
            Severity.WARN,
            f"{joined(changed)} stays as it is.",
            "This version of the chart has another definition of it in crds/. Helm creates what is "
            "there once, and an upgrade never changes it.",
            apply,
        )
    if missing:
        yield Notice(
            Severity.WARN,
            f"{joined(missing)} is not created.",
            "The cluster has no such kind yet. Helm creates what a chart has in crds/ when it is "
            "installed, and not when it is upgraded.",
            apply,
        )


def _words(meant: Effects, live: Mapping[str, int], changed: bool) -> tuple[Notice, ...]:
    words = [_refusal(ref, field) for ref, field in meant.refused]
    words += [_restart(ref, first, live.get(ref.name, 0)) for ref, first in meant.restarts.items()]
    if not meant.restarts:
        words.append(Notice(Severity.GOOD, "No pod is restarted."))
    words += [_replicas(each, alone=len(meant.replicas) == 1) for each in meant.replicas]
    claims = [ref for ref in meant.deleted if ref.kind == "PersistentVolumeClaim"]
    if claims:
        words.append(
            Notice(
                Severity.BAD,
                f"Deleted with its data: {_names(claims)}.",
                advice="Copy what is still needed first.",
            )
        )
    others = [ref for ref in meant.deleted if ref not in claims]
    if others:
        severity = (
            Severity.QUIET if {ref.kind for ref in others} <= _SCALING_KINDS else Severity.WARN
        )
        words.append(Notice(severity, f"Deleted: {_names(others)}."))
    if meant.left:
        words.append(
            Notice(
                Severity.QUIET, f"Kept in the cluster (resource policy keep): {_names(meant.left)}."
            )
        )
    if not changed:
        words.insert(0, Notice(Severity.QUIET, "Nothing in the cluster changes."))
    return tuple(words)


def _names(refs: tuple[Ref, ...] | list[Ref]) -> str:
    return joined(str(ref) for ref in refs)


def _refusal(ref: Ref, field: str) -> Notice:
    return Notice(
        Severity.BAD,
        f"{field} of {ref} cannot be changed.",
        "Kubernetes refuses it for an object that exists.",
        "Leave it as it was, launch under another name, or uninstall the app first.",
    )


def _restart(ref: Ref, stops_first: bool, pods: int) -> Notice:
    if not pods:
        return Notice(Severity.QUIET, f"{ref}: no pod is running, so none is restarted.")
    many = "both pods" if pods == 2 else f"all {pods} pods"
    which = "the pod is replaced" if pods == 1 else f"{many} are replaced"
    if stops_first:
        return Notice(
            Severity.WARN,
            f"{ref}: {which}; old pods stop before new ones start.",
            "The app does not answer until the new ones are ready.",
        )
    return Notice(
        Severity.BUSY,
        f"{ref}: {which} in a rolling update.",
        "Old pods stop as new ones become ready, as far as the update strategy allows.",
    )


def _replicas(each: ReplicaChange, *, alone: bool) -> Notice:
    what = f"{count(each.live, 'replica')} now"
    what = what if alone else f"{each.ref.name}: {what}"
    if each.after == each.live:
        then = f"stays {each.live}"
    elif each.maximum is not None and each.after == each.maximum:
        then = f"becomes {each.after}, the autoscaler's new maximum"
    elif each.minimum is not None and each.after == each.minimum:
        then = f"becomes {each.after}, the autoscaler's new minimum"
    else:
        then = f"becomes {each.after}"
    severity = Severity.WARN if each.after < each.live else Severity.GOOD
    after = (
        f"The autoscaler then decides, between {each.minimum} and {each.maximum}."
        if each.maximum is not None
        else ""
    )
    return Notice(severity, f"{what}; {then}.", after)
