"""The composition root, as far as it has behaviour of its own."""

from __future__ import annotations

from types import SimpleNamespace

from portal.app import Portal
from portal.audit.trail import Trail
from portal.domain.operations import STOP_GRACE, STOP_PATIENCE
from portal.settings import Settings
from portal.web_app import WebApp


class Closing:
    def __init__(self) -> None:
        self.calls: list[object] = []

    def close(self) -> None:
        self.calls.append("closed")

    async def drain(self, grace: float, patience: float) -> None:
        self.calls.append((grace, patience))


class Shells:
    def __init__(self) -> None:
        self.calls: list[object] = []

    async def close(self) -> None:
        self.calls.append("closed")


async def test_a_stop_ends_live_connections_and_operations_without_the_lifespan() -> None:
    portal = Portal(Settings(), {})
    hub, actions = Closing(), Closing()
    front = object.__new__(WebApp)  # without a cluster
    front.hub, front._actions = hub, SimpleNamespace(operations=actions)  # type: ignore[assignment]
    logs, last_lines, shells, history = Closing(), Closing(), Shells(), Shells()
    front._logs, front._last_lines = logs, last_lines  # type: ignore[assignment]
    load_tests = front._load_tests = Closing()  # type: ignore[assignment]
    front._shells = shells  # type: ignore[assignment]
    front._history = history  # type: ignore[assignment]
    front._trail = Trail(None)
    portal._web_app = front
    portal.drain()
    portal.drain()
    assert portal._draining is not None
    await portal._draining
    closed = (hub, logs, last_lines, load_tests, shells, history)
    assert [each.calls for each in closed] == [["closed"]] * len(closed)
    assert actions.calls == [(STOP_GRACE, STOP_PATIENCE)]


async def test_a_stop_before_the_start_is_over_does_nothing() -> None:
    portal = Portal(Settings(), {})
    portal.drain()
    assert portal._draining is None
