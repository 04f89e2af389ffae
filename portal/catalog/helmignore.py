"""Which files of a chart's folder Helm leaves out: the rules of its ``.helmignore``. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_DEFAULT = "templates/.?*"

Matcher = Callable[[str, bool], bool | None]


class IgnoreProblem(Exception):
    """Helm cannot read the rules; the message says why."""


class IgnoreRules:
    """The rules of one chart; ``text`` is its ``.helmignore``, "" if it has none.

    Raises:
        IgnoreProblem: there is one that Helm does not understand.
    """

    def __init__(self, text: str = "") -> None:
        lines = [each.strip() for each in text.splitlines()]
        wanted = [each for each in lines if each and not each.startswith("#")]
        self._rules = [_rule(each) for each in (*wanted, _DEFAULT)]

    def leave_out(self, path: str, *, folder: bool = False) -> bool:
        """Return True if Helm leaves out ``path``, which is relative to the chart's folder.

        The first rule that decides does. One with a ``!`` leaves out all that it does *not* name.
        """
        decided = (rule(path, folder) for rule in self._rules)
        return next((each for each in decided if each is not None), False)

    def hides(self, path: str) -> bool:
        """Return True if Helm leaves out a file, or a folder that it is in."""
        parts = path.split("/")
        folders = ("/".join(parts[:number]) for number in range(1, len(parts)))
        return any(self.leave_out(each, folder=True) for each in folders) or self.leave_out(path)


def _rule(text: str) -> Matcher:
    if "**" in text:
        raise IgnoreProblem("Its .helmignore has “**”, which Helm does not read.")
    pattern, negated = (text[1:], True) if text.startswith("!") else (text, False)
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    rooted = pattern.startswith("/")
    pattern = pattern.removeprefix("/")
    whole = rooted or "/" in pattern
    matches = _glob(pattern)

    def decide(path: str, folder: bool) -> bool | None:
        fits = matches.fullmatch(path if whole else path.rpartition("/")[2]) is not None
        if negated:
            return True if (folders_only and not folder) or not fits else None
        return True if fits and (folder or not folders_only) else None

    return decide


def _glob(pattern: str) -> re.Pattern[str]:
    """A shell's pattern as Go's ``filepath.Match`` reads it: nothing but a “/” matches a “/”."""
    try:
        return re.compile("".join(_pieces(pattern)))
    except re.error:
        raise IgnoreProblem("Its .helmignore has a pattern that cannot be read.") from None


_PIECE = re.compile(r"\\(?P<escaped>.)|\[(?P<not>\^)?(?P<set>(?:\\.|[^\]\\])+)\]|(?P<one>.)", re.S)
_SPECIAL = {"*": "[^/]*", "?": "[^/]"}


def _pieces(pattern: str) -> Iterable[str]:
    for found in _PIECE.finditer(pattern):
        if found["set"] is not None:
            yield f"[{'^' if found['not'] else ''}{found['set'].replace('[', chr(92) + '[')}]"
        elif found["escaped"] is not None:
            yield re.escape(found["escaped"])
        elif found["one"] == "[":
            raise IgnoreProblem("Its .helmignore has a pattern that cannot be read.")
        else:
            yield _SPECIAL.get(found["one"], re.escape(found["one"]))
