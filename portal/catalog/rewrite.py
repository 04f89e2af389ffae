"""Editing values within their YAML text, so that comments, order, quotes and layout stay.

ruamel.yaml keeps these; changed values are put into its nodes. The text has passed ``text.load``
and its limits before, and the result is loaded again: where its values differ from the wanted
ones, as can happen with aliases, the whole text is generated instead.
"""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import StringMark
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    FoldedScalarString,
    LiteralScalarString,
    PlainScalarString,
    ScalarString,
)
from ruamel.yaml.tokens import CommentToken

from portal.catalog.edits import alike
from portal.catalog.text import load_values
from portal.catalog.values import Values, to_yaml
from portal.domain import yaml_text

_ENTRY = re.compile(r"^[^\s#}\]%-]", re.MULTILINE)
"""The start of a top-level entry."""
_REMOVED = "removed-3f9c1e"
_KEPT_DASH = re.compile(
    rf"^( *(?:- +)+)(?:-|[^\s#-][^\n]*:) {_REMOVED}(?: [^\n]*)?\n +", re.MULTILINE
)
"""A removed entry on the line of its row's dash: the next line moves up to the dash."""
_REMOVED_LINE = re.compile(rf"^ *(?:-|[^\s#-][^\n]*:) +{_REMOVED}(?: [^\n]*)?\n", re.MULTILINE)
_MAPPING = re.compile(r"^( *)[^\s#-][^\n]*:[ ]*\n\1( +)[^\s#-]", re.MULTILINE)
_SEQUENCE = re.compile(r"^( *)[^\s#-][^\n]*:[ ]*\n\1( *)- ", re.MULTILINE)


def rewritten(text: str, before: Values, after: Values) -> str:
    """``text``, whose values are ``before``, edited so that its values are ``after``."""
    try:
        changed = _changed(text, before, after)
        if alike(load_values(changed, strict=True), after):
            return changed
    except Exception:  # noqa: S110 - ruamel.yaml raises anything on input it does not expect
        pass
    return to_yaml(after) if after else ""


def _changed(text: str, before: Values, after: Values) -> str:
    starts = [each.start() for each in _ENTRY.finditer(text)]
    if not starts:  # comments only, or empty
        return f"{text.rstrip()}\n{to_yaml(after)}".lstrip()
    pieces = [text[start:end] for start, end in pairwise([*starts, len(text)])]
    if len(pieces) != len(before):
        return text[: starts[0]] + _round_trip(text, text[starts[0] :], before, after)
    # One entry at a time, since ruamel.yaml takes seconds for the largest texts.
    added = {name: value for name, value in after.items() if name not in before}
    for number, (name, value) in enumerate(before.items()):
        wanted = {name: after[name]} if name in after else {}
        if number == len(pieces) - 1:
            wanted |= added
        if not alike({name: value}, wanted):
            pieces[number] = _round_trip(text, pieces[number], {name: value}, wanted)
    return text[: starts[0]] + "".join(pieces)


def _round_trip(text: str, piece: str, before: Values, after: Values) -> str:
    """A piece of the text with the differences applied."""
    yaml = _yaml(text)
    root: object = yaml.load(piece)
    _merge(root, before, after)
    written = io.StringIO()
    yaml.dump(root, written)
    return _REMOVED_LINE.sub("", _KEPT_DASH.sub(r"\1", written.getvalue()))


class _Resolver(VersionedResolver):
    """Reads every plain scalar as text, so that it is written back unchanged: 0o17, 1_000, yes."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode and implicit[0] and value != "":
            return self.DEFAULT_SCALAR_TAG
        return cast("Any", super().resolve(kind, value, implicit))


def _yaml(text: str) -> Any:
    yaml: Any = YAML()
    yaml.Resolver = _Resolver
    yaml.preserve_quotes = True
    yaml.width = 10**6
    mapping, sequence = _MAPPING.search(text), _SEQUENCE.search(text)
    offset = len(sequence[2]) if sequence else 0
    yaml.indent(mapping=len(mapping[2]) if mapping else 2, sequence=offset + 2, offset=offset)
    return yaml


def _merge(node: Any, before: Any, after: Any) -> None:
    """Apply the differences to a mapping or list."""
    if isinstance(node, CommentedMap):
        for name in before.keys() - after.keys():
            _remove(node, name)
        for name, value in after.items():
            if name not in before:
                _append(node, name, value)
            elif not alike(value, before[name]):
                _put(node, name, before[name], value)
        return
    first, end = _differing(before, after)
    for number in range(first, end):
        if number < len(after) - (len(before) - end):
            _put(node, number, before[number], after[number])
        else:
            _remove(node, number)
    for value in after[end:] if end == len(before) else ():
        _append(node, len(node), value)


def _differing(before: list[Any], after: list[Any]) -> tuple[int, int]:
    """Start and end index of the rows of ``before`` that differ in ``after``."""
    least = min(len(before), len(after))
    first = next((n for n in range(least) if not alike(before[n], after[n])), least)
    behind = next(
        (n for n in range(least - first) if not alike(before[-1 - n], after[-1 - n])), least - first
    )
    return first, len(before) - behind


def _put(node: Any, at: Any, before: object, after: object) -> None:
    """Set the value at ``at``, or merge into the mapping or list there."""
    if at not in node if isinstance(node, CommentedMap) else at >= len(node):
        raise LookupError(at)
    old = cast("Any", node[at])
    names = isinstance(after, dict) and isinstance(before, dict) and isinstance(old, CommentedMap)
    rows = isinstance(after, list) and isinstance(before, list) and isinstance(old, CommentedSeq)
    if after and (names or rows):
        _merge(old, before, after)
        return
    tail = _take_tail(node, at)
    node[at] = _made(cast("object", after), old)
    _give_tail(node, at, tail)


def _append(node: Any, at: Any, value: object) -> None:
    """Append an entry; a comment below the last one stays below."""
    last = _last_of(node)
    tail = _take_tail(node, last) if node else None
    if isinstance(node, CommentedMap):
        node[_scalar(at, None)] = _made(value, None)
    else:
        node.append(_made(value, None))
    if tail is not None:
        beside, newline, below = tail.value.partition("\n")
        _give_tail(node, last, _comment(beside + newline, tail) if beside else None)
        _give_tail(node, at, _comment(newline + below, tail) if below else None)


def _remove(node: Any, at: Any) -> None:
    """Mark an entry for removal by line, since ruamel.yaml ties comments to the entry above."""
    if isinstance(node, CommentedMap) and at not in node:
        raise LookupError(at)
    if node.fa.flow_style():
        del node[at]
        return
    tail = _take_tail(node, at)
    node[at] = PlainScalarString(_REMOVED)
    _give_tail(node, at, tail)


# ruamel.yaml keeps the comments behind and below a value ("tail") at the last scalar in it.


def _last(node: Any, at: Any) -> tuple[Any, Any, int]:
    """Node and key of the last scalar at or in ``node[at]``, and the index of its comment slot."""
    value: Any = node[at]
    while _is_block(value):
        node, at = value, _last_of(value)
        value = node[at]
    return node, at, 2 if isinstance(node, CommentedMap) else 0


def _is_block(value: Any) -> bool:
    collection = isinstance(value, CommentedMap | CommentedSeq)
    return collection and bool(value) and not cast("Any", value).fa.flow_style()


def _last_of(node: Any) -> Any:
    names: list[Any] = list(node)
    return names[-1] if names and isinstance(node, CommentedMap) else len(names) - 1


def _take_tail(node: Any, at: Any) -> Any:
    holder, key, place = _last(node, at)
    held = holder.ca.items.get(key)
    if held is None or len(held) <= place:
        return None
    tail, held[place] = held[place], None
    return tail


def _give_tail(node: Any, at: Any, tail: Any) -> None:
    if tail is None:
        return
    holder, key, place = _last(node, at)
    held = holder.ca.items.setdefault(key, [None, None, None, None] if place else [None, None])
    held[place] = tail


def _comment(words: str, like: Any) -> Any:
    return CommentToken(words, cast("StringMark", like.start_mark), None)


def _made(value: object, old: object) -> Any:
    """A value as ruamel.yaml's nodes, in the style of the old one."""
    if isinstance(value, dict):
        made: Any = CommentedMap()
        for name, each in cast("Values", value).items():
            made[_scalar(name, None)] = _made(each, None)
    elif isinstance(value, list):
        made = CommentedSeq(_made(each, None) for each in cast("list[object]", value))
    else:
        return _scalar(value, old)
    if not made:
        made.fa.set_flow_style()
    return made


def _scalar(value: object, old: object) -> Any:
    if not isinstance(value, str):
        return PlainScalarString(json.dumps(value))
    if isinstance(old, LiteralScalarString | FoldedScalarString):
        return LiteralScalarString(value)
    if isinstance(old, ScalarString) and old:  # quotes around an empty text are not kept
        return type(old)(value)
    return (
        PlainScalarString(value) if yaml_text.is_plain(value) else DoubleQuotedScalarString(value)
    )
