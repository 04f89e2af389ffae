"""Values as YAML, with whatever looks like a secret hidden."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from portal.domain.secrets import redacted


def values_yaml(values: Mapping[str, object]) -> str:
    """The values as YAML, redacted, in their own order; "" if there are none."""
    if not values:
        return ""
    return yaml.safe_dump(
        redacted(values), sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
