"""The number of generated examples: a property fails if it gets fewer than declared."""

from __future__ import annotations

from tests.tried import TALLIES
from tests.unit.fuzz import test_chart_values, test_commands, test_objects, test_site


def test_ten_thousand_and_more() -> None:
    modules = (test_commands, test_chart_values, test_objects, test_site)
    said = {name: TALLIES[name].times for each in modules for name in vars(each) if name in TALLIES}
    assert sum(said.values()) >= 10_000, said
