"""Templates in values, which a chart may render."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from portal.domain.manifests import Tree

_PATH = r"\.(?:Release|Chart|Capabilities|Values|Template)(?:\.[A-Za-z0-9_]+)+"
_HARMLESS = re.compile(
    rf"\{{\{{-?\s*{_PATH}(?:\s*\|\s*(?:quote|squote|lower|upper|b64enc|trunc\s+-?\d+))*\s*-?\}}\}}"
)
_BRACES = re.compile(r"\{\{|\}\}")
_RENDERS = re.compile(rb"\btpl\b")


def value_templates(values: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and problem of each value with a template beyond a plain ``{{ .Release.Name }}``.

    Charts render some values (``tpl``), and templates can read whatever the portal may read. A
    chart may join values to one template, so braces alone count too.
    """
    waiting: list[tuple[tuple[str, ...], object]] = [((), dict(values))]
    while waiting:
        path, at_hand = waiting.pop()
        if isinstance(at_hand, Mapping):
            for name, each in cast("Tree", at_hand).items():
                waiting.append(((*path, name), each))
                waiting.append(((*path, name), name))
        elif isinstance(at_hand, list):
            listed = cast("list[object]", at_hand)
            waiting.extend(((*path, str(index)), each) for index, each in enumerate(listed))
        elif isinstance(at_hand, str) and _BRACES.search(_HARMLESS.sub("", at_hand)):
            yield (
                path,
                "This chart renders values as templates, which can read the cluster: only plain "
                "paths such as {{ .Release.Name }} may be used.",
            )


def renders_values(chart: Path) -> bool:
    """Return True if an unpacked chart, or a subchart, renders values as templates."""
    files = (file for file in chart.rglob("*") if file.is_file() and "templates" in file.parts)
    packed = any(True for _ in chart.rglob("charts/*.tgz"))
    return packed or any(_RENDERS.search(file.read_bytes()) for file in files)
