"""Settings for all tests."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.tried import summary, tallies

# Timings belong in benchmarks: on a busy machine a deadline would fail a correct program. CI
# tries the same examples every time, so that a failure there can be repeated anywhere.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


_TRIED: dict[str, tuple[int, int]] = {}
"""The counts that the test processes report."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this one, under pytest-xdist, what was tried here."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tried"] = tallies()
    _TRIED.update(tallies())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what one of pytest-xdist's processes has tried."""
    _TRIED.update(getattr(node, "workeroutput", {}).get("tried", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was generated for each property."""
    for number, line in enumerate(summary(_TRIED)):
        if not number:
            terminalreporter.section("generated input")
        terminalreporter.write_line(line)
