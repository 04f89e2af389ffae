"""The composition root, as far as it has behaviour of its own."""

from __future__ import annotations

from portal.app import DRAIN_SECONDS, Portal
from portal.settings import Settings


class Closing:
    def __init__(self) -> None:
        self.calls: list[object] = []

    def close(self) -> None:
        self.calls.append("closed")

    async def drain(self, grace: float, patience: float) -> None:
        self.calls.append(grace)


async def test_a_stop_ends_live_connections_and_operations_without_the_lifespan() -> None:
    portal = Portal(Settings(), {})
    hub, actions = Closing(), Closing()
    portal._hub, portal._actions = hub, actions  # type: ignore[assignment]
    portal.drain()
    portal.drain()
    assert portal._draining is not None
    await portal._draining
    assert hub.calls == ["closed"]
    assert actions.calls == [DRAIN_SECONDS]


async def test_a_stop_before_the_start_is_over_does_nothing() -> None:
    portal = Portal(Settings(), {})
    portal.drain()
    assert portal._draining is None
