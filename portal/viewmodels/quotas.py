"""The room that a namespace's quotas leave, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

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


def quota_words(quotas: Iterable[Quota], needs: Mapping[str, Decimal | float]) -> tuple[str, ...]:
    """One sentence for each quota that ``needs``, on top of the present use, would exceed.

    ``needs`` has a quota's names (``pods``, ``requests.cpu``, ``limits.memory``); CPU is in
    cores, memory in bytes. For a replacement pass the difference.
    """
    found: list[str] = []
    for quota, name, hard, used in _limits(quotas):
        need = needs.get(name, needs.get(f"requests.{name}"))
        if need and Decimal(need) > hard - used:
            left = max(hard - used, Decimal(0))
            found.append(
                f"The quota {quota.key.name} of {quota.key.namespace} leaves {_amount(name, left)} "
                f"of {_amount(name, hard)} {_PODS_NEED.get(name, name)}; this needs "
                f"{_amount(name, Decimal(need))}."
            )
    return tuple(found)


def _limits(quotas: Iterable[Quota]) -> Iterator[tuple[Quota, str, Decimal, Decimal]]:
    """Each hard limit with its use; quantities that cannot be parsed are left out."""
    for quota in quotas:
        for name, amount in quota.hard.items():
            try:
                yield quota, name, parse(amount), parse(quota.used.get(name, "0"))
            except ValueError:
                continue


def _amount(name: str, value: Decimal) -> str:
    if name.endswith("memory"):
        return in_words(value)
    return f"{value.normalize():f}"
