"""The room that a namespace's quotas leave, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from portal.domain.objects import Quota
from portal.domain.quantities import in_words, parse
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import joined, sentence

_PODS_NEED = {"pods": "pods", "count/pods": "pods"} | {
    name: words
    for resource, plain in (("cpu", "CPU"), ("memory", "memory"))
    for name, words in (
        (resource, f"{plain} requests"),
        (f"requests.{resource}", f"{plain} requests"),
        (f"limits.{resource}", f"{plain} limits"),
    )
}
"""The quota resources that one more pod needs, by their name in a quota, in words."""


def quota_notice(quotas: Sequence[Quota]) -> Notice | None:
    """A notice for an app that lacks pods, if a quota has no room for another one."""
    full = [
        f"{_PODS_NEED[name]} {_amount(name, hard)} (quota {quota.key.name})"
        for quota, name, hard, used in _limits(quotas)
        if name in _PODS_NEED and used >= hard
    ]
    if not full:
        return None
    return Notice(
        Severity.BAD,
        "The namespace's quota is used up",
        sentence(f"The namespace {quotas[0].key.namespace} uses all of its quota: {joined(full)}"),
        "Run fewer pods, stop another app of this namespace, or ask an administrator for a larger "
        "quota.",
    )


_SHOWN = _PODS_NEED | {
    "requests.storage": "storage",
    "persistentvolumeclaims": "volume claims",
    "services.loadbalancers": "load balancers",
}


class QuotaUse(Struct, frozen=True):
    """The use of a limit of a quota: what it limits, and how much is used, left and allowed."""

    what: str
    used: str
    left: str
    hard: str
    full: bool = False


def quota_uses(quotas: Sequence[Quota]) -> tuple[QuotaUse, ...]:
    """The use of each limit of a namespace's quotas that is not zero, the usual ones first."""
    order = {name: place for place, name in enumerate(_SHOWN)}
    limits = sorted(_limits(quotas), key=lambda each: order.get(each[1], len(order)))
    return tuple(
        QuotaUse(
            _SHOWN.get(name, name),
            _amount(name, used),
            _amount(name, max(hard - used, Decimal(0))),
            _amount(name, hard),
            used >= hard,
        )
        for _, name, hard, used in limits
        if hard > 0
    )


def left_words(quotas: Sequence[Quota]) -> str:
    """The room that a namespace's quotas leave for pods, in words; "" without quotas."""
    wanted = ("CPU requests", "memory requests", "pods")
    uses = {each.what: each for each in quota_uses(quotas)}
    parts = [
        f"{each.left} {what.removesuffix(' requests')}"
        for what in wanted
        if (each := uses.get(what))
    ]
    return f"left: {joined(parts)}" if parts else ""


def _limits(quotas: Iterable[Quota]) -> Iterator[tuple[Quota, str, Decimal, Decimal]]:
    """Each hard limit with its use; quantities that cannot be parsed are left out."""
    for quota in quotas:
        for name, amount in quota.hard.items():
            try:
                yield quota, name, parse(amount), parse(quota.used.get(name, "0"))
            except ValueError:
                continue


def _amount(name: str, value: Decimal) -> str:
    if name.endswith(("memory", "storage")):
        return in_words(value)
    return f"{value.normalize():f}"
