"""Launching any chart of the catalogue: what is asked for, and how Helm is run for it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from portal.aside import aside
from portal.catalog import dash_app, edits
from portal.catalog.chart import Chart
from portal.catalog.images import image_problem, images_in
from portal.catalog.validate import Checker
from portal.catalog.values import as_mapping, overlay
from portal.domain.charts import version_order
from portal.domain.errors import InvalidInput
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.names import namespace_problem, release_name_problem
from portal.domain.namespaces import NamespaceRules
from portal.operations.progress import Progress
from portal.operations.rollout import Wanted
from portal.operations.waiting import WaitCondition
from portal.releases.changes import Changes, ChartRef, CurrentRelease, rollout
from portal.state.ownership import owner_name

Values = Mapping[str, object]

ANNOTATIONS = "commonAnnotations"
"""Where a chart that follows the custom takes annotations for all of its objects."""


class ChartOrder(Struct, frozen=True):
    """A chart to launch under a name. ``values`` replace those of the revision before, whole."""

    key: Key
    chart: Chart
    values: Values


def order_problems(
    order: ChartOrder, rules: NamespaceRules, images: tuple[str, ...] = ()
) -> dict[str, str]:
    """What is wrong with an order, by field: ``name``, ``namespace``, ``values``, ``image``.

    ``images`` are patterns of what may be run; all if empty.
    """
    name, namespace = order.key.name, order.key.namespace
    found = {
        "name": release_name_problem(name),
        "namespace": namespace_problem(namespace) or rules.problem(namespace),
    }
    chart = order.chart
    if chart.schema is not None:
        verdict = edits.check(Checker(chart.schema), order.values, chart.defaults)
        found["values"] = " ".join(
            f"{'.'.join(map(str, each.path))}: {each.message}" for each in verdict.problems[:3]
        )
    named = images_in(overlay(chart.defaults, order.values)) if images else ()
    refused = (image_problem(each, images) for each in named)
    found["image"] = next((problem for problem in refused if problem), "")
    return {field: problem for field, problem in found.items() if problem}


async def checked_order(
    key: Key, chart: Chart, values: Values, images: tuple[str, ...]
) -> ChartOrder:
    """An order for a release that is there; ``InvalidInput`` if the chart refuses ``values``."""
    order = ChartOrder(key, chart, dict(values))
    problems = await aside(order_problems, order, NamespaceRules(), images)
    if problems:
        raise InvalidInput(problems)
    return order


def version_words(before: str, chart: Chart) -> str:
    """What a change of the version is, for the release's history."""
    after = chart.version.version
    down = version_order(after) < version_order(before)
    return f"{'Downgraded' if down else 'Upgraded'} to chart {after}"


def signed(order: ChartOrder, owner: str) -> dict[str, object]:
    """The order's values, with the name of its owner where the chart has a place for that.

    Whatever the values say themselves of who launched it is replaced, or removed: they may have
    been typed, or come from a file of another app.
    """
    values = overlay(order.values, {})
    told = as_mapping(values.get(ANNOTATIONS))
    if not owner:
        if LAUNCHED_BY in told:
            values[ANNOTATIONS] = {k: each for k, each in told.items() if k != LAUNCHED_BY}
        return values
    if LAUNCHED_BY in told or isinstance(order.chart.defaults.get(ANNOTATIONS), dict):
        return overlay(values, {ANNOTATIONS: {LAUNCHED_BY: owner}})
    return values


async def apply_chart(
    changes: Changes,
    progress: Progress,
    current: CurrentRelease | None,
    order: ChartOrder,
    owner: str,
) -> WaitCondition:
    """Run Helm with the chart; returns what has to be seen before the rollout is done."""
    chart = order.chart
    taken = ChartRef(chart.path, chart.note, chart.source)
    values = await aside(signed, order, owner)
    command = f"helm upgrade --install with {chart.name}"
    made = await changes.upgrade(progress, current, taken, values, command)
    return rollout(Wanted(made, workload=False))


async def apply_version(
    changes: Changes, progress: Progress, current: CurrentRelease, order: ChartOrder
) -> WaitCondition:
    """Run Helm with another version of the chart that a release is of."""
    chart = order.chart
    if chart.name == dash_app.CHART_NAME:  # whose pods the portal knows how to wait for
        taken = ChartRef(chart.path, chart.note, chart.source)
        return await changes.apply(progress, current, order.values, chart=taken)
    owner = owner_name(current.owners, current.values)
    return await apply_chart(changes, progress, current, order, owner)
