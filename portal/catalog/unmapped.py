"""Values of the built-in chart that its launch form has no field for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from portal.catalog import dash_app, edits
from portal.catalog.env_keys import key_line
from portal.catalog.launch_fields import hidden_paths
from portal.catalog.values import Values, as_list, as_mapping, get, put, without
from portal.domain.keys import LAUNCHED_BY


def unmapped(values: Mapping[str, object], defaults: Mapping[str, object]) -> tuple[str, ...]:
    """The dotted paths that the launch form cannot show, without those equal to a default."""
    rest = without(values, dash_app.FORM_PATHS)
    annotations = as_mapping(get(values, "commonAnnotations"))
    if LAUNCHED_BY in annotations:  # each launch sets it itself
        rest = without(rest, ["commonAnnotations"])
        others = {name: text for name, text in annotations.items() if name != LAUNCHED_BY}
        if others:
            put(rest, "commonAnnotations", others)
    hidden = [path for path in hidden_paths(values) if get(values, path) != get(defaults, path)]
    found = [*_leaves(edits.minimal(rest, defaults)), *hidden]
    for variable in as_list(get(values, "extraEnvVars")):
        if not (dash_app.in_form(variable) or key_line(variable)):
            found.append(f"extraEnvVars ({as_mapping(variable).get('name')})")
    if len(as_list(get(values, "httpRoute.hostnames"))) > 1:
        found.append("httpRoute.hostnames after the first")
    return tuple(found)


def _leaves(values: Values, path: str = "") -> Iterator[str]:
    for name, value in values.items():
        at = f"{path}.{name}" if path else name
        if isinstance(value, dict) and value:
            yield from _leaves(cast("Values", value), at)
        else:
            yield at
