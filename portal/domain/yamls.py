"""YAML, read and written: what is too much is refused before it is built, and the C code is used.

It takes as long as there is to read or write. What may be large is done in a thread.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_BASE: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The C emitter is several times as fast; PyYAML may have been built without it."""

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser is some ten times as fast; PyYAML may have been built without it."""

_TEXT = "tag:yaml.org,2002:str"
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}


class TooMuch(Exception):
    """A text that would be too much to build. ``line`` and ``column`` count from 1."""

    def __init__(self, mark: Any, *, deep: bool) -> None:
        super().__init__("It is nested too deeply." if deep else "It holds too many values.")
        self.deep = deep
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1


def measure(text: str, *, nodes: int, depth: int) -> None:
    """Refuse what is too deep or too long before it is built: libyaml's builder would crash.

    Raises:
        TooMuch: it has more than so many scalars, or is nested deeper.
    """
    level = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            level += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            level -= 1
        if isinstance(event, yaml.NodeEvent):
            nodes -= 1
        if level > depth or nodes < 0:
            raise TooMuch(event.start_mark, deep=level > depth)


class _Shown(_BASE):
    """For people to read: no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Exact(_Shown):
    """Means the same to every reader, also to Helm's: PyYAML leaves 1e3 or 0o7 without quotes."""


def is_plain(text: str) -> bool:
    """Whether a text needs no quotes for any reader to take it for the same text."""
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _shown_text(dumper: Any, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TEXT, _whole(text))


def _exact_text(dumper: Any, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TEXT, _whole(text), style=None if is_plain(text) else '"')


_Shown.add_representer(str, _shown_text)
_Exact.add_representer(str, _exact_text)


def shown(value: object, *, sort_keys: bool = False, width: int = 100) -> str:
    """``value`` as YAML for people to read."""
    return _dumped(value, _Shown, sort_keys, width)


def exact(value: object) -> str:
    """``value`` as YAML that every reader, Helm's too, takes for the same."""
    return _dumped(value, _Exact, False, 10**6)


def _whole(text: str) -> str:
    """The text; half a character, which cannot be written, is a question mark."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _dumped(value: object, dumper: Any, sort_keys: bool, width: int) -> str:
    return yaml.dump(
        value,
        Dumper=dumper,
        sort_keys=sort_keys,
        default_flow_style=False,
        allow_unicode=True,
        width=width,
    )
