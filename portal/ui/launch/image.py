"""The panel of the launch form that tells what an image's registry, and it itself, say.

The form never waits for this. A look-up is asked for when typing stops; its answer is compared with
what the fields hold when it arrives, and dropped if that is something else (``web/image.js``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import dash_bootstrap_components as dbc
import msgspec
from dash import ClientsideFunction, Input, Output, dcc
from msgspec import Struct
from msgspec.structs import replace

from portal.catalog.values import as_mapping
from portal.domain.errors import InvalidInput, PortalError
from portal.images.launch_form import Change
from portal.images.report import ImageReport
from portal.releases.checks import Check
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.accepts import Accepts
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, icon, wildcards
from portal.ui.components.help import help_on
from portal.ui.context import UiContext
from portal.viewmodels.image import (
    MADE_WITH,
    RECOGNISED,
    Fact,
    FormView,
    ImageView,
    OfferView,
    Said,
    form_view,
    image_view,
)
from portal.viewmodels.model import Severity

MAX_KEPT = 60_000
"""Characters of a report that a page keeps; an image may say much of itself."""


class Asked(Struct, frozen=True, array_like=True):
    """The contents of the fields that a look-up depends on, as the page writes them."""

    repository: str = ""
    tag: str = ""
    namespace: str = ""
    pull_secrets: str = ""

    @classmethod
    def of(cls, raw: Mapping[str, object]) -> Asked:
        """The contents of a form."""
        return cls(*(str(raw.get(each) or "").strip() for each in cls.__struct_fields__))

    @property
    def reference(self) -> str:
        """The image's name."""
        at = "@" if ":" in self.tag else ":"
        return f"{self.repository}{at}{self.tag}" if self.tag else self.repository


class Answer(Struct, frozen=True):
    """The outputs of a look-up; ``report`` is None if there is none."""

    panel: Node
    tags: tuple[str, ...] = ()
    report: ImageReport | None = None


def _is_answer(value: object) -> bool:
    found = as_mapping(value)
    return value is None or all(isinstance(found.get(each), str) for each in ("asked", "report"))


Answered = Annotated[Any, Accepts(_is_answer)]
"""A look-up's answer as a page keeps it: what was asked, and the report as JSON."""


def panel() -> html.Div:
    """The place of what is known of the image, below its name."""
    return html.Div(
        [
            dcc.Store(id=ids.LAUNCH_IMAGE_ASKED),
            dcc.Store(id=ids.LAUNCH_IMAGE_ANSWER),
            dcc.Store(id=ids.LAUNCH_IMAGE_FOUND),
            html.Datalist(id=ids.LAUNCH_TAGS),
            html.Div(
                [
                    html.Div(
                        [icon("search"), html.Span("Looking at the image …")],
                        className="image-waiting",
                    ),
                    html.Div(id=ids.LAUNCH_IMAGE, className="image-known"),
                ],
                id=ids.LAUNCH_IMAGE_PANEL,
                className="image-panel idle",
                role="group",
                **wildcards({"aria-label": "The image", "data-testid": "image-panel"}),
            ),
            html.Div(
                [
                    html.Div(
                        [
                            html.Label("Made with", htmlFor=ids.LAUNCH_MADE_WITH),
                            dbc.Select(
                                id=ids.LAUNCH_MADE_WITH,
                                options=[
                                    {"label": label, "value": value} for value, label in MADE_WITH
                                ],
                                value=RECOGNISED,
                                size="sm",
                            ),
                            help_on(
                                ids.LAUNCH_MADE_WITH,
                                "Made with",
                                "The framework decides about the port and the settings that are "
                                "offered here. It is recognised by the image.",
                            ),
                        ],
                        className="image-made",
                    ),
                    html.Div(id=ids.LAUNCH_IMAGE_OFFER),
                ],
                className="image-offer",
            ),
        ],
        className="image",
    )


_NOT_YET = "The registry is asked once the image's name is complete."


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of the panel; what depends on the form is part of the form's check."""
    app.clientside_callback(
        ClientsideFunction("portal", "imageTyped"),
        Output(ids.LAUNCH_IMAGE_PANEL, "className"),
        *[Input(ids.launch(each), "value") for each in Asked.__struct_fields__],
    )
    app.clientside_callback(
        ClientsideFunction("portal", "imageAnswered"),
        Output(ids.LAUNCH_IMAGE_PANEL, "className", allow_duplicate=True),
        Input(ids.LAUNCH_IMAGE_ANSWER, "data"),
        prevent_initial_call=True,
    )

    # Not the store that the form's check depends on: that would wait for the registry.
    @app.callback(
        Output(ids.LAUNCH_IMAGE, "children"),
        Output(ids.LAUNCH_TAGS, "children"),
        Output(ids.LAUNCH_IMAGE_ANSWER, "data"),
        Input(ids.LAUNCH_IMAGE_ASKED, "data"),
        prevent_initial_call=True,
    )
    async def look(asked: str | None) -> tuple[Node, Node, dict[str, str]]:
        answer = await look_up(context, read_asked(asked or ""))
        options = [html.Option(value=each) for each in answer.tags]
        return answer.panel, options, {"asked": asked or "", "report": kept(answer.report)}


def read_asked(text: str) -> Asked:
    """Read what a page asks for; nothing if that cannot be read."""
    try:
        return msgspec.json.decode(text, type=Asked)
    except (msgspec.MsgspecError, UnicodeEncodeError):  # a lone surrogate
        return Asked()


async def look_up(context: UiContext, asked: Asked) -> Answer:
    """Ask the registry, unless the fields hold something that the form refuses."""
    check = Check({"repository": asked.repository, "tag": asked.tag, "namespace": asked.namespace})
    check.namespace(context.forms.rules)
    check.image(context.forms.images)
    refused = set(check.errors) - (set() if asked.tag else {"tag"})
    if refused:
        return Answer(_sentence(Said(Severity.QUIET, _NOT_YET)))  # the fields say why
    try:
        report = await context.inspect_image(
            context.identity(), asked.reference, asked.namespace, tuple(asked.pull_secrets.split())
        )
    except InvalidInput as error:
        return Answer(_sentence(Said(Severity.QUIET, " ".join(error.fields.values()))))
    except PortalError as error:
        return Answer(_sentence(Said(Severity.QUIET, error.message, error.advice)))
    return Answer(drawn(image_view(report)), report.tags.names if report.tags else (), report)


def kept(report: ImageReport | None) -> str:
    """The JSON of what the form needs of a report; "" if that is too much, or there is none."""
    if report is None:
        return ""
    image = report.image
    if image and image.config:
        image = replace(image, config=replace(image.config, labels={}, healthcheck=None))
    problems = report.problems if report.wants_sign_in else ()
    text = msgspec.json.encode(replace(report, image=image, tags=None, problems=problems)).decode()
    return text if len(text) <= MAX_KEPT else ""


def report_for(answer: object, raw: Mapping[str, object]) -> ImageReport | None:
    """The report that a page has kept, if it is about the image in the form."""
    found = as_mapping(answer)
    if not found.get("report") or read_asked(str(found.get("asked"))) != Asked.of(raw):
        return None
    try:
        return msgspec.json.decode(str(found["report"]), type=ImageReport)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None


class Advised(Struct, frozen=True):
    """The warnings of a form with what there is to say of its image, and what is offered."""

    warnings: dict[str, str]
    offer: Node


async def advised(
    warnings: Mapping[str, str],
    report: ImageReport | None,
    raw: Mapping[str, object],
    made_with: str | None,
) -> Advised:
    """Add to the form's own ``warnings``; see ``portal.viewmodels.image.form_view``."""
    made_with = made_with or RECOGNISED
    # What grows with an input is the report alone.
    view = (
        await in_thread(form_view, report, raw, made_with)
        if report
        else form_view(None, raw, made_with)
    )
    joined = {
        field: f"{warnings.get(field, '')} {text}".strip() for field, text in view.warnings.items()
    }
    return Advised(dict(warnings) | joined, _offered(view))


def drawn(view: ImageView) -> list[Node]:
    """Draw what is known of an image."""
    again = html.Button(
        "Look again",
        type="button",
        id=f"{ids.LAUNCH_IMAGE}-again",
        className="btn btn-sm btn-link",
        **wildcards({"data-look-again": ""}),
    )
    return [
        _sentence(view.said, **{"aria-live": "polite"}),  # not all the tags
        html.Ul(
            [html.Li(each) for each in (*view.details, _pin(view.pin))], className="image-details"
        )
        if view.details
        else None,
        _tags(view),
        *[_sentence(each) for each in view.problems],
        again if view.incomplete else None,
        html.Details(
            [html.Summary("What the image says of itself"), _facts(view.facts)],
            className="image-facts",
        )
        if view.facts
        else None,
    ]


def _pin(digest: str) -> Node:
    if not digest:
        return "pinned"
    return _fill(
        "Pin this digest",
        f"{ids.LAUNCH_IMAGE}-pin",
        {"tag": digest},
        class_name="btn btn-sm btn-link",
        title="Puts the digest in the tag's place: the app then runs this very image for ever",
    )


def _tags(view: ImageView) -> Node:
    if not view.tags:
        return html.Div(view.tags_note, className="quiet-text") if view.tags_note else None
    more = html.Details(
        [
            html.Summary(f"{len(view.more_tags)} more"),
            _tag_buttons(view.more_tags, view.tag),
            html.Div(view.tags_note, className="quiet-text") if view.tags_note else None,
        ],
        className="image-more",
    )
    return html.Div(
        [
            html.Span("Tags, newest first", id=f"{ids.LAUNCH_TAGS}-label", className="image-label"),
            _tag_buttons(view.tags, view.tag),
            more if view.more_tags else None,
        ],
        className="image-tags",
        role="group",
        **wildcards({"aria-labelledby": f"{ids.LAUNCH_TAGS}-label"}),
    )


def _tag_buttons(tags: Iterable[str], chosen: str) -> html.Div:
    return html.Div(
        [
            _fill(
                each,
                f"{ids.LAUNCH_IMAGE}-tag-{each}",
                {"tag": each},
                class_name="chip",
                **{"aria-pressed": str(each == chosen).lower()},
            )
            for each in tags
        ],
        className="chips",
    )


def _facts(facts: Iterable[Fact]) -> html.Dl:
    return html.Dl(
        [
            part
            for each in facts
            for part in (
                html.Dt(each.label),
                html.Dd(
                    [
                        html.Span(each.value, className="mono"),
                        html.Span(each.note, className="quiet-text") if each.note else None,
                    ]
                ),
            )
        ]
    )


def _offered(view: FormView) -> list[Node]:
    port = view.port
    return [
        html.Div(
            _fill(f"Use port {port.to}", f"{ids.LAUNCH_IMAGE}-port", {port.field: port.to}),
            className="image-buttons",
        )
        if port
        else None,
        *(_framework(view.offer) if view.offer else ()),
    ]


def _framework(view: OfferView) -> list[Node]:
    if not (view.sets or view.replaces):
        said = f"{view.said} The form has its settings."
        return [_sentence(Said(Severity.QUIET, said)), _about(view)]
    return [
        _sentence(Said(Severity.QUIET, view.said)),
        html.Div(
            _fill(
                "Use its settings",
                f"{ids.LAUNCH_IMAGE}-use",
                {each.field: list(each.lines) or each.to for each in view.sets},
                title=f"Fills in {', '.join(each.label for each in view.sets)}",
            ),
            className="image-buttons",
        )
        if view.sets
        else None,
        html.Ul([html.Li(_will_be(each)) for each in view.sets], className="image-changes")
        if view.sets
        else None,
        html.Ul(
            [
                html.Li(
                    [
                        f"{each.label} is {each.now} here. ",
                        _fill(
                            f"Use {_content(each)}",
                            f"{ids.LAUNCH_IMAGE}-use-{each.field}",
                            {each.field: each.to},
                            class_name="btn btn-sm btn-link",
                            **{"aria-label": f"{each.label}: use {_content(each)}"},
                        ),
                    ]
                )
                for each in view.replaces
            ],
            className="image-changes",
        )
        if view.replaces
        else None,
        _about(view),
    ]


def _about(view: OfferView) -> html.Details:
    return html.Details(
        [html.Summary("Good to know"), _facts(view.notes)],
        className="image-facts",
    )


def _will_be(change: Change) -> list[Node]:
    content = html.Span(_content(change), className="mono")
    return [f"{change.label}: ", "adds " if change.lines else None, content]


def _content(change: Change) -> str:
    if change.lines:
        return ", ".join(change.lines)
    if isinstance(change.to, bool):
        return "on" if change.to else "off"
    return change.to or "none"


def _sentence(said: Said, **attributes: str) -> html.Div:
    return html.Div(
        [
            icon("info" if said.severity is Severity.QUIET else said.severity.value),
            html.Span(
                [
                    said.text,
                    html.Span(f" {said.advice}", className="quiet-text") if said.advice else None,
                ]
            ),
        ],
        className=f"image-said severity-{said.severity.value}",
        **wildcards({"data-severity": said.severity.value, **attributes}),
    )


def _fill(
    text: str,
    id: str,
    contents: Mapping[str, object],
    *,
    title: str = "",
    class_name: str = "btn btn-sm btn-outline-secondary",
    **attributes: str,
) -> html.Button:
    """A button that fills in fields of the form; a list is added to a field's lines."""
    data = json.dumps({ids.launch(field): content for field, content in contents.items()})
    return html.Button(
        text,
        id=id,
        type="button",
        className=class_name,
        title=title or None,
        **wildcards({"data-fill": data, **attributes}),
    )
