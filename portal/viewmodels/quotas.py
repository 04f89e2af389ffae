"""What a namespace's quotas leave room for, in words."""

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
"""What one more pod may run out of: the name in a quota → in words."""


def quota_notice(quotas: Sequence[Quota]) -> Notice | None:
    """A notice for an app that lacks pods, where a quota has no room for another at all."""
    full = [
        f"{_amount(name, hard)} of {_PODS_NEED[name]} (quota {quota.key.name})"
        for quota, name, hard, used in _limits(quotas)
        if name in _PODS_NEED and used >= hard
    ]
    if not full:
        return None
    return Notice(
        Severity.BAD,
        "The namespace's quota is used up",
        sentence(f"All that {quotas[0].key.namespace} may have is in use: {joined(full)}"),
        "Run fewer pods, stop another app of this namespace, or ask an administrator for a larger "
        "quota.",
    )


def quota_words(quotas: Iterable[Quota], needs: Mapping[str, Decimal | float]) -> tuple[str, ...]:
    """One sentence for each limit that ``needs`` on top of what is used would break.

    ``needs`` has a quota's names (``pods``, ``requests.cpu``, ``limits.memory``); CPU is in
    cores, memory in bytes. What replaces something must be given as the difference.
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
    """Each limit with what is used of it; odd quantities limit nothing that can be told."""
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
