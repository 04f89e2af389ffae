"""Drafts: values that somebody is editing, as YAML text with the form built from it.

The text is authoritative. An edit in the form becomes an edit of the text, and the form is built
from the text again.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from msgspec import Struct, field

from portal.catalog import edits
from portal.catalog.chart import Chart
from portal.catalog.edits import UNSET
from portal.catalog.form import Alternatives, Field, Form, Rows, build
from portal.catalog.own_text import own_text
from portal.catalog.reading import ReadValues, read_values
from portal.catalog.rewrite import rewritten
from portal.catalog.text import TextError, comments, limited, load_values
from portal.catalog.validate import Checker, Path, Problem
from portal.catalog.values import Values, as_mapping, to_yaml
from portal.domain.placeholders import NO_SECRET, Restored, restored
from portal.domain.secrets import HIDDEN, redacted, without_secrets

MAX_LINK = 8 * 1024
"""Characters of values in a link; browsers and proxies limit the length of addresses."""


class Draft(Struct, frozen=True):
    """A text, read. ``form`` is None while ``error`` says why the text cannot be read.
    ``field_errors`` are fields whose content means nothing, with why.
    ``defaults`` are what the chart's templates see where nothing is given, and ``kept`` are names
    of the chart's own file that the text leaves out, so that they stay as the chart has them."""

    text: str
    values: Values = field(default_factory=dict[str, object])
    form: Form | None = None
    problems: tuple[Problem, ...] = ()
    complete: bool = True
    error: TextError | None = None
    field_errors: Mapping[Path, str] = field(default_factory=dict[Path, str])
    defaults: Values = field(default_factory=dict[str, object])
    kept: tuple[Path, ...] = ()

    @property
    def launchable(self) -> bool:
        """True if no problem is known."""
        return not (self.error or self.problems or self.field_errors)

    @property
    def structure(self) -> object:
        """A key that is equal for drafts whose forms differ in values only."""
        return self.form.structure if self.form else self.error is None

    def notes(self) -> dict[Path, str]:
        """The message for each field, by path; ``()`` for a problem that has no field."""
        messages: dict[Path, str] = dict(self.field_errors)
        fields = {each.path for each in self.form.fields()} if self.form else set[Path]()
        for problem in self.problems:
            here = next(
                (
                    problem.path[:n]
                    for n in range(len(problem.path), 0, -1)
                    if problem.path[:n] in fields
                ),
                (),
            )
            inside = _place(problem.path[len(here) :])
            messages.setdefault(here, f"{inside}: {problem.message}" if inside else problem.message)
        return messages


class DraftEditor:
    """Creates and edits the drafts of one chart.

    ``existing`` are the values of the release that is being changed. Its secrets are never in a
    text: placeholders stand for them, and are resolved for checks.
    """

    def __init__(self, chart: Chart, existing: Values | None = None) -> None:
        self.chart = chart
        self._existing = existing
        self._whole_file = chart.schema is None and not existing
        self._described = comments(chart.values_text)

    def shown(self, values: Mapping[str, object]) -> Values:
        """``values`` with placeholders for secrets, told by name or by the schema."""
        hidden = cast("Values", redacted(values))
        for each in _fields(self._form(read_values(self.chart, values))):
            given = edits.at(hidden, each.path) if each.secret else None
            if isinstance(given, str | int | float) and given not in ("", False, True):
                hidden = edits.changed(hidden, {}, each.path, HIDDEN)
        return hidden

    def restored(self, values: Values) -> Restored:
        """``values`` with placeholders replaced by the release's secrets."""
        return restored(values, self._existing or {}, self.shown)

    def initial_text(self, values: Values | None = None) -> str:
        """The text to begin with: ``values``, else the release's values, else the chart's text.

        The chart's text is its whole ``values.yaml`` where it has no schema: its comments are all
        that explains it. Else it is "".
        """
        begin = values
        if values is None and self._existing:
            begin = self.shown(self._existing)
        if begin:
            return to_yaml(begin)
        return own_text(self.chart) if self._whole_file else ""

    def read(self, text: str, field_errors: Mapping[Path, str] | None = None) -> Draft:
        """The draft for a text, with the errors of its fields."""
        try:
            values = load_values(text, strict=True)
        except TextError as error:
            return Draft(text, error=error)
        meant = self.restored(values)
        problems = tuple(Problem(path, NO_SECRET) for path in meant.unknown)
        made = read_values(self.chart, values)
        # Without placeholders both are the same, and the schema is asked once.
        same = meant.values == values
        verdict = made.verdict if same else read_values(self.chart, meant.values).verdict
        return Draft(
            text,
            values,
            self._form(made),
            (*problems, *verdict.problems),
            verdict.complete,
            field_errors=field_errors or {},
            defaults=made.defaults,
            kept=tuple(_kept(self.chart.content.values, values)) if self._whole_file else (),
        )

    def _form(self, made: ReadValues) -> Form:
        return build(
            Checker(made.form_schema()),
            made.form_defaults(),
            made.values,
            self._described,
            {each.path: each.subchart for each in made.switches},
        )

    def fill(self, text: str, contents: Iterable[tuple[Path, object]]) -> Draft:
        """The draft with the input of form controls applied, given as path and raw content."""
        draft = self.read(text)
        if draft.form is None:
            return draft
        fields = {each.path: each for each in draft.form.fields()}
        field_errors: dict[Path, str] = {}
        values = draft.values
        for path, raw in contents:
            known = fields.get(path)
            if known is None or raw == edits.control_content(known):
                continue
            try:
                value = edits.parse_input(known, raw)
            except edits.FieldError as error:
                field_errors[path] = str(error)
                continue
            values = self._changed(draft, values, path, value)
        return self._rewritten(draft, values, field_errors)

    def _changed(self, draft: Draft, values: Values, path: Path, value: object) -> Values:
        """``values`` with one more at ``path``. What a whole file says stays in it."""
        made = edits.changed(values, draft.defaults, path, value)
        if not self._whole_file or edits.at(values, path, UNSET) is UNSET:
            return made
        own = edits.at(self.chart.content.values, path, UNSET)
        lost = edits.at(made, path, UNSET) is UNSET
        return edits.changed(made, {}, path, own) if lost else made

    def add(self, text: str, path: Path) -> Draft:
        """The draft with a row added to the list at ``path``."""
        draft = self.read(text)
        rows = draft.form.find(path) if draft.form else None
        if not isinstance(rows, Rows):
            return draft
        values = edits.added(draft.values, draft.defaults, path, rows.blank)
        return self._rewritten(draft, values)

    def remove(self, text: str, path: Path) -> Draft:
        """The draft without the row at ``path``."""
        draft = self.read(text)
        if draft.form is None or not path or not isinstance(path[-1], int):
            return draft
        return self._rewritten(draft, edits.removed(draft.values, draft.defaults, path))

    def choose(self, text: str, path: Path, form: int) -> Draft:
        """The draft with alternative number ``form`` chosen at ``path``."""
        draft = self.read(text)
        item = draft.form.find(path) if draft.form else None
        if (
            not isinstance(item, Alternatives)
            or form == item.chosen
            or not 0 <= form < len(item.starts)
        ):
            return draft
        values = edits.changed(draft.values, draft.defaults, path, item.starts[form])
        return self._rewritten(draft, values)

    def values_for_helm(self, draft: Draft) -> Values:
        """The values for Helm: all of an existing release, else those that differ from defaults."""
        if self._existing is not None:
            return draft.values
        return edits.minimal(draft.values, draft.defaults)

    def link(self, draft: Draft) -> str:
        """The values, without secrets, encoded for a link; "" if they exceed ``MAX_LINK``."""
        values = without_secrets(self.values_for_helm(draft))
        for each in draft.form.fields() if draft.form else ():
            if each.secret and edits.at(values, each.path) is not None:
                values = edits.changed(values, {}, each.path, edits.UNSET)
        values = cast("Values", _unhidden(values))
        packed = json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
        text = base64.urlsafe_b64encode(packed).decode().rstrip("=") if values else ""
        return text if len(text) <= MAX_LINK else ""

    def _rewritten(
        self, draft: Draft, values: Values, field_errors: Mapping[Path, str] | None = None
    ) -> Draft:
        if values == draft.values:
            return draft if not field_errors else self.read(draft.text, field_errors)
        return self.read(rewritten(draft.text, draft.values, values), field_errors)


def values_from_link(text: str) -> Values | None:
    """The values encoded in a link; None if they cannot be decoded."""
    if not text or len(text) > MAX_LINK:
        return None
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        values = limited(json.loads(packed))
    except (ValueError, RecursionError, TextError, binascii.Error):
        return None
    return cast("Values", values) if isinstance(values, dict) else None


def path_id(path: Path) -> str:
    """A path as text for component ids: ``/env/#0/name`` (``#`` marks an index).

    >>> path_of(path_id(("a/b", 0, "#c")))
    ('a/b', 0, '#c')
    """
    return "".join(f"/#{part}" if isinstance(part, int) else f"/{_escaped(part)}" for part in path)


def path_of(text: str) -> Path:
    """The path in a component id; the inverse of ``path_id``."""
    return tuple(
        int(part[1:9]) if part[:1] == "#" and part[1:9].isdecimal() else _unescaped(part)
        for part in text.split("/")[1:]
    )


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("#", "~2")


def _unescaped(part: str) -> str:
    return part.replace("~2", "#").replace("~1", "/").replace("~0", "~")


def _fields(form: Form | None) -> Iterable[Field]:
    return form.fields() if form else ()


def _kept(own: Values, given: Values, path: Path = ()) -> Iterator[Path]:
    for name, standard in own.items():
        if name not in given:
            if standard is not None:
                yield (*path, name)
        elif isinstance(standard, dict) and isinstance(given[name], dict):
            below = as_mapping(cast("object", standard))
            yield from _kept(below, as_mapping(given[name]), (*path, name))


def _unhidden(value: object) -> object:
    """``value`` without placeholders, which mean nothing to another app."""
    if isinstance(value, dict):
        here = cast("Values", value)
        return {k: _unhidden(each) for k, each in here.items() if not _is_hidden(each)}
    if isinstance(value, list):
        return [_unhidden(each) for each in cast("list[object]", value) if not _is_hidden(each)]
    return value


def _is_hidden(value: object) -> bool:
    return isinstance(value, str) and HIDDEN in value


def _place(path: Path) -> str:
    """A path as people write it: ``image.tags[2]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".")[:120]


def field_titles(form: Form) -> dict[Path, str]:
    """The title of every field, by path."""
    return {each.path: each.title for each in form.fields()}
