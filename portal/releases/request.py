"""What is asked for when a release is launched or changed: a chart, and its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from portal.catalog import dash_app, edits
from portal.catalog.chart import Chart
from portal.catalog.draft import DraftEditor
from portal.catalog.images import image_problem, images_in
from portal.catalog.launch_fields import field_of
from portal.catalog.validate import Checker
from portal.catalog.values import as_list, as_mapping, overlay
from portal.domain.errors import InvalidInput
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.names import namespace_problem, release_name_problem
from portal.domain.namespaces import NamespaceRules
from portal.domain.placeholders import NO_SECRET, Path, placeholders, restored

Values = Mapping[str, object]

ANNOTATIONS = "commonAnnotations"
"""Where a chart that follows the custom takes annotations for all of its objects."""


class ReleaseRequest(Struct, frozen=True):
    """A release as it is to be.

    ``values`` replace those of the revision before, whole. Without a ``chart`` they are what the
    form of the built-in one says, and go over those that the release has; it keeps the version
    that it was made with.
    """

    key: Key
    chart: Chart | None
    values: Values

    @property
    def chart_name(self) -> str:
        """The name of the chart that the release is, or will be, of."""
        return self.chart.name if self.chart else dash_app.CHART_NAME

    def new_values(self, before: Values | None, owner: str) -> Values:
        """The values for Helm; ``before`` are those of the release that is changed.

        The ``owner`` is named where the chart has a place for that. Whatever the values say
        themselves of who launched it is replaced, or removed: they may have been typed, or come
        from a file of another app.
        """
        if self.chart is None:
            values = self.values if before is None else dash_app.merge(before, self.values)
            return overlay(values, {ANNOTATIONS: {LAUNCHED_BY: owner}}) if owner else values
        values = overlay(self.values, {})
        told = as_mapping(values.get(ANNOTATIONS))
        if owner and (
            LAUNCHED_BY in told or isinstance(self.chart.defaults.get(ANNOTATIONS), dict)
        ):
            return overlay(values, {ANNOTATIONS: {LAUNCHED_BY: owner}})
        if LAUNCHED_BY in told:
            values[ANNOTATIONS] = {k: each for k, each in told.items() if k != LAUNCHED_BY}
        return values

    @property
    def has_placeholders(self) -> bool:
        """Whether placeholders stand for secrets."""
        return next(placeholders(self.values), None) is not None

    def restored(self, real: Values) -> ReleaseRequest:
        """The request with the secrets of ``real`` in place of their placeholders.

        Raises:
            InvalidInput: one stands for no secret.
        """
        if self.chart is None:
            found = restored(self.values, real)
            problems = _form_problems(self.values, found.unknown)
        else:
            found = DraftEditor(self.chart, dict(real)).restored(dict(self.values))
            problems = dict[str, str]()
            if found.unknown:
                path = ".".join(map(str, found.unknown[0]))
                problems["values"] = f"{path}: {NO_SECRET}"
        if problems:
            raise InvalidInput(problems)
        return replace(self, values=found.values)


def _form_problems(values: Values, unknown: Iterable[Path]) -> dict[str, str]:
    """Where placeholders stand for nothing, by field of the built-in chart's form."""
    problems: dict[str, str] = {}
    variables = as_list(values.get("extraEnvVars"))
    named: set[str] = set()
    for path in unknown:
        field = field_of(".".join(str(part) for part in path if isinstance(part, str)))
        if path[0] == "extraEnvVars" and len(path) > 1:
            named.add(str(as_mapping(variables[cast("int", path[1])]).get("name")))
            problems["env"] = f"{', '.join(sorted(named))}: {NO_SECRET}"
        else:
            problems[field or "values"] = NO_SECRET
    return problems


def chart_problems(
    request: ReleaseRequest, rules: NamespaceRules, images: tuple[str, ...] = ()
) -> dict[str, str]:
    """What is wrong with a request for a chart of the catalogue.

    By field: ``name``, ``namespace``, ``values``, ``image``. ``images`` are patterns of what may
    be run; all if empty.
    """
    name, namespace, chart = request.key.name, request.key.namespace, request.chart
    found = {
        "name": release_name_problem(name),
        "namespace": namespace_problem(namespace) or rules.problem(namespace),
    }
    if chart is not None and chart.schema is not None:
        verdict = edits.check(Checker(chart.schema), request.values, chart.defaults)
        found["values"] = " ".join(
            f"{'.'.join(map(str, each.path))}: {each.message}" for each in verdict.problems[:3]
        )
    defaults = chart.defaults if chart else {}
    named = images_in(overlay(defaults, request.values)) if images else ()
    refused = (image_problem(each, images) for each in named)
    found["image"] = next((problem for problem in refused if problem), "")
    return {field: problem for field, problem in found.items() if problem}
