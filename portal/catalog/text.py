"""Reading untrusted YAML as Helm does, with limits, and errors with line and column."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

import yaml

from portal.catalog.loader import Loader, StrictLoader
from portal.catalog.values import Values, as_mapping, overlay
from portal.domain import yaml_text
from portal.domain.names import UNSUPPORTED_CHARACTER

MAX_TEXT = 256 * 1024
"""Characters of a values file, or of a person's values."""
MAX_NODES = 20_000
MAX_DEPTH = 50

_TOO_DEEP = f"This is nested too deeply: at most {MAX_DEPTH} levels are read."
_TOO_MANY = "This is too large: it holds too many values."
_NO_NUMBER = "Infinity and “not a number” cannot be sent."
_DOCUMENT = re.compile(r"^---[ \t]*(?:#[^\n]*)?\n", re.MULTILINE)
_FORBIDDEN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that YAML does not allow: control characters and lone surrogates."""


class TextError(Exception):
    """The text cannot be read. ``line`` and ``column`` count from 1; 0 where unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column

    def __str__(self) -> str:
        if not self.line:
            return self.message
        return f"Line {self.line}, column {self.column}: {self.message}"


def load(text: str, *, limit: int = MAX_TEXT, nodes: int = MAX_NODES, strict: bool = False) -> Any:
    """One YAML document as plain dictionaries, lists and scalars.

    Tags are refused. Aliases are expanded and counted: more than ``nodes`` values, or more than
    ``limit`` characters, are refused. ``strict`` also refuses what Helm would silently change:
    duplicate or overlong keys, numbers that it rounds, and characters that it drops.

    Raises:
        TextError: it is too large or not YAML; the message quotes nothing of the text.
    """
    text = text.removeprefix("\ufeff")  # a byte order mark
    if len(text) > limit:
        raise TextError(f"This is too long: at most {limit // 1024} KiB are read.")
    try:
        if text.startswith("{") and not strict:
            with suppress(ValueError):  # JSON has escapes that YAML has not
                return _plain(json.loads(text), [nodes], 0)
        _check_characters(text)
        whole = f"{text}\n"  # as Helm does, so that a final block keeps its last newline
        yaml_text.measure(whole, nodes=nodes, depth=MAX_DEPTH)
        loaded: object = yaml.load(whole, Loader=StrictLoader if strict else Loader)  # noqa: S506
        return _plain(loaded, [nodes], 0)
    except yaml_text.TooLarge as error:
        words = _TOO_DEEP if error.deep else _TOO_MANY
        raise TextError(words, error.line, error.column) from None
    except yaml.MarkedYAMLError as error:
        raise TextError(_words(error), *_place(text, error)) from None
    except (RecursionError, MemoryError):
        raise TextError(_TOO_DEEP) from None
    except (ValueError, TypeError, OverflowError):
        raise TextError("There is a value in it that cannot be read.") from None


def _place(text: str, error: yaml.MarkedYAMLError) -> tuple[int, int]:
    """Line and column of an error, counted from 1 and within the text."""
    mark = error.problem_mark or error.context_mark
    if not mark:
        return 0, 0
    lines = text.split("\n")
    if mark.line >= len(lines):
        return len(lines), len(lines[-1]) + 1
    return mark.line + 1, mark.column + 1


def _check_characters(text: str) -> None:
    found = _FORBIDDEN.search(text)
    if found:
        before = text[: found.start()]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise TextError("YAML does not allow this character.", line, column)


def load_values(text: str, *, strict: bool = False) -> Values:
    """The values in a text; {} for an empty one.

    Raises:
        TextError: as ``load``, or it is not a mapping.
    """
    loaded: object = load(text, strict=strict)
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise TextError("Values are “name: value” lines; this is something else.", 1, 1)
    return cast("Values", loaded)


def load_documents(text: str) -> Values:
    """The values of a chart's own file: of several documents in it a later one goes over those
    before, as Helm reads it.

    Raises:
        TextError: as ``load_values``.
    """
    try:
        return load_values(text)
    except TextError as error:
        parts = _DOCUMENT.split(f"{text}\n")
        if len(parts) == 1:
            raise
        values: Values = {}
        for part in parts:
            try:
                values = overlay(values, load_values(part))
            except TextError:
                raise error from None
        return values


def _plain(value: object, left: list[int], depth: int) -> object:
    """A copy of JSON types without shared parts; raises ``TextError`` beyond the limits."""
    left[0] -= 1
    if left[0] < 0:
        raise TextError(_TOO_MANY)
    if depth > MAX_DEPTH:
        raise TextError(_TOO_DEEP)
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return {_whole(name): _plain(each, left, depth + 1) for name, each in pairs}
    if isinstance(value, list):
        return [_plain(each, left, depth + 1) for each in cast("list[object]", value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise TextError(_NO_NUMBER)
    if isinstance(value, str):
        return _whole(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TextError("There is a value of a kind in it that Helm does not know.")


def _whole(text: str) -> str:
    text.encode()  # a lone surrogate, as "\\ud800", is a ValueError
    return text


_KNOWN = (
    ("could not determine a constructor", "Tags (“!…”) are not allowed here."),
    ("is there twice", ""),
    ("cannot be read", "This value cannot be read."),
    ("cannot be sent", _NO_NUMBER),
    ("cannot be passed on", UNSUPPORTED_CHARACTER),
    ("has too many digits", "Helm would round this number: put it in quotes."),
    ("is no name", "A name is missing here, or has to be in quotes."),
    ("is too long a name", "This name is too long for Helm."),
    ("for merging", "“<<” takes another mapping, or a list of them."),
    ("merged too often", _TOO_MANY),
    ("merged into itself", "This contains itself."),
    ("undefined alias", "This refers to an anchor (“*…”) that is not there."),
    ("cannot start any token", "A value cannot begin with this character: put it in quotes."),
    ("expected ',' or", "A “[” or “{” that was opened is not closed, or a comma is missing."),
    ("expected node content", "A value is missing here, or a “[” or “{” is not closed."),
    ("tab character", "Indent with spaces, not with tabs."),
    ("mapping values are not allowed", "A “:” is too many here, or the line is indented wrongly."),
    ("could not find expected ':'", "A “:” is missing after a name."),
    ("did not find expected key", "This does not line up with the lines above it."),
    ("expected <block end>", "This does not line up with the lines above it."),
    ("expected a single document", "Only one document, without “---” between, is read."),
    ("unexpected end of stream", "A quote that was opened is not closed."),
)


def _words(error: yaml.MarkedYAMLError) -> str:
    original = f"{error.context or ''} {error.problem or ''}"
    for part, words in _KNOWN:
        if part in original:
            return words or f"{error.problem}."
    return "This is not YAML that can be read."


_LINE = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z0-9_][A-Za-z0-9_.-]*)\s*:(\s|$)")
_PARAM = re.compile(r"@param\s+(?P<path>[^\s\[]+)\s*(\[[^\]]*\])?\s*(?P<words>.*)")


def comments(text: str) -> dict[tuple[str, ...], str]:
    """The comments of a values file, by the path of the value that they describe.

    A comment describes the value in the line below it. ``# --`` (helm-docs) and
    ``@param path words`` (as in Bitnami's charts) are recognised; other markers are skipped.
    """
    found: dict[tuple[str, ...], str] = {}
    above: list[str] = []
    stack: list[tuple[int, str]] = []
    for line in text[:MAX_TEXT].splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            words = bare.lstrip("#").strip()
            param = _PARAM.match(words)
            if param:
                found[tuple(param["path"].split("."))] = param["words"]
            elif words.startswith("-- "):
                above = [words[3:]]
            elif not words.startswith(("@", "---", "===")):
                above.append(words)
            continue
        match = _LINE.match(line)
        if match:
            indent = len(match["indent"])
            while stack and stack[-1][0] >= indent:
                stack.pop()
            stack.append((indent, match["key"]))
            path = tuple(name for _, name in stack)
            if above and path not in found:
                found[path] = " ".join(part for part in above if part)
        above = []
    return {path: words[:400] for path, words in found.items() if words}


def limited(value: object, *, nodes: int = MAX_NODES) -> Any:
    """A copy of something already parsed, as from JSON. Raises ``TextError`` beyond the limits."""
    return _plain(value, [nodes], 0)


def text_of(mapping: Mapping[str, object], name: str, limit: int = 1000) -> str:
    """The text ``name`` in an untrusted mapping, cut to ``limit``; "" if it is not a text."""
    value = as_mapping(dict(mapping)).get(name)
    return value[:limit] if isinstance(value, str) else ""
