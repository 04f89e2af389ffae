"""A YAML loader that reads values as Helm does, into plain Python objects.

The text is untrusted, so what its merge keys can expand to is bounded.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

import yaml

from portal.catalog.values import is_exact
from portal.domain.names import survives_helm

MAX_NAME = 1024
"""Characters of a key as JSON; Helm cannot read longer ones."""
MAX_MERGED = 20_000
"""Keys that merge keys (``<<``) may expand to in one text."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's where there is one
_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"

_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
_NULL = frozenset(["", "~", "null", "Null", "NULL"])
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INTEGER = re.compile(r"[-+]?(0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_STRAY = re.compile(r"(?<![0-9])_|_(?![0-9])")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def kind_of(text: str) -> str:
    """The type that Go's YAML, which Helm uses, gives a plain scalar: dates and 1:30 are text.

    >>> [kind_of(text) for text in ("y", "1_000", "0x1F", "08", "2026-01-01", "1:30")]
    ['bool', 'int', 'int', 'float', 'str', 'str']
    """
    if text in _TRUE or text in _FALSE:
        return "bool"
    if text in _NULL:
        return "null"
    if text == "<<":
        return "merge"
    if text[0] in "+-.0123456789" and not (text[0] == "." and _STRAY.search(text)):
        plain = text.replace("_", "")
        if _INTEGER.fullmatch(plain):
            return "int"
        if _FLOAT.fullmatch(plain) or _NO_NUMBER.fullmatch(text):
            return "float"
    return "str"


class Loader(_BASE):
    """Reads YAML as Helm does; refuses what is too large or cannot be JSON."""

    strict = False

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._done: dict[int, bool] = {}
        self._left = MAX_MERGED

    def resolve(self, kind: Any, value: str, implicit: Any) -> str:
        """The tag of a node without one; that of a plain scalar is told by its text."""
        if kind is yaml.ScalarNode and implicit[0]:
            return f"{_TAG}{kind_of(value)}"
        return cast("str", super().resolve(kind, value, implicit))

    def construct_object(self, node: Any, deep: bool = False) -> object:
        """The value of a node; an error for a misfit of its tag, or of JSON, has its place."""
        try:
            value = cast("object", super().construct_object(node, deep))
        except (ValueError, TypeError, LookupError, AttributeError):
            raise _problem("cannot be read", node) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise _problem("cannot be sent", node)
        if self.strict and isinstance(value, str) and not survives_helm(value):
            raise _problem("cannot be passed on", node)
        return value

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, object]:
        """The mapping of a node, with text as keys as in JSON: in Python 1 and True are equal."""
        if not isinstance(node, yaml.MappingNode):
            raise _problem("cannot be read", node)
        self.flatten_mapping(node)
        return {
            _name(self.construct_object(key, deep=True)): self.construct_object(value, deep=deep)
            for key, value in node.value
        }

    def flatten_mapping(self, node: Any) -> None:
        """Expand the merge keys of a mapping in place, once; the last of equal keys wins."""
        if id(node) in self._done:
            if not self._done[id(node)]:
                raise _problem("merged into itself", node)
            return
        self._done[id(node)] = False
        pairs: list[Any] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _problem("is no name", key)
            if key.tag != _MERGE:
                pairs.append((key, value))
                continue
            for each in _sources(value):
                self.flatten_mapping(each)
                self._left -= len(each.value)
                if self._left < 0:
                    raise _problem("is merged too often", key)
                pairs.extend(each.value)
        if self.strict:
            self._check_names(node)
        node.value = pairs
        self._done[id(node)] = True

    def _check_names(self, node: Any) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE:
                continue
            found = self.construct_object(key, deep=True)
            large = isinstance(found, int) and abs(found) >= 2**63
            if found is None or isinstance(found, float) or large:
                raise _problem("is no name", key)
            name = _name(found)
            if len(json.dumps(name)) > MAX_NAME:
                raise _problem("is too long a name", key)
            if name in seen:
                raise _problem(f"“{str(key.value)[:60]}” is there twice", key)
            seen.add(name)


class StrictLoader(Loader):
    """Refuses, too, what Helm would silently change.

    That is a duplicate key or one that is not a plain name, a number with more digits than Helm
    keeps, and a character that it drops.
    """

    strict = True


def _sources(value: Any) -> list[Any]:
    """The mappings that a merge key names, reversed: the first has precedence, so it comes last."""
    listed = value.value if isinstance(value, yaml.SequenceNode) else [value]
    for each in listed:
        if not isinstance(each, yaml.MappingNode):
            raise _problem("expected a mapping for merging", each)
    return listed[::-1]


def _name(key: object) -> str:
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
    value: int | str = str(node.value)  # too many digits to be meant as a number
    if len(digits) <= 100:
        base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2])
        if base:
            digits = digits[2:]
        value = sign * int(digits, base or (8 if len(digits) > 1 and digits[0] == "0" else 10))
    if loader.strict and not (isinstance(value, int) and is_exact(value)):
        raise _problem("has too many digits", node)
    return value


def _boolean(loader: Any, node: Any) -> bool:
    text = loader.construct_scalar(node)
    if text not in _TRUE | _FALSE:
        raise ValueError
    return text in _TRUE


def _nothing(loader: Any, node: Any) -> None:
    if loader.construct_scalar(node) not in _NULL:
        raise ValueError


for _loader in (Loader, StrictLoader):
    _loader.add_constructor(f"{_TAG}int", _integer)
    _loader.add_constructor(f"{_TAG}bool", _boolean)
    _loader.add_constructor(f"{_TAG}null", _nothing)
    _loader.add_constructor(_MERGE, _loader.construct_yaml_str)  # where it is a value
    for _tag in ("binary", "omap", "pairs", "set", "timestamp"):  # nothing that JSON knows
        _loader.add_constructor(f"{_TAG}{_tag}", _loader.construct_undefined)
