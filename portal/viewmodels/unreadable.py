"""Objects of an app that cannot be read, in words."""

from __future__ import annotations

from collections.abc import Mapping

from portal.domain.objects import Kind, Unreadable
from portal.state.model import AppState, WatchHealth
from portal.state.workloads import unreadable_hpas
from portal.viewmodels.freshness import source_of
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import count, joined, sentence, shortened

NAMED = 3
"""The most objects that are named; the others are only counted."""


def unreadable_notice(state: AppState) -> Notice | None:
    """A notice that names the app's objects that cannot be read; None if there are none."""
    found = state.unreadable
    if not found:
        return None
    names = [name_of(each) for each in found[:NAMED]]
    if len(found) > NAMED:
        names.append(f"{len(found) - NAMED:,} more")
    what = name_of(found[0]) if len(found) == 1 else count(len(found), "object")
    return Notice(
        Severity.WARN,
        sentence(f"{what} cannot be read").removesuffix("."),
        f"The portal does not understand {joined(names)}, so that what this page shows is not "
        f"complete. {sentence(shortened(found[0].error, 200))}".strip(),
        "Compare the object with Kubernetes' documentation, or ask an administrator.",
    )


def autoscaler_unknown(state: AppState) -> str:
    """A sentence about HPAs that cannot be read; "" if there are none."""
    found = unreadable_hpas(state)
    if not found:
        return ""
    names = joined([each.key.name for each in found])
    verb = "exists" if len(found) == 1 else "exist"
    return f"The autoscaler {names} {verb} but cannot be read; it may change the replicas."


def unlisted(sources: Mapping[str, WatchHealth]) -> str:
    """A sentence for HPAs that the portal could not list; "" if it could."""
    source = source_of(sources, Kind.HPA)
    if source is None or source.synced:
        return ""
    return "The autoscalers are not read, so that it is not known whether it has one."


def name_of(each: Unreadable) -> str:
    """Kind and name, as in "the HorizontalPodAutoscaler web"."""
    kind = "record" if each.kind is Kind.RELEASE else each.kind.value
    return f"the {kind} {each.key.name}"
