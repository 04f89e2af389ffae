"""The values that a chart's templates will see, and what Helm will refuse. Pure.

The one reading of values: forms are drawn from it, and checks hold it against the schemas of the
chart and of its subcharts, and against the images that may be run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from msgspec import Struct

from portal.catalog.chart import Chart
from portal.catalog.coalesce import (
    GLOBAL,
    EnabledChart,
    Reading,
    Switch,
    ValuesProblem,
    read,
)
from portal.catalog.validate import Checker, Path, Problem, Verdict
from portal.catalog.values import Values, as_list, as_mapping, at_path, get, overlay

_SUBCHARTS = "$subcharts"
"""Our own keyword: where the subcharts' schemas stand in the schema that a form is drawn from."""


class ReadValues(Struct, frozen=True):
    """Values given to a chart, read. ``values`` are what its templates will see.

    ``defaults`` are what they would see if nothing were given, with the same subcharts enabled;
    ``charts`` are those, the chart itself first. ``switches`` are the values that enable subcharts.
    """

    values: Values
    defaults: Values
    charts: tuple[EnabledChart, ...]
    verdict: Verdict
    switches: tuple[Switch, ...] = ()

    def form_schema(self) -> Values:
        """The chart's schema, with those of its subcharts where their values are."""
        own, *below = self.charts
        schema = as_mapping(own.content.schema)
        parts = {
            f"subchart-{number}": _moved(each.content.schema, f"#/{_SUBCHARTS}/subchart-{number}")
            for number, each in enumerate(below)
            if isinstance(each.content.schema, dict)
        }
        if not parts:
            return schema
        placed = [
            _placed(each.path, {"$ref": f"#/{_SUBCHARTS}/subchart-{number}"})
            for number, each in enumerate(below)
            if f"subchart-{number}" in parts
        ]
        return schema | {
            "allOf": [*as_list(schema.get("allOf")), *placed],
            _SUBCHARTS: parts,
        }

    def form_defaults(self) -> Values:
        """The defaults without what only Helm puts there: ``global``, passed down to subcharts."""
        shown = overlay(self.defaults, {})
        for each in sorted(self.charts[1:], key=lambda one: -len(one.path)):
            *above, name = each.path
            parent = as_mapping(at_path(shown, above))
            below = as_mapping(parent.get(name))
            below.pop(GLOBAL, None)
            if not below and name in parent:
                del parent[name]
        return shown


def read_values(chart: Chart, given: Mapping[str, object]) -> ReadValues:
    """Return the values that templates see for ``given`` ones, with all known problems."""
    content = chart.content
    try:
        made = read(content, given)
    except ValuesProblem as problem:
        values = overlay(content.values, given)
        made = Reading(values, content.values, (EnabledChart((), content),))
        verdict = Verdict((Problem(problem.path, problem.message),))
    else:
        verdict = _verdict(made, given)
    return ReadValues(made.values, made.defaults, made.charts, verdict, made.switches)


def _verdict(made: Reading, given: Mapping[str, object]) -> Verdict:
    problems: list[Problem] = []
    complete = True
    for each in made.charts:
        if each.content.schema_problem and each.path:
            problems.append(Problem(*_unusable(each)))
        if each.content.schema is None:
            continue
        checked = Checker(each.content.schema).check(at_path(made.values, each.path))
        complete = complete and checked.complete
        problems += (_named(found, each, given) for found in checked.problems)
    return Verdict(tuple(problems), complete)


def _unusable(each: EnabledChart) -> tuple[Path, str]:
    """Return the problem of a subchart whose schema Helm refuses, with its path."""
    name = each.path[-1]
    switch = (
        f" Switch it off ({each.condition}: false), or choose another version of the chart."
        if each.condition
        else " Choose another version of the chart."
    )
    where = tuple(each.condition.split(".")) if each.condition else each.path
    return where, f"The subchart {name} cannot be used. {each.content.schema_problem}{switch}"


def _named(found: Problem, each: EnabledChart, given: Mapping[str, object]) -> Problem:
    """A problem with its place in the whole chart, and with the subchart that complains."""
    if not each.path:
        return found
    path = (*each.path, *found.path)
    words = f"{found.message} (The subchart {each.path[-1]} asks for this.)"
    if found.path[:1] == (GLOBAL,) and not get(given, ".".join((*each.path, GLOBAL))):
        words = (
            f"The subchart {each.path[-1]} does not take the “global” values that Helm passes to "
            "every subchart: this is a mistake of the chart, for its author to correct."
        )
    return Problem(path, words)


def _placed(path: tuple[str, ...], schema: Values) -> Values:
    for name in reversed(path):
        schema = {"properties": {name: schema}}
    return schema


def _moved(schema: object, place: str, *, root: bool = True) -> object:
    """A schema whose references into itself lead to where it stands now."""
    if isinstance(schema, list):
        return [_moved(each, place, root=False) for each in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    pairs = cast("Values", schema).items()
    return {
        name: f"{place}{value[1:]}"
        if name == "$ref" and isinstance(value, str) and value.startswith("#")
        else _moved(value, place, root=False)
        for name, value in pairs
        if not (root and name in {"title", "description"})
    }
