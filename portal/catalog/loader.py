"""YAML's values as Helm understands them: how nodes become plain Python.

Of text that others wrote, so what a few lines may grow to is bounded.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, ClassVar, cast

import yaml

from portal.catalog.values import is_exact
from portal.domain.names import survives_helm

MAX_NAME = 1024
"""Characters of a name, written as JSON. Helm can read no longer one."""
MAX_MERGED = 20_000
"""Names that merge keys (``<<``) may write out in one text: they multiply."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's where there is one
_MERGE = "tag:yaml.org,2002:merge"


class Loader(_BASE):
    """Scalars as Go's YAML, which Helm uses, understands them: dates and 1:30 are text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}
    strict = False

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._done: dict[int, bool] = {}
        self._left = MAX_MERGED

    def construct_object(self, node: Any, deep: bool = False) -> object:
        """Say where a value is that does not fit its tag, as in ``!!bool maybe``, or JSON."""
        try:
            value = cast("object", super().construct_object(node, deep))
        except (ValueError, TypeError, LookupError, AttributeError):
            raise _problem("cannot be read", node) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise _problem("cannot be sent", node)
        if self.strict and isinstance(value, str) and not survives_helm(value):
            raise _problem("cannot be passed on", node)
        return value

    def flatten_mapping(self, node: Any) -> None:
        """Write out what a mapping merges, once; its own names come last, and win."""
        if id(node) in self._done:
            if not self._done[id(node)]:
                raise _problem("merged into itself", node)
            return
        self._done[id(node)] = False
        if self.strict:
            self._check_unique(node)
        merged: list[Any] = []
        for key, value in node.value:
            for each in _sources(value) if key.tag == _MERGE else ():
                self.flatten_mapping(each)
                self._left -= len(each.value)
                if self._left < 0:
                    raise _problem("is merged too often", key)
                merged.extend(each.value)
        own = [pair for pair in node.value if pair[0].tag != _MERGE]
        node.value = [*merged, *own]
        self._done[id(node)] = True

    def _check_unique(self, node: Any) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE:
                continue
            name = name_of(self.construct_object(key, deep=True))
            if len(json.dumps(name)) > MAX_NAME:
                raise _problem("is too long a name", key)
            if name in seen:
                raise _problem(f"“{str(key.value)[:60]}” is there twice", key)
            seen.add(name)


class StrictLoader(Loader):
    """Refuses what would not arrive as it is written, unseen.

    That is a key that is there twice, a number of more digits than Helm keeps, and a character
    that it drops.
    """

    strict = True


def _sources(value: Any) -> list[Any]:
    """The mappings that a merge key names; of two the first wins, so it comes last."""
    listed = value.value if isinstance(value, yaml.SequenceNode) else [value]
    for each in listed:
        if not isinstance(each, yaml.MappingNode):
            raise _problem("expected a mapping for merging", each)
    return listed[::-1]


def name_of(key: object) -> str:
    """A key as JSON has it: as text."""
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, float) and key.is_integer():
        key = int(key)  # 1.0 is 1
    return "null" if key is None else str(key)


def _problem(words: str, node: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, words, node.start_mark)


def _integer(loader: Any, node: Any) -> int | str:
    text = str(loader.construct_scalar(node)).replace("_", "")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").lower()
    value: int | str = str(node.value)  # of so many digits it is none that anybody counts with
    if len(digits) <= 100:
        base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2])
        if base:
            digits = digits[2:]
        value = sign * int(digits, base or (8 if len(digits) > 1 and digits[0] == "0" else 10))
    if loader.strict and not (isinstance(value, int) and is_exact(value)):
        raise _problem("has too many digits", node)
    return value


for _tag, _pattern, _first in (
    ("bool", r"(?i:true|false|yes|no|on|off)", "yYnNtTfFoO"),
    ("int", r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(?i:inf)|\.(?i:nan)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    for _loader in (Loader, StrictLoader):
        _loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first)
        )

for _loader in (Loader, StrictLoader):
    _loader.add_constructor("tag:yaml.org,2002:int", _integer)
    _loader.add_constructor(_MERGE, _loader.construct_yaml_str)  # where it is a value
    for _tag in ("binary", "omap", "pairs", "set", "timestamp"):  # nothing that JSON knows
        _loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _loader.construct_undefined)
