"""A field of the built-in chart's form: how it is drawn, read, sent and shown again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum, auto

from msgspec import Struct

from portal.catalog.values import Values, get, has, put

MAX_TEXT = 300
"""Characters of a field: more than any name, address or amount has."""

_WHOLE = re.compile(r"-?[0-9]{1,11}")

Parse = Callable[[object], object]
"""Turns what a page sends into the value for the chart, None to leave the chart's default.

Raises ``FieldError``.
"""


class FieldError(ValueError):
    """The content of a field is wrong; the message says what to do."""


class Link(Enum):
    """The ways in which a link to the form carries a field."""

    TEXT = auto()
    NUMBER = auto()
    TARGET = auto()
    """A number that can be switched off; the link then has the name without a number."""
    SWITCH = auto()


class Control(Enum):
    """The kinds of controls."""

    TEXT = auto()
    NUMBER = auto()
    SWITCH = auto()
    CHOICE = auto()
    LINES = auto()
    OWN = auto()
    """One that is drawn by a function of its own."""


class Section(StrEnum):
    """The sections of the form, in their order, by title."""

    APP = "App"
    SCALING = "Replicas and autoscaling"
    RESOURCES = "Resources of each pod (requests and limits)"
    EXPOSURE = "Exposure (how the app is reached)"
    STORAGE = "Storage"
    ENVIRONMENT = "Environment variables"
    KEYS = "Variables from Secrets and ConfigMaps"
    FILES = "Files and shared memory"
    PROCESS = "User, command and time zone"
    HEALTH = "Health and start"
    REGISTRY = "Pull secrets and labels"


class Choice(Struct, frozen=True):
    """One of the choices of a field."""

    value: str
    label: str
    about: str = ""


def _unchanged(value: object) -> object:
    return value


class LaunchField(Struct, frozen=True):
    """One field.

    A *simple* field has ``parse``: one value, written at each of ``paths``. It needs nothing
    beside this entry. Fields without are read by ``releases.checks`` and converted by
    ``catalog.dash_app``, together with others.

    Args:
        name: the id of the field.
        label: the name on the page, in messages and links to the field.
        section: the section that it is drawn in.
        default: the content in a new form, and while the values have none.
        paths: the values that it sets. Helm's errors about them, or about values below them, are
            shown beside the field.
        aliases: other values that it is read from, and that are removed when it is changed.
        parse: reads what a page sends.
        show: the content for a value; None if the form cannot show the value, which is then kept
            as it is while nobody fills the field in.
        spread: the value of each path, where they are not all the same.
        look: the content for the chart's values, where ``show`` cannot tell it from one of them;
            None as for ``show``.
        control: the kind of control; ``choices`` are those of a ``CHOICE``.
        link: the way in which links carry it. None: not, or in a way of its own.
        preset: a preset may fill it in.
        switched: a switch beside it turns it off.
        caption: the words on the control, where ``label`` is too short; "" for ``label``.
        hint: a sentence below the control.
        placeholder: an example in the empty control.
        width: the share of a line: "half", "large", "small", or "" for all of it.
    """

    name: str
    label: str
    section: Section
    default: object = ""
    paths: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    parse: Parse | None = None
    show: Callable[[object], object] = _unchanged
    spread: Callable[[object], Values] | None = None
    look: Callable[[Mapping[str, object]], object] | None = None
    control: Control = Control.TEXT
    choices: tuple[Choice, ...] = ()
    link: Link | None = None
    preset: bool = False
    switched: bool = False
    caption: str = ""
    hint: str = ""
    placeholder: str = ""
    width: str = ""

    @property
    def owned(self) -> tuple[str, ...]:
        """Every values path that belongs to the field."""
        return (*self.paths, *self.aliases)

    def read(self, raw: object) -> object:
        """The value for the content of a simple field; None for the chart's default.

        Raises:
            FieldError: it is wrong.
        """
        return None if self.parse is None else self.parse(raw)

    def write(self, values: Values, value: object) -> None:
        """Set a value of a simple field in ``values``."""
        for path, each in self._written(value).items():
            put(values, path, each)

    def _written(self, value: object) -> Values:
        """The values by path."""
        if value is None:
            return {}
        return self.spread(value) if self.spread else dict.fromkeys(self.paths, value)

    def shown(self, values: Mapping[str, object]) -> object:
        """The content of a simple field for the chart's values."""
        if self.look:
            content = self.look(values)
        else:
            found = (get(values, path) for path in self.owned)
            value = next((each for each in found if each is not None), None)
            content = None if value is None else self.show(value)
        return self.default if content is None else content

    def hides(self, values: Mapping[str, object]) -> bool:
        """Return True if the content for ``values`` does not show all that they hold."""
        if self.look:
            written = self._written(self.read(self.shown(values)))
            return any(
                has(values, path) and get(values, path) != written.get(path) for path in self.owned
            )
        found = (get(values, path) for path in self.owned)
        shown = [self.show(each) for each in found if each is not None]
        return any(each is None or each != shown[0] for each in shown)

    def says(self, values: Mapping[str, object], others: Mapping[str, object]) -> bool:
        """Return True if the content for ``values`` is sent as what ``others`` hold."""
        try:
            written = self._written(self.read(self.shown(values)))
        except FieldError:
            return False
        return all(
            (path in written) == has(others, path) and get(others, path) == written.get(path)
            for path in self.paths
        )


# What fields read.


def text(raw: object, limit: int = MAX_TEXT) -> str:
    """The content of a field as text, without space around it.

    Raises:
        FieldError: it is longer than ``limit`` characters.
    """
    found = "" if raw is None else str(raw)
    if len(found) > limit:
        raise FieldError(f"This is too long: at most {limit} characters.")
    return found.strip()


def whole(raw: object, what: str) -> int | None:
    """The content of a field as a whole number; None where nothing is given.

    Raises:
        FieldError: it is something else; ``what`` is named.
    """
    if raw is None or raw == "":
        return None
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    found = str(raw)[:MAX_TEXT].strip()
    if _WHOLE.fullmatch(found):
        return int(found)
    raise FieldError(f"{what} is a whole number; “{found[:20]}” is not.")


def refuse(problem: str) -> None:
    """Raise ``FieldError`` with a sentence, unless it is empty."""
    if problem:
        raise FieldError(problem)


def switch(on: object) -> Parse:
    """Read a switch: ``on`` is its value; switched off it has the chart's."""
    return lambda raw: on if raw else None
