"""Settings for all tests."""

import gc
import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.tried import encodable, summary, tallies

# Timings belong in benchmarks: on a busy machine a deadline would fail a correct program. CI
# tries the same examples every time, so that a failure there can be repeated anywhere.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


_TRIED: dict[str, tuple[int, int]] = {}
"""The counts that the test processes report."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Collect tests without collecting garbage: what is imported stays alive.

    It is half of the time that this takes, and each process of pytest-xdist collects them all.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Have pytest-xdist send a report whatever it quotes.

    It ends the process when a text is no UTF-8, as generated input may be: half a surrogate pair.
    """
    return encodable((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was generated for each property."""
    for number, line in enumerate(summary(_TRIED)):
        if not number:
            terminalreporter.section("generated input")
        terminalreporter.write_line(line)
