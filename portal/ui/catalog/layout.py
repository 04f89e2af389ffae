"""The catalogue: a card for each chart, by source."""

from __future__ import annotations

from portal.catalog import dash_app
from portal.catalog.icons import is_allowed
from portal.catalog.sources import SourceKind, SourceState
from portal.domain.charts import ChartEntry
from portal.ui import html
from portal.ui.components.basics import Node, age, icon, internal_link, notice, page, wildcards
from portal.ui.context import UiContext
from portal.ui.routes import chart_path, icon_path
from portal.viewmodels.model import Notice, Severity

TILES = 6
"""The number of colours of the tiles that stand for charts without an icon."""


def layout(context: UiContext) -> html.Div:
    """The page, with the sources as they were last read."""
    return page(
        [
            html.Header(
                html.Div(
                    [
                        html.H1("Catalogue", tabIndex=-1),
                        html.P(
                            "Charts that can be launched, each with a form for its values.",
                            className="lead-sentence",
                        ),
                    ]
                ),
                className="page-head",
            ),
            *(_source(state) for state in context.catalog.sources),
        ],
        topic="",
        title="Catalogue",
        testid="catalog-page",
    )


def _source(state: SourceState) -> html.Section:
    source = state.source
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Built in" if source.kind is SourceKind.BUILTIN else source.name),
                    html.Span(source.url, className="quiet-text mono") if source.url else None,
                ],
                className="source-head",
            ),
            _trouble(state),
            html.Div([_card(state, each) for each in state.charts], className="chart-cards"),
        ],
        className="source",
        **wildcards({"data-testid": f"source-{source.name}"}),
    )


MAX_NOTES = 10
"""Sentences about what was left out of a source that are shown."""


def _trouble(state: SourceState) -> Node:
    """A notice of a source that is loading, unreadable or empty; else None."""
    if state.loading:
        return html.P("Loading …", className="quiet-text")
    if state.error:
        return html.Div(
            [
                notice(
                    Notice(
                        Severity.WARN,
                        "This source cannot be read.",
                        state.error,
                        "The portal keeps trying. The charts are from the last successful read."
                        if state.charts
                        else "The portal keeps trying.",
                    )
                ),
                html.P(["Unreadable for ", age(state.since, ago=False)], className="aside-note"),
            ]
        )
    notes = state.notes[:MAX_NOTES]
    told = [html.P([icon("warn"), each], className="aside-note") for each in notes]
    if not state.charts:
        told = [html.P("There is no chart in it.", className="quiet-text"), *told]
    return html.Div(told) if told else None


def _card(state: SourceState, entry: ChartEntry) -> Node:
    newest = entry.newest
    built_in = state.source.kind is SourceKind.BUILTIN and entry.name == dash_app.CHART_NAME
    href = "/launch" if built_in else chart_path(state.source.name, entry.name)
    return internal_link(
        [
            tile(entry.name, _icon(state, entry)),
            html.Div(
                [
                    html.Div(
                        [
                            html.Span(entry.name, className="chart-name"),
                            html.Span("Deprecated", className="chip severity-warn deprecated")
                            if newest.deprecated
                            else None,
                        ],
                        className="chart-title",
                    ),
                    html.Div(newest.description, className="chart-about"),
                    html.Div(
                        [
                            html.Span(newest.version, className="chip"),
                            *(html.Span(each, className="chip") for each in newest.keywords[:3]),
                        ],
                        className="chart-facts",
                    ),
                ],
                className="chart-words",
            ),
            icon("chevron"),
        ],
        href,
        "chart-card",
        id=f"chart-{state.source.name}-{entry.name}",
    )


def _icon(state: SourceState, entry: ChartEntry) -> str:
    """The portal's path of a chart's icon; "" if it has none that the portal may fetch."""
    source = state.source
    return icon_path(source.name, entry.name) if is_allowed(source, entry.newest.icon) else ""


def tile(name: str, icon_path: str = "") -> html.Span:
    """A chart's icon, or the first letter of its name where there is no icon that can be shown."""
    number = sum(name.encode()) % TILES
    return html.Span(
        [
            html.Span(name[:1].upper()),
            html.Img(src=icon_path, alt="", className="chart-icon") if icon_path else None,
        ],
        className=f"chart-tile tile-{number}",
        **wildcards({"aria-hidden": "true"}),
    )
