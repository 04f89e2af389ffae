"""Redacted YAML of values."""

from __future__ import annotations

from collections.abc import Mapping

from portal.domain import yaml_text
from portal.domain.secrets import redacted
from portal.domain.truncation import truncated

MOST = 64 * 1024
"""Maximum number of characters."""


def values_yaml(values: Mapping[str, object]) -> str:
    """Return the values as redacted YAML in their own order; "" if there are none.

    Its time grows with the values: call it in a thread, not on the event loop.
    """
    return truncated(yaml_text.readable(redacted(values)), MOST, "The values") if values else ""
