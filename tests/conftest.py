"""Settings for all tests."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.tried import summary

# Timings belong in benchmarks: on a busy machine a deadline would fail a correct program. CI
# tries the same examples every time, so that a failure there can be repeated anywhere.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was generated for each property."""
    for number, line in enumerate(summary()):
        if not number:
            terminalreporter.section("generated input")
        terminalreporter.write_line(line)
