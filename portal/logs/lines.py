"""Lines of a container's log, made safe to show: time, level, plain text, colours. Pure.

Escape sequences and control characters are removed before secrets are looked for, so that they
cannot break a secret apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from itertools import accumulate

from msgspec import Struct

from portal.domain.scrubber import HIDDEN, Scrubber
from portal.domain.secret_patterns import Span, merged, secret_spans
from portal.logs.ansi import cleaned

LONGEST = 8 * 1024
"""The most characters of a line that are shown; the rest is cut off, once secrets are hidden."""

WIDEST = 4 * LONGEST
"""The most bytes of a line in which secrets are looked for."""

_STAMP = 64
"""More than the characters of the time before a line, which count when it is split off."""

_UNSURE = 1024
"""Characters before a cut that may be the beginning of a secret, at least."""

MOST_OF_KEY = 200
"""The most lines that are hidden after the beginning of a private key without its end."""

_NOT_KEPT = b"unable to retrieve container logs for "
"""The kubelet's answer, in place of a log, for a container that has been removed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Level(IntEnum):
    """The severity of a line; ``NONE`` where none was recognised, ``MARK`` for the portal's own."""

    NONE = 0
    TRACE = 1
    DEBUG = 2
    INFO = 3
    WARN = 4
    ERROR = 5
    FATAL = 6
    MARK = 7


class Line(Struct, frozen=True):
    """One line as it is shown.

    ``at`` is its time in microseconds since 1970, 0 if it has none. ``runs`` are the parts with a
    style: start, end and style of each, one after the other (see ``ansi.style``).
    """

    at: int
    level: Level
    text: str
    runs: tuple[int, ...] = ()


class Splitter:
    """Splits chunks of bytes into lines, and holds at most one unfinished line."""

    def __init__(self, longest: int = WIDEST) -> None:
        self._longest = longest
        self._rest = b""
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that ``chunk`` completes. A line that is too long is cut."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        if lines and self._skipping:
            del lines[0]  # its beginning has been returned
            self._skipping = False
        if self._skipping:
            rest = b""
        elif len(rest) > self._longest:
            lines.append(rest[: self._longest])
            self._skipping, rest = True, b""
        self._rest = rest
        return lines

    def end(self) -> list[bytes]:
        """Return what is left when there are no more chunks."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def stamped(raw: bytes) -> tuple[int, bytes]:
    """Return the time of a line and the rest, of a log that was read with ``timestamps``.

    The time is in microseconds since 1970; 0 for a line without one, which is returned whole.

    >>> stamped(b"2026-01-02T03:04:05.678901234Z hello")
    (1767323045678901, b'hello')
    """
    stamp, space, text = raw.partition(b" ")
    try:
        at = datetime.fromisoformat(stamp.decode("ascii"))
    except ValueError:
        return 0, raw
    if at.tzinfo is None:
        return 0, raw
    since = at - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return micros, text if space else b""


def is_not_kept(at: int, text: bytes) -> bool:
    """Return True if this line stands in place of the log of a container that was removed."""
    return not at and text.startswith(_NOT_KEPT)


# Levels

_NAMES = {
    "trace": Level.TRACE,
    "verbose": Level.TRACE,
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "information": Level.INFO,
    "notice": Level.INFO,
    "warn": Level.WARN,
    "warning": Level.WARN,
    "error": Level.ERROR,
    "err": Level.ERROR,
    "severe": Level.ERROR,
    "critical": Level.FATAL,
    "crit": Level.FATAL,
    "alert": Level.FATAL,
    "emergency": Level.FATAL,
    "fatal": Level.FATAL,
    "panic": Level.FATAL,
    "i": Level.INFO,
    "w": Level.WARN,
    "e": Level.ERROR,
    "f": Level.FATAL,
    "d": Level.DEBUG,
    "10": Level.TRACE,
    "20": Level.DEBUG,
    "30": Level.INFO,
    "40": Level.WARN,
    "50": Level.ERROR,
    "60": Level.FATAL,
}
_WHERE = 240
"""Characters at the beginning of a line in which its level is looked for."""
_WORDS = "trace|debug|info|notice|warn(?:ing)?|error|critical|fatal|panic"
_FIELD = re.compile(
    r"(?<![\w.-])[\"']?(?:log\.)?(?:level(?:name)?|lvl|severity)[\"']?[ \t]{0,4}[:=][ \t]{0,4}"
    r"[\"']?([A-Za-z]{3,11}|[1-6]0)(?![\w-])",
    re.I | re.A,  # by Unicode, "i" is also the dotless one of Turkish
)
"""``"level": "info"`` of JSON, ``level=info`` of logfmt, the numbers of pino and bunyan."""
_KLOG = re.compile(r"([IWEF])[01]\d[0-3]\d [0-2]\d:")
_UPPER = re.compile(rf"(?<![\w./-])(?:{_WORDS.upper()}|VERBOSE|SEVERE|ERR|CRIT)(?![\w./=-])")
_LOWER = re.compile(rf"\W{{0,2}}({_WORDS})\]?:|(?:.{{0,60}}[ \[(|])?\[({_WORDS})\]", re.I | re.A)
_PYTHON = re.compile(r"Traceback \(most recent call last\)|[\w.]{0,80}(?:Error|Exception)(?::|\Z)")


def level(text: str) -> Level:
    """Return the level that a line declares, by the conventions of common log libraries."""
    head = text[:_WHERE]
    found = _FIELD.search(head) if "ev" in head or "EV" in head or "lvl" in head else None
    if found and found[1].lower() in _NAMES:
        return _NAMES[found[1].lower()]
    if found := _KLOG.match(head):
        return _NAMES.get(found[1].lower(), Level.NONE)
    if found := _UPPER.search(head):
        return _NAMES.get(found[0].lower(), Level.NONE)
    if found := _LOWER.match(head):
        return _NAMES.get((found[1] or found[2]).lower(), Level.NONE)
    return Level.ERROR if _PYTHON.match(head) else Level.NONE


# Secrets

_PEM = "-----BEGIN"
_END = "-----END"
_BEGINNING = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY")


def masked(texts: Sequence[str], scrubber: Scrubber) -> tuple[list[str], set[int]]:
    """Return the texts with secrets hidden, and the indexes of those that changed.

    They are searched together: it is faster, and finds secrets of several lines.
    """
    whole = "\n".join(texts)
    spans = merged([*scrubber.spans(whole), *_within_lines(whole, secret_spans(whole))])
    if not spans:
        return list(texts), set()
    parts: list[str] = []
    done = 0
    for start, end in spans:
        # The number of lines stays the same.
        parts += [whole[done:start], "\n".join([HIDDEN] * (whole.count("\n", start, end) + 1))]
        done = end
    hidden = "".join([*parts, whole[done:]]).split("\n")
    ends = list(accumulate(len(text) + 1 for text in texts))
    return hidden, set(_touched(spans, ends))


def _within_lines(whole: str, spans: Iterable[Span]) -> Iterable[Span]:
    """Cut each span at the end of its line, but a private key's: what follows is another line."""
    for start, end in spans:
        line = whole.find("\n", start, end)
        yield (start, end) if line < 0 or whole.startswith(_PEM, start) else (start, line)


def _touched(spans: Iterable[Span], ends: Sequence[int]) -> Iterable[int]:
    index = 0
    for start, end in spans:
        while ends[index] <= start:
            index += 1
        last = index
        while last < len(ends) and (last == index or ends[last - 1] < end):
            yield last
            last += 1


class PrivateKeys:
    """Remembers, from one batch of a log to the next, that a private key has begun and not ended.

    Its lines look like any others: they are hidden up to its end, within ``MOST_OF_KEY`` lines.
    """

    def __init__(self) -> None:
        self._left = 0

    def take(self, texts: Sequence[str]) -> int:
        """Return the number of lines at the beginning that belong to the key before them."""
        inside = min(self._left, len(texts))
        self._left -= inside
        for index in range(inside):
            if _END in texts[index]:
                inside, self._left = index + 1, 0
                break
        for index in range(inside, len(texts)):
            last = _BEGINNING.search(texts[index]) if _PEM in texts[index] else None
            if last:
                self._left = max(MOST_OF_KEY - (len(texts) - index - 1), 0)
            if _END in texts[index].rpartition(_PEM)[2]:
                self._left = 0
        return inside


def lines_of(
    stamps: Sequence[int],
    raws: Sequence[bytes],
    scrubber: Scrubber,
    keys: PrivateKeys | None = None,
) -> list[Line]:
    """Return the lines of one container for their times and texts, made safe to show.

    ``keys`` is shared by all calls for one log, in the order of its lines.
    """
    clean = [cleaned(raw[:WIDEST].decode("utf-8", "replace")) for raw in raws]
    texts = [text for text, _ in clean]
    inside = keys.take(texts) if keys else 0
    hidden, changed = masked(texts[inside:], scrubber)
    shown = [HIDDEN] * inside + hidden
    unsure = max(scrubber.longest, _UNSURE)
    lines: list[Line] = []
    for index, (at, raw, text) in enumerate(zip(stamps, raws, shown, strict=True)):
        plain = index < inside or index - inside in changed
        runs = () if plain else clean[index][1]
        if len(raw) > WIDEST - _STAMP:  # it was cut, perhaps within a secret
            text = text[:-unsure]
        lines.append(Line(at, level(text), *_shortened(text, runs)))
    return lines


def _shortened(text: str, runs: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Return what is shown of a line, and the runs within that."""
    if len(text) <= LONGEST:
        return text, runs
    more = f"{text[:LONGEST]} … ({len(text) - LONGEST:,} more characters)"
    within = [
        number
        for start, end, style in zip(runs[::3], runs[1::3], runs[2::3], strict=True)
        if start < LONGEST
        for number in (start, min(end, LONGEST), style)
    ]
    return more, tuple(within)
