"""A change of a release that somebody asks for, before it begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from portal.domain.keys import Key
from portal.operations.action import Action
from portal.operations.executor import Work


async def _none() -> Mapping[str, str]:
    return {}


class Plan(Struct, frozen=True):
    """What ``action`` is to do to a release.

    ``run`` does it, and ``description`` is what Helm's history says of it. ``problems`` tells
    what is wrong with what was asked for, by form field; ``check`` raises what stands against it
    in the cluster. ``expected_revision`` is the one that whoever asks has seen, None for none.
    """

    action: Action
    key: Key
    run: Work
    check: Callable[[], None]
    description: str = ""
    problems: Callable[[], Awaitable[Mapping[str, str]]] = _none
    expected_revision: int | None = None
