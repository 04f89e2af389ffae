"""Removal of known secrets from texts, in all common encodings.

Errors quote values as Go does (``%q``), templates as JSON or YAML, and a secret may also stand in
base64 or in a URL. ``Scrubber`` finds each encoding in time that grows with the text alone.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

HIDDEN = "(hidden)"
"""The placeholder for a secret."""

SHORTEST = 6
"""Minimum length of a secret that is searched for: shorter ones occur in ordinary words."""
_LINE = 16
"""Minimum length of one line of a multi-line secret that is searched for by itself."""
_MANY = 50
"""Maximum number of encodings with one prefix that are compared. With more of them, every word
with that prefix is hidden."""
_FEW = 200
"""Number of beginnings of encodings up to which looking for each of them is faster."""

_GO = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_WORD = re.compile(r"[^\s\"'<>]*")


def encodings(secret: str) -> set[str]:
    """Return the encodings of a secret, the plain one included."""
    plain = {secret, *(line for line in secret.splitlines() if len(line.strip()) >= _LINE)}
    plain = {each.strip() if "\n" not in each else each for each in plain} | {secret}
    once = {spelled for each in plain for spelled in _escaped(each)}
    twice = {spelled for each in once for spelled in (_json(each), _go(each))}
    raw = secret.encode("utf-8", "surrogatepass")
    encoded = {*_base64(raw), raw.hex(), raw.hex().upper(), " ".join(map(str, raw))}
    return {each for each in plain | once | twice | encoded if len(each) >= SHORTEST}


class Scrubber:
    """Hides known secrets in texts, in all their encodings."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._by_start: dict[str, list[str]] = {}
        self._base64: set[str] = set()
        found: set[str] = set()
        for secret in {each for each in secrets if len(each) >= SHORTEST}:
            found |= encodings(secret)
            self._base64 |= set(_base64(secret.encode("utf-8", "surrogatepass")))
        for each in sorted(found, key=len, reverse=True):
            self._by_start.setdefault(each[:SHORTEST], []).append(each)
        self.longest = max(map(len, found), default=0)
        """The length of the longest encoding of a secret."""

    def text(self, text: str) -> str:
        """Return ``text`` with the secrets hidden."""
        shown: list[str] = []
        done = 0
        for start, end in self.spans(text):
            shown += [text[done:start], HIDDEN]
            done = end
        return "".join([*shown, text[done:]]) if shown else text

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield start and end of each secret in ``text``, in order, without overlaps."""
        starts = self._by_start
        if len(starts) <= _FEW and not any(start in text for start in starts):
            return
        at = 0
        last = len(text) - SHORTEST
        while at <= last:
            alike = starts.get(text[at : at + SHORTEST])
            end = self._end(text, at, alike) if alike else 0
            if end:
                yield at, end
            at = end or at + 1

    def _end(self, text: str, at: int, alike: list[str]) -> int:
        """Return the end of the secret that begins at ``at``, 0 if none does."""
        if len(alike) > _MANY:
            found = _WORD.match(text, at)
            return max(at + SHORTEST, found.end() if found else 0)
        for each in alike:
            if text.startswith(each, at):
                end = at + len(each)
                if (
                    each in self._base64
                ):  # base64 of more than the secret: hide its last characters too
                    rest = _BASE64.match(text, end)
                    end = rest.end() if rest else end
                return end
        return 0


def _escaped(text: str) -> Iterator[str]:
    yield _json(text)
    yield json.dumps(text)[1:-1]
    # Go's JSON escapes these as well, for use in HTML.
    marks = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
    yield "".join(marks.get(each, each) for each in _json(text))
    yield _go(text)
    yield _go(text, ascii_only=True)
    yield _go(text).replace(r"\"", '"').replace("'", r"\'")  # as Helm's schema library quotes
    yield text.replace("'", "''")  # YAML
    yield text.replace("\\", "\\\\").replace('"', '\\"')
    yield from (quote(text, safe=""), quote(text), quote_plus(text))
    yield from (quote(text, safe="$&+=:@"), quote(text, safe="").lower())
    yield html.escape(text)
    yield html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _go(text: str, *, ascii_only: bool = False) -> str:
    """Return the text inside the quotes of Go's ``%q``; with ``ascii_only`` of ``%+q``."""
    written: list[str] = []
    for each in text:
        number = ord(each)
        if each in '"\\':
            written.append("\\" + each)
        elif each in _GO:
            written.append(_GO[each])
        elif number < 0x20 or number == 0x7F:
            written.append(f"\\x{number:02x}")
        elif (ascii_only and number > 0x7E) or not each.isprintable():
            written.append(f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}")
        else:
            written.append(each)
    return "".join(written)


def _base64(raw: bytes) -> Iterator[str]:
    """Yield base64 of a secret, by itself and at each offset within something longer.

    Three bytes become four characters, so there are three alignments, and the first and last
    characters depend on the neighbouring bytes.
    """
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + raw).rstrip(b"=").decode()
        whole = (before + len(raw)) * 8 // 6
        core = encoded[unsure:whole]
        if len(core) > SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")
