"""Detection of secrets in values, by name or pattern, and their redaction.

Text that is displayed hides everything that may be a secret (``looks_secret``). Values that a user
edits and sends must keep everything else: a toleration without its ``key`` has another meaning.
There only certain names count (``is_secret``).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from portal.domain.scrubber import HIDDEN, SHORTEST, Scrubber
from portal.domain.secret_names import REFERENCES, compact, is_secret, looks_secret
from portal.domain.secret_patterns import secret_spans

__all__ = [
    "HIDDEN",
    "SHORTEST",
    "is_secret",
    "looks_secret",
    "redacted",
    "scrubbed",
    "scrubbed_text",
    "secret_texts",
    "texts_kept_in",
    "without_secret_patterns",
    "without_secrets",
]

_ASSIGNMENT = re.compile(r"(?P<name>-{0,2}[A-Za-z_][\w.-]*)=(?P<value>.+)", re.DOTALL)


def without_secrets(values: Mapping[str, object]) -> dict[str, object]:
    """Return a copy without values whose name ``is_secret``, environment variables included."""
    return cast("dict[str, object]", _left(dict(values)))


def _left(value: object) -> object:
    if isinstance(value, list):
        return [_left(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    here = cast("dict[str, object]", value)
    variable = is_secret(str(here.get("name", "")))
    kept: dict[str, object] = {}
    for name, each in here.items():
        secret = is_secret(name) or (variable and name == "value")
        if not secret or (isinstance(each, dict) and each):
            kept[name] = _left(cast("object", each))
    return kept


def redacted(value: object) -> object:
    """Return a copy of ``value`` with secrets replaced by ``HIDDEN``, in plain lists and dicts."""
    return _Redaction().copy(value)


def secret_texts(tree: object) -> tuple[str, ...]:
    """Return the texts that ``redacted`` hides in ``tree``, longest first.

    Texts shorter than ``SHORTEST`` are left out: they occur in harmless words.
    """
    redaction = _Redaction()
    redaction.copy(tree)
    found = {text for text in redaction.found if len(text) >= SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))


def scrubbed(value: object, secrets: Iterable[str]) -> object:
    """Return a copy of ``value`` with all encodings of ``secrets`` hidden."""
    return scrubbed_by(Scrubber(secrets), value)


def scrubbed_by(scrubber: Scrubber, value: object) -> object:
    """Return a copy of ``value`` with what ``scrubber`` knows hidden."""
    if isinstance(value, str):
        return scrubber.text(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(name): scrubbed_by(scrubber, item) for name, item in items}
    if isinstance(value, list | tuple):
        return [scrubbed_by(scrubber, item) for item in cast("list[object]", value)]
    return value


def scrubbed_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` without ``secrets`` in any encoding, and without secret patterns."""
    return without_secret_patterns(Scrubber(secrets).text(text))


def without_secret_patterns(text: str) -> str:
    """Return ``text`` with everything that has the form of a secret hidden."""
    return _hiding(text, secret_spans(text))


def texts_kept_in(tree: Mapping[str, object]) -> Iterator[str]:
    """Yield the data of a Secret, decoded and as written; nothing for other objects."""
    if tree.get("kind") != "Secret":
        return
    for name in ("stringData", "data"):
        kept = tree.get(name)
        if isinstance(kept, Mapping):
            for each in cast("Mapping[object, object]", kept).values():
                yield str(each)
                if name == "data":
                    yield from _decoded(str(each))


def _decoded(text: str) -> Iterator[str]:
    try:
        yield base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return


def _hiding(text: str, spans: Iterable[tuple[int, int]]) -> str:
    shown: list[str] = []
    done = 0
    for start, end in spans:
        shown += [text[done:start], HIDDEN]
        done = end
    return "".join([*shown, text[done:]]) if shown else text


class _Redaction:
    """Copies values without their secrets, which it collects in ``found``."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def copy(self, value: object) -> object:
        """Return ``value`` in plain lists and dictionaries, without secrets."""
        if isinstance(value, Mapping):
            return self._mapping(cast("Mapping[object, object]", value))
        if isinstance(value, list | tuple):
            return self._listed([*cast("list[object]", value)])
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._text(value if isinstance(value, str) else str(value))

    def _mapping(self, value: Mapping[object, object]) -> dict[str, object]:
        plain = {str(key): item for key, item in value.items()}
        # An environment variable: {name: DB_PASSWORD, value: …}.
        named = plain.get("name")
        secret_pair = "value" in plain and isinstance(named, str) and looks_secret(named)
        shown: dict[str, object] = {}
        for key, item in plain.items():
            if key == "key" and _is_match(plain):
                shown[key] = _copied(item)
            elif secret_pair and key in {"name", "value"}:
                shown[key] = item if key == "name" else self._hidden(item)
            elif looks_secret(key):
                shown[key] = self._hidden(item)
            elif compact(key) in REFERENCES:
                shown[key] = _copied(item)
            else:
                shown[key] = self.copy(item)
        return shown

    def _listed(self, values: list[object]) -> list[object]:
        shown: list[object] = []
        flag = False
        for item in values:
            shown.append(self._hidden(item) if flag and isinstance(item, str) else self.copy(item))
            # A command line: --token, abc.
            flag = (
                isinstance(item, str)
                and item.startswith("-")
                and "=" not in item
                and looks_secret(item)
            )
        return shown

    def _hidden(self, value: object) -> object:
        """Return ``value`` with every scalar in it that could be a secret replaced."""
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            return {str(name): self._hidden(item) for name, item in items}
        if isinstance(value, list | tuple):
            return [self._hidden(item) for item in cast("list[object]", value)]
        if value is None or value == "" or isinstance(value, bool):
            return value
        self.found.add(str(value))
        return HIDDEN

    def _text(self, text: str) -> str:
        assigned = _ASSIGNMENT.fullmatch(text)
        if assigned and looks_secret(assigned["name"]):
            spans = [assigned.span("value")]
        else:
            spans = secret_spans(text)
        self.found.update(text[start:end] for start, end in spans)
        return _hiding(text, spans)


_MATCHES = frozenset({"Exists", "DoesNotExist", "Equal", "In", "NotIn", "Gt", "Lt"})
_EFFECTS = frozenset({"NoSchedule", "PreferNoSchedule", "NoExecute"})


def _is_match(value: Mapping[str, object]) -> bool:
    """Return True for a toleration or a selector's requirement: its key names a taint or label."""
    return value.get("operator") in _MATCHES or value.get("effect") in _EFFECTS


def _copied(value: object) -> object:
    """Return ``value`` unchanged, in plain lists and dictionaries."""
    if isinstance(value, Mapping):
        return {str(k): _copied(v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in cast("list[object]", value)]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
