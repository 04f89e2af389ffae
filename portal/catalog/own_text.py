"""A chart's own values file as a text that a person can begin with."""

from __future__ import annotations

from typing import Any

import yaml

from portal.catalog.chart import Chart
from portal.catalog.edits import alike
from portal.catalog.text import TextError, load_values
from portal.catalog.values import Values, to_yaml
from portal.domain import yaml_text

MAX_TWICE = 100


def own_text(chart: Chart) -> str:
    """The ``values.yaml`` word for word, comments and all, as long as it means what it says.

    A name that is there twice is taken out, with a comment that says so: Helm takes the last one.
    A file that says something else than it means in another way is written anew. One that cannot be
    written, such as with numbers that Helm rounds, is left to the chart.
    """
    text, wanted = chart.values_text, chart.content.values
    if not wanted:
        return text if _says(text, wanted) else ""
    words = "# The chart's own values.yaml, written anew: it cannot be passed on as it is.\n"
    for candidate in (text, _mended(text), words + to_yaml(wanted)):
        if _says(candidate, wanted):
            return candidate
    return (
        "# The chart's own values.yaml cannot be passed on as it is: its values count unchanged.\n"
    )


def _says(text: str, wanted: Values) -> bool:
    try:
        return alike(load_values(text, strict=True), wanted)
    except TextError:
        return False


def _mended(text: str) -> str:
    """The text without the lines of names that come once more below."""
    for _ in range(MAX_TWICE):
        found = _first_twice(text)
        if found is None:
            return text
        name, start, end = found
        lines = text.splitlines(keepends=True)
        indent = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
        note = f"{indent}# {name} was here, and again below: Helm takes the last one.\n"
        text = "".join([*lines[:start], note, *lines[end:]])
    return text


def _first_twice(text: str) -> tuple[str, int, int] | None:
    """A name that its mapping has again further down, and the lines that it takes."""
    try:
        root: Any = yaml.compose(text, Loader=yaml_text.LOADER)
    except (yaml.YAMLError, RecursionError):
        return None
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        if not isinstance(node, yaml.MappingNode):
            continue
        names = [str(key.value) for key, _ in node.value]
        for number, (key, value) in enumerate(node.value):
            waiting.append(value)
            if names[number] in names[number + 1 :] and not node.flow_style:
                following = node.value[number + 1][0].start_mark.line
                ends = value.end_mark.line + (1 if value.end_mark.column else 0)
                return (
                    names[number][:80],
                    key.start_mark.line,
                    min(following, max(ends, key.start_mark.line + 1)),
                )
    return None
