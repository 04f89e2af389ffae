"""Removal of values from the error messages of Helm and the API server.

Helm, its schema library, Go's parsers and the API server name a field and a rule, and quote the
value, which may be a password in the wrong field. Field and rule are kept. What stood for a value
is not matched again, so redacting a message twice changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from portal.domain.scrubber import HIDDEN, Scrubber

_QUOTED = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`\n]*`)"""
_PLAIN = r"(?:-?[\d.][\w.+-]*|true|false|null|<nil>)"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Helm's schema library: - at '/path': 'value' does not match pattern 'rule'.
    (re.compile(rf"(^- at '[^'\n]*': ){_QUOTED} (does not match pattern)", re.M), r"\1value \2"),
    (
        re.compile(
            rf"(^- at '[^'\n]*': )(?:{_QUOTED}|{_PLAIN}|value) (is not valid [\w-]+):[^\n]*", re.M
        ),
        r"\1value \2",
    ),
    (re.compile(rf"\bgot (?:{_QUOTED}|{_PLAIN}), want"), "want"),
    # Go: strconv.Atoi: parsing "x", cannot unmarshal !!str `x`, invalid duration "x".
    (
        re.compile(
            rf"\b(parsing|parse|trying to unmarshal|invalid duration|unknown unit|in duration|"
            rf"cannot parse|unable to parse|cannot unmarshal !!\w+|cannot unmarshal number)"
            rf" (?:{_QUOTED}|{_PLAIN})"
        ),
        r"\1",
    ),
    (re.compile(r"error found in #\d+ byte of \.\.\.\|[^\n]*"), "error found in the JSON"),
)
# The API server: spec.field: Invalid value: "x": rule, and expected string, got &value{…}.
_INVALID = re.compile(
    r"(?P<problem>(?:Invalid|Unsupported|Duplicate) value|Not found): |(?P<got>, got )(?=&)"
)
_STRING = re.compile(_QUOTED)
_ERROR = re.compile(r"(?m)^Error: ")
# Helm logs its error as well, escaped once more, so that the end of a value is ambiguous.
_LOGGED = re.compile(r"(?m)^level=[^\n]*(?:\n|\Z)")
_CHART = re.compile(r"(?m)(execution error at \([^)\n]*\): |error calling fail: )([^\n]*)")
_RULE_LINE = re.compile(r"^- at '|supported values: ")
_SHORTEST = 4
"""Minimum length of a value that is searched for in quotes."""


def without_values(text: str, values: Collection[str] = ()) -> str:
    """Return a message without the values that it quotes.

    ``values`` are the user-supplied ones, which are hidden wherever they are quoted.
    """
    if _ERROR.search(text):
        text = _LOGGED.sub("", text)
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    text = _without_invalid(text)
    return _without_supplied(text, values) if values else text


def texts_in(values: object) -> Iterator[str]:
    """Yield every text in ``values``, at any depth."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        for each in cast("Mapping[object, object]", values).values():
            yield from texts_in(each)
    elif isinstance(values, list | tuple):
        for each in cast("list[object]", values):
            yield from texts_in(each)


def _without_invalid(text: str) -> str:
    shown: list[str] = []
    done = 0
    for found in _INVALID.finditer(text):
        if found.start() < done:
            continue
        shown.append(text[done : found.start()])
        done = _end(text, found.end())
        shown.append(", got another" if found["got"] else f"{found['problem']}: {HIDDEN}")
    return "".join([*shown, text[done:]]) if shown else text


def _end(text: str, at: int) -> int:
    """Return the end of a value as Go prints it: a colon, comma or bracket outside of it."""
    depth = 0
    while at < len(text):
        each = text[at]
        quoted = _STRING.match(text, at) if each in "\"'`" else None
        if quoted:
            at = quoted.end()
            continue
        if depth == 0 and (each in ",]\n" or text.startswith(": ", at)):
            return at
        depth += (each in "{[(") - (each in "}])" and depth > 0)
        at += 1
    return at


def _without_supplied(text: str, values: Collection[str]) -> str:
    known = {each for each in values if len(each) >= _SHORTEST}
    scrubber = Scrubber(values)

    def quoted(found: re.Match[str]) -> str:
        inner = found[0][1:-1]
        if inner in known or _unescaped(inner) in known:
            return found[0][0] + HIDDEN + found[0][-1]
        return found[0]

    lines = [
        line if _RULE_LINE.search(line) else _STRING.sub(quoted, line) for line in text.split("\n")
    ]
    # Messages of a chart's author have no fixed form.
    return _CHART.sub(lambda found: found[1] + scrubber.text(found[2]), "\n".join(lines))


def _unescaped(inner: str) -> str:
    try:
        return str(json.loads(f'"{inner}"'))
    except ValueError:
        return inner
