"""A chart's values as Helm makes them of its own, its subcharts', and those that are given. Pure.

In Helm's order: subcharts are picked by version, and named by alias; tags and conditions switch
them off; ``import-values`` lift values of a subchart into the chart above; then the given values
go over the chart's, and these over its subcharts', with ``global`` passed down. A given null takes
away what would be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from msgspec import Struct, field
from msgspec.structs import replace

from portal.catalog.values import Values, as_mapping, at_path
from portal.domain.version_ranges import within

GLOBAL = "global"


class Dependency(Struct, frozen=True):
    """One dependency in a ``Chart.yaml``.

    ``imports`` are pairs of dotted paths, the subchart's and the chart's own; ``.`` is the root.
    """

    name: str
    version: str = ""
    alias: str = ""
    condition: str = ""
    tags: tuple[str, ...] = ()
    imports: tuple[tuple[str, str], ...] = ()


class ChartContent(Struct, frozen=True):
    """The parts of a chart that its values are made from.

    ``values`` are those of its ``values.yaml``. ``schema`` is None if it has none that can be
    used; ``schema_problem`` says why Helm will not take the one that it has.
    ``dependencies`` is None where the ``Chart.yaml`` has no such part: then Helm takes the
    ``subcharts`` as they are. ``kube_version`` is the range of versions that it wants.
    """

    name: str
    version: str
    values: Values = field(default_factory=dict[str, object])
    schema: Values | bool | None = None
    schema_problem: str = ""
    dependencies: tuple[Dependency, ...] | None = None
    subcharts: tuple[ChartContent, ...] = ()
    kube_version: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """The subcharts that are named and not there: Helm refuses the chart then."""
        present = {each.name for each in self.subcharts}
        return tuple(each.name for each in self.dependencies or () if each.name not in present)


class ValuesProblem(Exception):
    """Helm cannot put the values together; ``path`` is where, the message says why."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class EnabledChart(Struct, frozen=True):
    """A chart, or a subchart that is not switched off. ``path`` leads to its values.

    ``condition`` is the dotted path of the value that may switch it off, "" if none does.
    """

    path: tuple[str, ...]
    content: ChartContent
    condition: str = ""


class Switch(Struct, frozen=True):
    """The value that switches a subchart on or off, whether it is on now or not."""

    path: tuple[str, ...]
    subchart: str


class Reading(Struct, frozen=True):
    """Given values, as the templates of a chart see them.

    ``defaults`` are what they would see if nothing were given, with the same ``charts`` enabled.
    ``switches`` are those of all subcharts of these charts.
    """

    values: Values
    defaults: Values
    charts: tuple[EnabledChart, ...]
    switches: tuple[Switch, ...] = ()


def read(content: ChartContent, given: Mapping[str, object]) -> Reading:
    """Return the values that a chart's templates see for the values that are given.

    Raises:
        ValuesProblem: something stands where the values of a subchart have to be.
    """
    root = _Chart(content)
    switches: list[Switch] = []
    _enable(root, given, (), switches)
    _import(root)
    return Reading(
        _coalesced(root, given),
        _coalesced(root, {}),
        tuple(_enabled(root, ())),
        tuple(switches),
    )


class _Chart:
    """A chart while it is being put together."""

    def __init__(self, content: ChartContent, name: str = "", condition: str = "") -> None:
        self.content = content
        self.name = name or content.name
        self.condition = condition
        self.values = content.values
        self.dependencies = content.dependencies
        self.subcharts = [_Chart(each) for each in content.subcharts]


def _enabled(chart: _Chart, path: tuple[str, ...]) -> Iterator[EnabledChart]:
    yield EnabledChart(path, chart.content, chart.condition)
    for each in chart.subcharts:
        yield from _enabled(each, (*path, each.name))


# Which subcharts there are.


def _enable(
    chart: _Chart,
    given: Mapping[str, object],
    path: tuple[str, ...],
    switches: list[Switch],
) -> None:
    """Leave only the subcharts that are wanted, under the names that they go by here.

    The values that switch them are added to ``switches``.
    """
    if chart.dependencies is None:
        return
    switches += (
        Switch((*path, *first.split(".")), _name(each))
        for each in chart.dependencies
        if (first := _first_condition(each))
    )
    chart.subcharts = [
        each
        for each in chart.subcharts
        if not any(_is_meant(each.content, wanted) for wanted in chart.dependencies)
    ] + list(_named(chart, chart.dependencies, path))
    values = _coalesced(chart, given)
    off = {_name(each) for each in chart.dependencies if not _is_on(each, values, path)}
    chart.subcharts = [each for each in chart.subcharts if each.name not in off]
    for each in chart.subcharts:
        _enable(each, values, (*path, each.name), switches)
    left = [each for each in chart.dependencies if _name(each) not in off]
    # From here on by the name that it goes by. Helm comes here only below a chart that lists its
    # dependencies; elsewhere an alias means nothing to what is imported.
    chart.dependencies = tuple(replace(each, name=_name(each)) for each in left) or None


def _name(wanted: Dependency) -> str:
    return wanted.alias or wanted.name


def _first_condition(wanted: Dependency) -> str:
    return wanted.condition.split(",")[0].strip()


def _is_meant(content: ChartContent, wanted: Dependency) -> bool:
    return content.name == wanted.name and within(content.version, wanted.version) is True


def _named(
    chart: _Chart, dependencies: tuple[Dependency, ...], path: tuple[str, ...]
) -> Iterator[_Chart]:
    for wanted in dependencies:
        found = next((e.content for e in chart.subcharts if _is_meant(e.content, wanted)), None)
        if found is not None:
            first = _first_condition(wanted)
            yield _Chart(found, _name(wanted), ".".join((*path, first)) if first else "")


def _is_on(wanted: Dependency, values: Values, path: tuple[str, ...]) -> bool:
    """A condition's first switch that there is has the last word, then the tags."""
    for condition in wanted.condition.strip().split(","):
        whole = ".".join((*path, condition))
        switch = at_path(values, whole.split(".")) if condition else None
        if isinstance(switch, bool):
            return switch
    tags = as_mapping(values.get("tags"))
    set_to = [tags[each] for each in wanted.tags if isinstance(tags.get(each), bool)]
    return True in set_to or False not in set_to


# What a subchart gives to the chart above.


def _import(chart: _Chart) -> None:
    for each in chart.subcharts:
        _import(each)
    if chart.dependencies is None:
        return
    values = _coalesced(chart, {}, keep=True)
    imported: Values = {}
    for each in chart.dependencies:
        for child, parent in each.imports:
            found = at_path(values, f"{each.name}.{child}".split("."))
            if isinstance(found, dict):
                lifted = cast("object", found)  # not a copy, as in Helm: later ones are seen in it
                for part in reversed(parent.split(".") if parent != "." else ()):
                    lifted = {part: lifted}
                _merge(imported, as_mapping(lifted), keep=True)
    chart.values = as_mapping(_copied(values))
    _merge(chart.values, imported, keep=True)


# One over the other. ``keep`` leaves a null in its place, for a later step to take its name away.


def _coalesced(chart: _Chart, given: Mapping[str, object], *, keep: bool = False) -> Values:
    return _over(chart, as_mapping(_copied(given)), (), keep=keep)


def _over(chart: _Chart, values: Values, path: tuple[str, ...], *, keep: bool) -> Values:
    """``values``, over those of a chart and its subcharts."""
    below = {each.name for each in chart.subcharts}
    for name, own in as_mapping(_copied(chart.values)).items():
        if name not in values:
            if keep or own is not None:
                values[name] = own if keep else _without_nulls(own)
        elif values[name] is None and not keep:
            del values[name]
        elif isinstance(values[name], dict) and isinstance(own, dict):
            kept = keep or name in below
            standard = cast("object", own)
            base = standard if kept else _without_nulls(standard)
            _merge(as_mapping(values[name]), as_mapping(base), keep=kept)
    for each in chart.subcharts:
        here = values.setdefault(each.name, {})
        if not isinstance(here, dict):
            raise ValuesProblem(
                (*path, each.name),
                f"The values of the subchart {each.name} belong here, names with their values.",
            )
        theirs = as_mapping(cast("object", here))
        _pass_down(values, theirs)
        values[each.name] = _over(each, theirs, (*path, each.name), keep=keep)
    return values


def _pass_down(values: Values, below: Values) -> None:
    """Give a subchart the chart's ``global``: of mappings in it the upper one has the last word.

    What is nested in it is shared, not copied, as in Helm: what the subchart fills in there the
    chart sees, too.
    """
    ours, theirs = values.get(GLOBAL, {}), below.get(GLOBAL, {})
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return
    theirs = as_mapping(cast("object", theirs))
    for name, value in as_mapping(cast("object", ours)).items():
        there = theirs.get(name)
        if isinstance(value, dict):
            upper = dict(as_mapping(cast("object", value)))
            if isinstance(there, dict):
                _merge(upper, as_mapping(cast("object", there)), keep=True)
            if name not in theirs or isinstance(there, dict):
                theirs[name] = upper
        elif not isinstance(there, dict):
            theirs[name] = value
    below[GLOBAL] = theirs


def _merge(top: Values, base: Values, *, keep: bool) -> None:
    """Fill in what ``base`` has and ``top`` has not."""
    for name, value in base.items():
        if name not in top:
            top[name] = value
        elif top[name] is None and value is not None and not keep:
            del top[name]
        elif isinstance(top[name], dict) and isinstance(value, dict):
            _merge(as_mapping(top[name]), as_mapping(cast("object", value)), keep=keep)


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in cast("Values", value).items()}
    if isinstance(value, list):
        return [_copied(each) for each in cast("list[object]", value)]
    return value


def _without_nulls(value: object) -> object:
    if not isinstance(value, dict):
        return value
    pairs = cast("Values", value).items()
    return {name: _without_nulls(each) for name, each in pairs if each is not None}
