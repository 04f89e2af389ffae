"""The cost of pods: what they reserve, and the money for it. Pure."""

from __future__ import annotations

from msgspec import Struct

HOURS = 24.0
GIB = 2.0**30


class Prices(Struct, frozen=True):
    """The prices of a core and of a GiB of memory for an hour; None if there is none."""

    core_hour: float | None = None
    gib_hour: float | None = None
    currency: str = ""

    @property
    def known(self) -> bool:
        """True if there is a price of something."""
        return self.core_hour is not None or self.gib_hour is not None


class Cost(Struct, frozen=True):
    """Amounts reserved: core-hours, and GiB-hours of memory; None where pods request none."""

    core_hours: float | None
    gib_hours: float | None

    def money(self, prices: Prices) -> float | None:
        """Return the money for it; None without prices, or of what has none."""
        parts = (
            (self.core_hours, prices.core_hour),
            (self.gib_hours, prices.gib_hour),
        )
        known = [
            amount * price for amount, price in parts if amount is not None and price is not None
        ]
        return sum(known) if known else None


def cost_of(pod_hours: float, cores: float | None, memory: float | None) -> Cost:
    """Return the cost of so many hours of pods with these requests, in cores and bytes."""
    return Cost(
        None if cores is None else pod_hours * cores,
        None if memory is None else pod_hours * memory / GIB,
    )
