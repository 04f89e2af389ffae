"""A chart's page: the form on the left, its values as text on the right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import dash_bootstrap_components as dbc
from dash import dcc

from portal.catalog import dash_app
from portal.catalog.chart import Chart
from portal.catalog.draft import Draft, DraftEditor, values_from_link
from portal.catalog.launch_fields import BY_NAME
from portal.catalog.sources import ChartPreset
from portal.catalog.values import to_yaml
from portal.domain.charts import ChartEntry, version_order
from portal.domain.errors import NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.releases.forms import ReleaseForms
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.catalog.layout import tile
from portal.ui.chart.form import chart_form
from portal.ui.components.basics import (
    LAUNCH_NOWHERE,
    ORDINARY_RELEASE,
    Node,
    breadcrumb,
    button,
    card,
    failure,
    icon,
    internal_link,
    launch_failed,
    notice,
    page,
    wildcards,
)
from portal.ui.components.files import file_buttons
from portal.ui.components.preview import CHECKING, change_dialog, waiting
from portal.ui.components.sliders import field
from portal.ui.context import UiContext
from portal.ui.routes import ChartPlace, app_path, chart_path
from portal.viewmodels.versions import DEPRECATED


async def place_of(context: UiContext, identity: Identity, key: Key) -> ChartPlace | None:
    """The chart of an existing release, of the same version, if the catalogue has it.

    None for the built-in chart, which has a form of its own.
    """
    try:
        newest, *_ = await context.actions.previews.history(identity, key)
    except (PortalError, ValueError):
        return None
    if newest.chart in {dash_app.CHART_NAME, ""}:
        return None
    origin = await context.catalog.identify(newest)
    if origin is None or origin.entry is None:
        return None
    return ChartPlace(origin.source, origin.entry.name, newest.chart_version)


async def failed_place(context: UiContext, identity: Identity, key: Key) -> ChartPlace | None:
    """The chart of a failed launch under this name, if it left no release."""
    sent = await context.actions.failed_request(identity, key)
    if sent is None or sent.chart is None:
        return None
    return ChartPlace(sent.chart.source, sent.chart.name, sent.chart.version.version)


async def page_of(
    context: UiContext, identity: Identity, place: ChartPlace, key: Key | None
) -> html.Div:
    """The page of a chart.

    With ``key`` it is filled in with that release's values, or with those of its failed launch.
    """
    entry = context.catalog.entry(place.source, place.chart)
    try:
        chart = await context.catalog.chart(place.source, place.chart, place.version)
        given = sent = None
        if key is not None:
            try:
                given = await context.actions.chart_values(identity, key, chart.name)
            except NotFound:  # there is no release of that name
                sent = await context.actions.failed_request(identity, key)
    except PortalError as error:
        return _unusable(place, entry, error, key)
    again = sent is not None and sent.chart is not None and sent.chart.name == chart.name
    existing = dict(given.values) if given else None
    if sent is not None and again:
        existing = dict(sent.values)
    editor = await in_thread(DraftEditor, chart, existing)
    draft = await in_thread(editor.read, editor.initial_text(values_from_link(place.values)))
    revision = given.revision if given else None
    presets = context.catalog.presets(place.source, place.chart) if given is None else ()
    forms = context.forms_for(identity)
    return await in_thread(
        _layout, forms, place, entry, editor, draft, key, revision, presets, again
    )


def _unusable(
    place: ChartPlace, entry: ChartEntry | None, error: PortalError, key: Key | None
) -> html.Div:
    return page(
        [
            _breadcrumb(place),
            html.Header(
                html.Div(html.H1(place.chart[:80], tabIndex=-1), className="title-line"),
                className="page-head",
            ),
            failure(error.message, error.advice),
            _other_versions(place, entry, key) if entry else None,
        ],
        topic="",
        title=place.chart[:80],
        testid="chart-page",
    )


def _layout(
    forms: ReleaseForms,
    place: ChartPlace,
    entry: ChartEntry | None,
    editor: DraftEditor,
    draft: Draft,
    key: Key | None,
    revision: int | None,
    presets: tuple[ChartPreset, ...],
    again: bool = False,
) -> html.Div:
    """``again``: the draft is what was sent for ``key`` in vain."""
    chart = editor.chart
    editing = key if revision is not None else None
    title = f"Edit {editing.name}" if editing else f"Launch {chart.name}"
    return page(
        [
            dcc.Store(
                id=ids.CHART_PLACE,
                data={
                    "source": place.source,
                    "chart": place.chart,
                    "version": chart.version.version,
                    "revision": revision,
                    "release": list(key) if key and (editing or again) else None,
                },
            ),
            dcc.Store(id=ids.CHART_BASIS, data=draft.text),
            dcc.Store(id=ids.CHART_EXISTING_KEY, data=str(editing) if editing else ""),
            dcc.Store(id=ids.CHART_NAME_LEFT, data=False),
            dcc.Store(
                id=ids.CHART_PRESETS, data={each.name: [to_yaml(each.values)] for each in presets}
            ),
            dcc.Download(id=ids.CHART_SAVED),
            _breadcrumb(place, editing),
            html.Header(
                [
                    html.Div(
                        [
                            tile(chart.name),
                            html.Div(
                                [
                                    html.H1(title, tabIndex=-1),
                                    html.P(chart.version.description, className="lead-sentence"),
                                ]
                            ),
                        ],
                        className="chart-head",
                    ),
                    _versions(place, entry, chart.version.version) if entry else None,
                ],
                className="page-head",
            ),
            _deprecated(chart),
            notice(LAUNCH_NOWHERE) if forms.nowhere and not editing else None,
            _sent(key) if key and again else None,
            html.Div(
                [
                    html.Form(
                        [
                            _presets(presets) if presets else None,
                            _name(forms, key, locked=editing is not None),
                            html.Fieldset(
                                form_of(draft, {}),
                                id=ids.CHART_FORM,
                                className="column",
                                disabled=draft.error is not None,
                            ),
                        ],
                        className="column wide-column launch-form",
                        **wildcards({"data-testid": "chart-form"}),
                    ),
                    html.Div(_values(draft, editing), className="column sticky"),
                ],
                className="columns launch-columns",
            ),
            _upgrade(),
        ],
        topic="",
        title=title,
        testid="chart-page",
    )


def _sent(key: Key) -> html.Div:
    return notice(launch_failed(key))


def _upgrade() -> dbc.Modal:
    """The dialog that previews an upgrade and asks for confirmation."""
    return change_dialog(
        ids.CHART_MODAL,
        "Upgrade this app?",
        "upgrade-title",
        [
            html.Div(waiting(CHECKING), id=ids.CHART_PREVIEW),
            dcc.Store(id=ids.CHART_PREVIEWED),
        ],
        ids.CHART_CANCEL,
        button("Upgrade", ids.CHART_CONFIRM, icon_name="launch", disabled=True),
    )


MAX_KEPT = 8
"""Names that are told of those that a text leaves out."""


def form_of(draft: Draft, notes: Mapping[tuple[str | int, ...], str]) -> list[Node]:
    """The form, or the reason why there is none."""
    if draft.form is None:
        return [html.P("The form is shown again when the YAML is valid.", className="aside-note")]
    if draft.form.items:
        return [_kept(draft), *chart_form(draft.form, notes or draft.notes())]
    return [
        html.P(
            [
                icon("info"),
                "This chart's files name no values. Those that its templates read can be set as "
                "YAML on the right.",
            ],
            className="aside-note",
        )
    ]


def _kept(draft: Draft) -> Node:
    """Which names the text leaves out, so that the chart's own values for them count."""
    if not draft.kept:
        return None
    names = [".".join(map(str, path)) for path in draft.kept]
    more = f" and {len(names) - MAX_KEPT} more" if len(names) > MAX_KEPT else ""
    return html.P(
        [
            icon("warn"),
            f"Not in these values, so the chart's own count: {', '.join(names[:MAX_KEPT])}{more}. "
            "To take one away, write it with null: “name: null”.",
        ],
        className="aside-note severity-warn",
    )


def _presets(presets: tuple[ChartPreset, ...]) -> html.Div:
    return html.Div(
        [
            html.Button(
                [
                    html.Span(preset.name, className="preset-name"),
                    html.Span(preset.description, className="preset-about"),
                ],
                id=cast("Any", ids.chart_preset(preset.name)),
                type="button",
                className="preset",
                **wildcards({"data-testid": f"chart-preset-{preset.name}"}),
            )
            for preset in presets
        ],
        className="presets",
        role="group",
        **wildcards({"aria-label": "Presets"}),
    )


def _breadcrumb(place: ChartPlace, editing: Key | None = None) -> html.Nav:
    if editing:
        app = internal_link(editing.name, app_path(editing))
        return breadcrumb(internal_link("Apps", "/"), app)
    return breadcrumb(internal_link("Catalogue", "/catalog"), html.Span(place.source[:63]))


MAX_OTHERS = 20
"""Versions to go to from a page without a form."""


def _other_versions(place: ChartPlace, entry: ChartEntry, key: Key | None) -> Node:
    """Links to the other versions: what a choice would need of the form is not there."""
    asked = place.version or entry.newest.version
    others = [each.version for each in entry.versions if each.version != asked][:MAX_OTHERS]
    if not others:
        return html.P("Its source has no other version.", className="quiet-text")
    links = [
        html.Li(internal_link(each, chart_path(place.source, place.chart, each, place.values, key)))
        for each in others
    ]
    return html.Div([html.H2("Other versions"), html.Ul(links)])


def _versions(place: ChartPlace, entry: ChartEntry, current: str) -> html.Div:
    known = [each.version for each in entry.versions]
    if current and current not in known:
        known = [current, *known]
    newer = current and version_order(entry.newest.version) > version_order(current)
    return html.Div(
        [
            html.Label(
                [
                    "Version ",
                    html.Span(f"({entry.newest.version} is available)", className="quiet-text"),
                ]
                if newer
                else "Version",
                htmlFor=ids.CHART_VERSION,
                className="form-label",
            ),
            dbc.Select(
                id=ids.CHART_VERSION,
                value=current or None,
                options=[{"label": each, "value": each} for each in known],
            ),
        ],
        className="field version-field",
    )


def version_path(
    place: Mapping[str, Any], version: str, *, values: str = "", key: Key | None = None
) -> str:
    """The page of another version of the same chart, for the same release.

    For a new release, ``key``, the link carries ``values``; an existing one keeps its own.
    """
    release = place.get("release")
    if release:
        key, values = Key(*map(str, release)), ""
    return chart_path(str(place["source"]), str(place["chart"]), version, values, key)


def _deprecated(chart: Chart) -> Node:
    if not chart.version.deprecated:
        return None
    return html.P(
        [icon("warn"), DEPRECATED],
        className="aside-note severity-warn",
    )


def _name(forms: ReleaseForms, key: Key | None, *, locked: bool) -> html.Section:
    known = forms.rules.open
    namespace = key.namespace if key else forms.default_namespace
    chosen: Node = (
        dbc.Select(
            id=ids.CHART_NAMESPACE,
            value=namespace,
            options=[{"label": each, "value": each} for each in known],
            disabled=locked,
        )
        if known
        else dbc.Input(id=ids.CHART_NAMESPACE, value=namespace, type="text", readonly=locked)
    )
    return card(
        "App",
        html.Div(
            [
                field(
                    ids.CHART_NAME,
                    "Name",
                    dbc.Input(
                        id=ids.CHART_NAME,
                        value=key.name if key else "",
                        type="text",
                        placeholder="sales",
                        autocomplete="off",
                        readonly=locked,
                    ),
                    note_id=f"{ids.CHART_NAME}-note",
                    hint="Lower-case letters, digits and “-”.",
                    class_name="half",
                ),
                field(
                    ids.CHART_NAMESPACE,
                    "Namespace",
                    chosen,
                    note_id=f"{ids.CHART_NAMESPACE}-note",
                    hint=BY_NAME["namespace"].hint,
                    class_name="half",
                ),
            ],
            className="fields",
        ),
        icon_name="apps",
    )


def _values(draft: Draft, editing: Key | None) -> list[Node]:
    return [
        card(
            "Values",
            [
                html.Label("Values as YAML", htmlFor=ids.CHART_YAML, className="visually-hidden"),
                dbc.Textarea(
                    id=ids.CHART_YAML,
                    value=draft.text,
                    className="mono yaml-editor",
                    placeholder="# Empty: the chart's defaults.",
                    rows=18,
                    debounce=400,
                    spellCheck=False,
                    wrap="off",
                ),
                html.Div(
                    id=ids.CHART_YAML_NOTE,
                    className="field-note",
                    **wildcards({"aria-live": "polite"}),
                ),
                html.Div(id=ids.CHART_EXISTING, role="status"),
                html.Div(id=ids.CHART_FAILURE),
                html.Div(
                    [html.Div(id=ids.CHART_NEEDED), html.Div(id=ids.CHART_PROBLEMS)],
                    className="problems",
                    **wildcards({"aria-live": "polite"}),
                ),
                button(
                    "Upgrade" if editing else "Launch",
                    ids.CHART_SUBMIT,
                    icon_name="launch",
                    size="lg",
                    className="w-100",
                    disabled=True,
                ),
            ],
            icon_name="file",
            aside=file_buttons(
                ids.CHART_OPEN, ids.CHART_SAVE, ids.CHART_LINK, left_out="passwords"
            ),
        ),
        html.P(
            [
                icon("info"),
                ORDINARY_RELEASE,
            ],
            className="aside-note",
        ),
    ]
