"""Sizes: resources and nodes that an administrator gives a name."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Size(Struct, frozen=True):
    """Requests and limits by resource, and the nodes that pods of this size may run on."""

    name: str
    requests: Mapping[str, str]
    limits: Mapping[str, str] = field(default_factory=dict[str, str])
    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    tolerations: tuple[Mapping[str, object], ...] = ()
    description: str = ""
