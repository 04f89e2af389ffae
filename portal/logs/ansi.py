"""The escape sequences of a line: its text without them, and the colours they set. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_RUNS = 200
"""The most runs of a line; what follows is plain."""

_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SGR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]{0,64})m")
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor, erase
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS
    r"|\x1b[ -/]{0,8}[0-~]"
)
_SHOWN = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
"""Control characters as their pictures; others become a replacement character."""


def cleaned(text: str) -> tuple[str, tuple[int, ...]]:
    """Return a line without control characters and escape sequences, and the runs of its colours.

    Of a line that overwrites itself (a progress bar) the last state is kept.
    """
    if not _UNSAFE.search(text):
        return text, ()
    text = text.rstrip("\r").rpartition("\r")[2]
    parts: list[str] = []
    runs: list[int] = []
    length = at = now = 0
    for found in _SEQUENCE.finditer(text):
        length = _append(parts, runs, text[at : found.start()], length, now)
        at = found.end()
        colour = _SGR.fullmatch(found[0])
        if colour:
            now = style(now, colour[1])
    _append(parts, runs, text[at:], length, now)
    return "".join(parts), tuple(runs)


def _append(parts: list[str], runs: list[int], text: str, length: int, style: int) -> int:
    """Append text in a style; returns the length of the whole."""
    if not text:
        return length
    shown = _UNSAFE.sub(lambda found: _SHOWN.get(ord(found[0]), "\ufffd"), text)
    parts.append(shown)
    end = length + len(shown)
    if style and len(runs) < 3 * MOST_RUNS:
        runs += (length, end, style)
    return end


BOLD, FAINT, ITALIC, UNDERLINE, INVERSE = (1 << bit for bit in range(10, 15))
_ON = {1: BOLD, 2: FAINT, 3: ITALIC, 4: UNDERLINE, 7: INVERSE}
_OFF = {22: BOLD | FAINT, 23: ITALIC, 24: UNDERLINE, 27: INVERSE}


def style(now: int, codes: str) -> int:
    """Return the style after an escape sequence for colours (SGR).

    A style is one number: the foreground in the lowest five bits (0 for none, else one of 16
    colours plus one), the background in the next five, then bold, faint, italic, underline and
    inverse. 256 and true colours become the nearest of the 16.
    """
    numbers = [int(each) if each else 0 for each in re.split("[;:]", codes)[:32]]
    at = 0
    while at < len(numbers):
        code = numbers[at]
        at += 1
        if code in _ON:
            now |= _ON[code]
        elif code in _OFF:
            now &= ~_OFF[code]
        elif code in {38, 48}:
            colour, used = _extended(numbers[at:])
            at += used
            now = _coloured(now, colour, background=code == 48)
        elif code == 0:
            now = 0
        else:
            now = _simple(now, code)
    return now


def _simple(now: int, code: int) -> int:
    for first, plus in ((30, 0), (90, 8), (40, 0), (100, 8)):
        if first <= code < first + 8:
            return _coloured(now, code - first + plus, background=first in {40, 100})
    if code in {39, 49}:
        return now & (~0x1F if code == 39 else ~0x3E0)
    return now


def _coloured(now: int, colour: int, *, background: bool) -> int:
    if background:
        return now & ~0x3E0 | (colour + 1) << 5
    return now & ~0x1F | colour + 1


def _extended(numbers: Sequence[int]) -> tuple[int, int]:
    """The nearest of 16 colours for ``5;n`` or ``2;r;g;b``, and how many numbers that took."""
    match numbers:
        case [5, index, *_]:
            return _of_256(min(index, 255)), 2
        case [2, red, green, blue, *_]:
            return _nearest(min(red, 255), min(green, 255), min(blue, 255)), 4
        case _:
            return 7, len(numbers)


def _of_256(index: int) -> int:
    if index < 16:
        return index
    if index >= 232:
        grey = 8 + 10 * (index - 232)
        return _nearest(grey, grey, grey)
    steps = (0, 95, 135, 175, 215, 255)
    index -= 16
    return _nearest(steps[index // 36], steps[index // 6 % 6], steps[index % 6])


def _nearest(red: int, green: int, blue: int) -> int:
    most = max(red, green, blue)
    if most < 48:
        return 0
    if most - min(red, green, blue) < 32:  # a grey
        return 8 if most < 128 else 7 if most < 224 else 15
    hue = sum(bit for bit, part in ((1, red), (2, green), (4, blue)) if part > most * 0.6)
    return hue + 8 if most > 208 else hue
