"""Fills in the launch form from a file of values, and saves its values as a file."""

from __future__ import annotations

import base64
import binascii
from pathlib import PurePosixPath
from typing import Any

from dash import ClientsideFunction, Input, Output, State, no_update
from msgspec import Struct

from portal.catalog import dash_app
from portal.catalog.draft import DraftEditor
from portal.catalog.launch_fields import FIELDS, SWITCHED
from portal.catalog.sizes import without_size
from portal.catalog.unmapped import unmapped
from portal.domain.charts import BUILT_IN
from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.domain.placeholders import NO_SECRET
from portal.releases.forms import FormFields
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, failure, internal_link, notice
from portal.ui.components.files import MAX_FILE
from portal.ui.context import UiContext
from portal.ui.routes import chart_path
from portal.viewmodels.model import Notice, Severity

_LISTED = 8


class Opened(Struct, frozen=True):
    """A file that was opened. ``raw`` are the form's fields, None if it is not valid."""

    raw: FormFields | None
    said: Node


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of Open and Save."""

    @app.callback(
        output={
            "fields": {
                field: Output(ids.launch(field), "value", allow_duplicate=True) for field in FIELDS
            },
            "on": {
                field: Output(ids.launch_on(field), "value", allow_duplicate=True)
                for field in SWITCHED
            },
            "said": Output(ids.LAUNCH_OPENED, "children"),
        },
        inputs={
            "contents": Input(ids.LAUNCH_OPEN, "contents"),
            "filename": State(ids.LAUNCH_OPEN, "filename"),
            "name": State(ids.launch("name"), "value"),
            "namespace": State(ids.launch("namespace"), "value"),
        },
        prevent_initial_call=True,
    )
    async def open_file(
        contents: str | None, filename: str | None, name: str | None, namespace: str | None
    ) -> dict[str, Any]:
        kept = {
            "fields": dict.fromkeys(FIELDS, no_update),
            "on": dict.fromkeys(SWITCHED, no_update),
        }
        if not contents:
            return {**kept, "said": no_update}
        named = PurePosixPath(filename or "the file").name[:80]
        opened = await read_file(context, contents, named, Key(namespace or "", name or ""))
        raw = opened.raw
        if raw is None:
            return {**kept, "said": opened.said}
        # A slider that is switched off keeps its value.
        fields = {
            field: no_update if field in SWITCHED and raw[field] is None else raw[field]
            for field in FIELDS
        }
        on = {field: raw[field] is not None for field in SWITCHED}
        return {"fields": fields, "on": on, "said": opened.said}

    app.clientside_callback(
        ClientsideFunction("portal", "saveValues"),
        Output(ids.LAUNCH_SAVED, "data"),
        Input(ids.LAUNCH_SAVE, "n_clicks"),
        State(ids.LAUNCH_VALUES, "children"),
        State(ids.launch("name"), "value"),
        prevent_initial_call=True,
    )


async def read_file(context: UiContext, contents: str, named: str, key: Key) -> Opened:
    """Read a file of values into the fields of the form for the app ``key``.

    ``contents`` is a data URL, as the browser encodes an upload.
    """
    try:
        text = base64.b64decode(contents.partition(",")[2][: 2 * MAX_FILE]).decode()
        chart = await context.catalog.chart(BUILT_IN, dash_app.CHART_NAME)
    except (binascii.Error, UnicodeError):
        return Opened(None, failure(f"{named} is not a text file."))
    except PortalError as error:
        return Opened(None, failure(error.message, error.advice))
    draft = await in_thread(lambda: DraftEditor(chart).read(text))
    if draft.error is not None:
        return Opened(None, failure(f"{named} cannot be read.", str(draft.error)))
    # The form itself reports placeholders, beside their fields.
    problems = [each for each in draft.problems if each.message != NO_SECRET]
    if problems:
        first = problems[0]
        where = ".".join(map(str, first.path))
        return Opened(
            None,
            failure(
                f"{named} does not hold valid values of an app.",
                f"{where}: {first.message}" if where else first.message,
            ),
        )
    raw = context.forms.prefill(key, draft.values)
    known = without_size(draft.values) if raw["size"] else draft.values
    return Opened(raw, _outcome(named, unmapped(known, chart.defaults)))


def _outcome(named: str, lost: tuple[str, ...]) -> Node:
    if not lost:
        return notice(Notice(Severity.GOOD, f"Filled in from {named}."))
    more = f" and {len(lost) - _LISTED} more" if len(lost) > _LISTED else ""
    return [
        notice(
            Notice(
                Severity.WARN,
                f"Filled in from {named}, in part.",
                f"This form has no field for: {', '.join(lost[:_LISTED])}{more}.",
            )
        ),
        html.P(
            internal_link(
                "Open the form with all values of the chart",
                chart_path(BUILT_IN, dash_app.CHART_NAME),
            )
        ),
    ]
