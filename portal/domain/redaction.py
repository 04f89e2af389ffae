"""Values as YAML, with whatever looks like a secret hidden."""

from __future__ import annotations

from collections.abc import Mapping

from portal.domain import yamls
from portal.domain.cut import cut
from portal.domain.secrets import redacted

MOST = 64 * 1024
"""Characters that are shown."""


def values_yaml(values: Mapping[str, object]) -> str:
    """The values as YAML, redacted, in their own order; "" if there are none.

    It takes as long as there are values: not on a loop that others share.
    """
    return cut(yamls.shown(redacted(values)), MOST, "The values") if values else ""
