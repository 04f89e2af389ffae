"""The settings of the replica sliders, and of what is said of costs beside them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portal.autoscaling.cost import Prices
from portal.settings.part import Part


class ScalingSettings(Part):
    """The settings of the replica sliders, and of what is said of costs beside them."""

    max_replicas: Annotated[
        int, Field(ge=1, le=1000, description="The upper end of the replica sliders.")
    ] = 10
    price_core_hour: Annotated[
        float | None,
        Field(
            ge=0,
            description="Price of one core for an hour, for what is said of an app's cost beside "
            "its sliders. Empty: amounts without money.",
        ),
    ] = None
    price_gib_hour: Annotated[
        float | None, Field(ge=0, description="The same of one GiB of memory.")
    ] = None
    price_currency: Annotated[
        str, Field(max_length=8, description="Currency of the prices, such as `EUR`.")
    ] = ""

    def prices(self) -> Prices:
        """Return the prices of what apps reserve."""
        return Prices(self.price_core_hour, self.price_gib_hour, self.price_currency)
