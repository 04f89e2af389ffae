"""A request to launch or change a release: a chart and its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from portal.catalog import dash_app
from portal.catalog.chart import Chart
from portal.catalog.draft import DraftEditor
from portal.catalog.images import image_problem, images_in
from portal.catalog.launch_fields import field_of
from portal.catalog.reading import read_values
from portal.catalog.values import as_list, as_mapping, overlay
from portal.domain.errors import InvalidInput
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import SecretVar
from portal.domain.names import namespace_problem, release_name_problem
from portal.domain.namespaces import NamespaceRules
from portal.domain.placeholders import NO_SECRET, Path, placeholders, restored
from portal.domain.sizes import Size

Values = Mapping[str, object]

ANNOTATIONS = "commonAnnotations"
"""The conventional value for annotations of all objects of a chart."""


class ReleaseRequest(Struct, frozen=True):
    """The desired state of a release.

    With a ``chart``, ``values`` replace all values of the previous revision. Without one they come
    from the built-in chart's form and are merged into the present values; the release keeps its
    chart version.
    """

    key: Key
    chart: Chart | None
    values: Values
    sizes: tuple[Size, ...] = ()
    secrets: tuple[SecretVar, ...] = ()

    @property
    def chart_name(self) -> str:
        """The name of the release's chart."""
        return self.chart.name if self.chart else dash_app.CHART_NAME

    def new_values(self, before: Values | None, owner: str) -> Values:
        """Return the values for Helm; ``before`` are those of the release that is changed.

        The ``owner`` is set as an annotation if the chart supports that. An owner in the values
        themselves is replaced or removed: it may have been typed, or copied from another app.
        """
        if self.chart is None:
            values = self.values
            if before is not None:
                values = dash_app.merge(before, values, self.sizes)
            return overlay(values, {ANNOTATIONS: {LAUNCHED_BY: owner}}) if owner else values
        values = overlay(self.values, {})
        annotations = as_mapping(values.get(ANNOTATIONS))
        if owner and (
            LAUNCHED_BY in annotations or isinstance(self.chart.defaults.get(ANNOTATIONS), dict)
        ):
            return overlay(values, {ANNOTATIONS: {LAUNCHED_BY: owner}})
        if LAUNCHED_BY in annotations:
            values[ANNOTATIONS] = {k: each for k, each in annotations.items() if k != LAUNCHED_BY}
        return values

    @property
    def has_placeholders(self) -> bool:
        """True if the values contain placeholders for secrets."""
        return next(placeholders(self.values), None) is not None

    def restored(self, real: Values) -> ReleaseRequest:
        """Return the request with placeholders replaced by the secrets of ``real``.

        Raises:
            InvalidInput: a placeholder has no secret.
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
    """Return errors about placeholders without a secret, by field of the built-in chart's form."""
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
    """Return what is wrong with a request for a chart of the catalogue.

    The fields are ``name``, ``namespace``, ``values`` and ``image``. ``images`` are patterns of
    allowed images; empty means any.
    """
    name, namespace, chart = request.key.name, request.key.namespace, request.chart
    found = {
        "name": release_name_problem(name),
        "namespace": namespace_problem(namespace) or rules.problem(namespace),
    }
    values = request.values
    if chart is not None:
        made = read_values(chart, request.values)
        values = made.values
        found["values"] = " ".join(
            f"{'.'.join(map(str, each.path))}: {each.message}" for each in made.verdict.problems[:3]
        )
    named = images_in(values) if images else ()
    refused = (image_problem(each, images) for each in named)
    found["image"] = next((problem for problem in refused if problem), "")
    return {field: problem for field, problem in found.items() if problem}
