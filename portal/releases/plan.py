"""The plan of a requested change of a release."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct, field

from portal.domain.keys import Key
from portal.operations.action import Action
from portal.operations.executor import Work


async def _none() -> Mapping[str, str]:
    return {}


class Plan(Struct, frozen=True):
    """A planned ``action`` on a release.

    ``run`` does the work; ``description`` is its text in Helm's history. ``asked`` is what the
    action needs to know if another portal finishes it. ``problems`` returns what
    is wrong with the input, by form field; ``check`` raises if the state of the cluster forbids
    it. ``expected_revision`` is the revision that the user has seen, None if there is none.
    """

    action: Action
    key: Key
    run: Work
    check: Callable[[], None]
    description: str = ""
    problems: Callable[[], Awaitable[Mapping[str, str]]] = _none
    expected_revision: int | None = None
    asked: Mapping[str, str] = field(default_factory=dict[str, str])
