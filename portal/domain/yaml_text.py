"""Reading and writing YAML, with limits on its size and with libyaml's C code if available.

The time grows with the text: do large ones in a thread.
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


class TooLarge(Exception):
    """Raised for YAML beyond the limits. ``line`` and ``column`` count from 1."""

    def __init__(self, mark: Any, *, deep: bool) -> None:
        super().__init__("It is nested too deeply." if deep else "It holds too many values.")
        self.deep = deep
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1


def measure(text: str, *, nodes: int, depth: int) -> None:
    """Check YAML against limits before it is composed: libyaml's composer would crash.

    Raises:
        TooLarge: it has more than ``nodes`` nodes, or is nested deeper than ``depth``.
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
            raise TooLarge(event.start_mark, deep=level > depth)


class _Readable(_BASE):
    """Dumper for people: without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Exact(_Readable):
    """Dumper whose texts all readers, Helm included, read alike: it quotes 1e3 and 0o7 too."""


def is_plain(text: str) -> bool:
    """Return True if all readers take an unquoted text for the same text."""
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _readable_text(dumper: Any, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TEXT, _whole(text))


def _exact_text(dumper: Any, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TEXT, _whole(text), style=None if is_plain(text) else '"')


_Readable.add_representer(str, _readable_text)
_Exact.add_representer(str, _exact_text)


def readable(value: object, *, sort_keys: bool = False, width: int = 100) -> str:
    """Return ``value`` as YAML for people to read."""
    return _dumped(value, _Readable, sort_keys, width)


def exact(value: object) -> str:
    """Return ``value`` as YAML that all readers, Helm included, read alike."""
    return _dumped(value, _Exact, False, 10**6)


def _whole(text: str) -> str:
    """Return the text with unpaired surrogates, which cannot be written, replaced by “?”."""
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
