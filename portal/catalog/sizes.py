"""Sizes in the values of the built-in chart, and in the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal.catalog.values import Values, as_list, as_mapping, get, put, without
from portal.domain import quantities
from portal.domain.labels import label_key_problem, label_value_problem
from portal.domain.sizes import Size

QUANTITIES = ("cpu", "memory")
"""The resources that the form has fields for."""
_SIDES = ("requests", "limits")
_NODES = ("nodeSelector", "tolerations")
_KEYS = {"name", "description", *_SIDES, *_NODES}


def write_size(values: Values, size: Size) -> None:
    """Set a size in the chart's values, instead of the resources in them."""
    put(values, "resources", {"requests": dict(size.requests)})
    if size.limits:
        put(values, "resources.limits", dict(size.limits))
    if size.node_selector:
        values["nodeSelector"] = dict(size.node_selector)
    if size.tolerations:
        values["tolerations"] = [dict(each) for each in size.tolerations]


def size_of(values: Mapping[str, object], sizes: Sequence[Size]) -> Size | None:
    """The size that the chart's values are exactly of; None if there is none."""
    return next((each for each in sizes if _is_of(values, each)), None)


def _is_of(values: Mapping[str, object], size: Size) -> bool:
    return (
        _amounts(values, "requests") == size.requests
        and _amounts(values, "limits") == size.limits
        and as_mapping(values.get("nodeSelector")) == size.node_selector
        and tuple(as_list(values.get("tolerations"))) == size.tolerations
    )


def _amounts(values: Mapping[str, object], side: str) -> dict[str, str]:
    given = as_mapping(get(values, f"resources.{side}"))
    return {name: str(each) for name, each in given.items() if each is not None}


def beyond_fields(values: Mapping[str, object]) -> bool:
    """Return True if values choose nodes, or resources beside CPU and memory, as sizes do."""
    others = [name for side in _SIDES for name in _amounts(values, side) if name not in QUANTITIES]
    return bool(others or any(values.get(each) for each in _NODES))


def without_size(values: Mapping[str, object]) -> Values:
    """A copy of the values without what only a size sets."""
    result = without(values, _NODES)
    for side in _SIDES:
        amounts = as_mapping(get(result, f"resources.{side}"))
        for name in [each for each in amounts if each not in QUANTITIES]:
            del amounts[name]
    return result


def read_sizes(entries: object) -> tuple[Size, ...]:
    """Read the sizes of the settings: a list of mappings.

    Raises:
        ValueError: an entry is wrong; the message names it and the key.
    """
    listed = as_list(entries)
    if entries != listed:
        raise ValueError("a list of sizes is needed")
    found = tuple(map(_read, listed))
    if len({each.name for each in found}) < len(found):
        raise ValueError("two sizes have the same name")
    if any(_same(one, other) for one in found for other in found if one.name < other.name):
        raise ValueError("two sizes are the same but for their names")
    return found


def _same(one: Size, other: Size) -> bool:
    values: Values = {}
    write_size(values, one)
    return _is_of(values, other)


def _read(entry: object) -> Size:
    given = as_mapping(entry)
    name, description = given.get("name"), given.get("description", "")
    where = f"size {name or entry}"[:80]
    if not isinstance(name, str) or not name or not isinstance(description, str):
        raise ValueError(f"{where}: name is text, and needed; description is text")
    if unknown := given.keys() - _KEYS:
        raise ValueError(f"{where}: there is no {', '.join(sorted(unknown))}")
    sides = {side: _read_amounts(where, side, given.get(side)) for side in _SIDES}
    if missing := set(QUANTITIES) - sides["requests"].keys():
        raise ValueError(f"{where}: requests needs {', '.join(sorted(missing))}")
    for each, limit in sides["limits"].items():
        request = sides["requests"].get(each, "")
        if problem := quantities.limit_problem(request, limit, each):
            raise ValueError(f"{where}: {problem}")
    selector: dict[str, str] = {}
    for label, value in as_mapping(given.get("nodeSelector")).items():
        problem = label_key_problem(label) or label_value_problem(str(value))
        if problem or not isinstance(value, str):
            raise ValueError(f"{where}: nodeSelector: {problem or f'{label} is text; use quotes'}")
        selector[label] = value
    tolerations = tuple(as_mapping(each) for each in as_list(given.get("tolerations")))
    if not all(tolerations):
        raise ValueError(f"{where}: tolerations is a list of mappings")
    return Size(name, sides["requests"], sides["limits"], selector, tolerations, description)


def _read_amounts(where: str, side: str, entry: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, each in as_mapping(entry).items():
        amount = str(each)
        check = {"cpu": quantities.cpu_problem, "memory": quantities.memory_problem}.get(name)
        problem = check(amount) if check else ""
        if check is None and "/" not in name and name != "ephemeral-storage":
            problem = "there is no such resource"
        elif check is None and not (amount.isdigit() or name == "ephemeral-storage"):
            problem = "a whole number of devices is needed"
        if problem:
            raise ValueError(f"{where}: {side}.{name}: {problem}")
        found[name] = amount
    return found
