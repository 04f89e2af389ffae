"""The layout of the launch form: fields on the left, values and command on the right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc

from portal.catalog.launch_field import Section
from portal.catalog.launch_fields import PRESET_FIELDS
from portal.catalog.presets import Preset, preset_fields
from portal.domain.keys import Key
from portal.domain.launch import Exposure
from portal.releases.forms import ReleaseForms
from portal.ui import html, ids
from portal.ui.autoscaling import shapes
from portal.ui.components.basics import (
    ORDINARY_RELEASE,
    Node,
    breadcrumb,
    button,
    card,
    code_block,
    icon,
    internal_link,
    page,
    wildcards,
)
from portal.ui.components.files import file_buttons
from portal.ui.components.help import launch_help
from portal.ui.components.preview import CHECKING, change_dialog, disclosure, waiting
from portal.ui.components.sliders import bounds_slider, replica_slider, target
from portal.ui.components.sliders import note as note_place
from portal.ui.launch import image, integrations
from portal.ui.launch.fields import FOLDED, caption, choice, drawn, fields, folded, labelled
from portal.ui.launch.sizes import SIZED, size_amounts, size_words
from portal.ui.routes import app_path


def layout(
    forms: ReleaseForms,
    raw: Mapping[str, object],
    *,
    editing: Key | None,
    revision: int | None = None,
    problem: Node = None,
) -> html.Div:
    """The form, filled in from ``raw``.

    ``editing`` is the release that is being changed, and ``revision`` that of ``raw``.
    """
    title = f"Edit {editing.name}" if editing else "Launch an app"
    return page(
        [
            dcc.Store(id=ids.LAUNCH_EXISTING_KEY, data=str(editing) if editing else ""),
            dcc.Store(id=ids.LAUNCH_EDITED_REVISION, data=revision),
            dcc.Download(id=ids.LAUNCH_SAVED),
            dcc.Store(id=ids.LAUNCH_NAME_LEFT, data=False),
            dcc.Store(id=ids.LAUNCH_UNFOLDED, data=[]),
            dcc.Store(id=ids.LAUNCH_PRESETS, data=_filled(forms.presets)),
            breadcrumb(internal_link("Apps", "/"), internal_link(editing.name, app_path(editing)))
            if editing
            else None,
            html.Header(
                html.Div(
                    [
                        html.H1(title, tabIndex=-1),
                        html.P(
                            "Helm upgrades the release and replaces pods where needed."
                            if editing
                            else "Choose an image and its size; Helm installs it.",
                            className="lead-sentence",
                        ),
                    ]
                ),
                className="page-head",
            ),
            problem,
            html.Div(
                [
                    html.Form(
                        [
                            _presets(forms.presets) if forms.presets and not editing else None,
                            _app(forms, raw, locked=editing is not None),
                            _size(forms, raw),
                            _resources(forms, raw),
                            _address(raw),
                            integrations.storage(raw),
                            integrations.environment(raw),
                            *[folded(each, raw) for each in FOLDED],
                        ],
                        className="column wide-column launch-form",
                        **wildcards({"data-testid": "launch-form"}),
                    ),
                    html.Div(_summary(editing), className="column sticky"),
                ],
                className="columns launch-columns",
            ),
            _upgrade(),
        ],
        topic="",
        title=title,
        testid="launch-page",
    )


def _upgrade() -> dbc.Modal:
    """The dialog that previews an upgrade and asks for confirmation."""
    return change_dialog(
        ids.UPGRADE_MODAL,
        "Upgrade this app?",
        "upgrade-title",
        [
            html.Div(id=ids.UPGRADE_WORDS),
            html.Div(waiting(CHECKING), id=ids.UPGRADE_PREVIEW),
            dcc.Store(id=ids.UPGRADE_PREVIEWED),
        ],
        ids.UPGRADE_CANCEL,
        button("Upgrade", ids.UPGRADE_CONFIRM, icon_name="launch", disabled=True),
    )


def _filled(presets: tuple[Preset, ...]) -> dict[str, list[object]]:
    """The values of each preset, in the order of ``PRESET_FIELDS``; None leaves a field alone."""
    return {
        each.name: [preset_fields(each).get(name) for name in PRESET_FIELDS] for each in presets
    }


def _presets(presets: tuple[Preset, ...]) -> html.Div:
    return html.Div(
        [
            html.Button(
                [
                    html.Span(preset.name, className="preset-name"),
                    html.Span(preset.description, className="preset-about"),
                    html.Span(f"{preset.repository}:{preset.tag}", className="preset-image mono"),
                ],
                id=ids.preset(preset.name),
                type="button",
                className="preset",
                **wildcards({"data-testid": f"preset-{preset.name}"}),
            )
            for preset in presets
        ],
        className="presets",
        role="group",
        **wildcards({"aria-label": "Presets"}),
    )


def _app(forms: ReleaseForms, raw: Mapping[str, object], *, locked: bool) -> html.Section:
    namespace = str(raw.get("namespace") or "")
    offered = dict.fromkeys([*forms.rules.open, namespace] if forms.rules.listed else [])
    own = {
        "name": drawn("name", raw, readonly=locked),
        "namespace": labelled(
            "namespace",
            dbc.Select(
                id=ids.launch("namespace"),
                options=[{"label": each, "value": each} for each in offered],
                value=namespace,
                disabled=locked,
            )
            if offered
            else dbc.Input(id=ids.launch("namespace"), value=namespace, readonly=locked),
        ),
        "tag": drawn("tag", raw, list=ids.LAUNCH_TAGS),
    }
    return card(
        Section.APP.value,
        [html.Div(fields(Section.APP, raw, own), className="fields"), image.panel()],
        icon_name="boxes",
    )


def _size(forms: ReleaseForms, raw: Mapping[str, object]) -> html.Section:
    auto = bool(raw.get("autoscaling"))
    top = forms.max_replicas
    return card(
        Section.SCALING.value,
        [
            html.Div(
                labelled(
                    "replicas",
                    replica_slider(ids.launch("replicas"), raw.get("replicas"), top),
                    group=True,
                ),
                id=ids.LAUNCH_FIXED,
                className="d-none" if auto else "",
            ),
            html.Div(
                [
                    labelled(
                        "bounds",
                        bounds_slider(ids.launch("bounds"), raw.get("bounds"), top),
                        group=True,
                    ),
                    *[
                        target(
                            caption(name),
                            ids.launch_on(name),
                            ids.launch(name),
                            raw.get(name),
                            fallback,
                            note_place(ids.launch_note(name)),
                            help=launch_help(name, ids.launch(name)),
                        )
                        for name, fallback in (("target_cpu", 70), ("target_memory", 80))
                    ],
                    drawn("scale_down_window", raw),
                    disclosure(
                        "What would the autoscaler do?", html.Div(shapes.panel(shapes.FORM))
                    ),
                ],
                id=ids.LAUNCH_SCALED,
                className="" if auto else "d-none",
            ),
            html.Div(id=ids.LAUNCH_COST, className="form-text"),
        ],
        icon_name="sliders",
        aside=[
            html.Div(
                [
                    dbc.Switch(
                        id=ids.launch("autoscaling"), value=auto, label=caption("autoscaling")
                    ),
                    launch_help("autoscaling", ids.launch("autoscaling")),
                ],
                className="with-help",
            ),
            html.Div(id=ids.launch_note("autoscaling")),
        ],
    )


def _resources(forms: ReleaseForms, raw: Mapping[str, object]) -> html.Section:
    chosen = next((each for each in forms.sizes if each.name == raw.get("size")), None)
    options: list[Any] = [
        {"label": choice(name, about), "value": value}
        for value, name, about in (
            *((each.name, each.name, size_words(each)) for each in forms.sizes),
            ("", "Custom", "The requests and limits below."),
        )
    ]
    own = {
        "size": html.Div(
            labelled(
                "size",
                dbc.RadioItems(
                    id=ids.launch("size"),
                    options=options,
                    value=str(raw.get("size") or ""),
                    className="choices",
                ),
                group=True,
            ),
            className="field" if forms.sizes else "d-none",
        ),
        **{name: drawn(name, raw, disabled=chosen is not None) for name in SIZED},
    }
    return card(
        Section.RESOURCES.value,
        [
            html.P(
                "A request is reserved for the pod, and autoscaling targets are percentages of it. "
                "A limit is the most that the pod can use.",
                className="words quiet-text",
            ),
            dcc.Store(id=ids.LAUNCH_SIZES, data=size_amounts(forms.sizes)),
            html.Div(fields(Section.RESOURCES, raw, own), className="fields"),
        ],
        icon_name="pods",
    )


def _address(raw: Mapping[str, object]) -> html.Section:
    exposure = str(raw.get("exposure") or Exposure.LOAD_BALANCER)
    needs_host = exposure in {Exposure.INGRESS, Exposure.HTTP_ROUTE}
    own = {
        "hostname": html.Div(
            [drawn("hostname", raw), drawn("base_path", raw)],
            id=ids.LAUNCH_HOST,
            className="" if needs_host else "d-none",
        ),
        "base_path": None,  # beside the host name
    }
    return card(Section.EXPOSURE.value, fields(Section.EXPOSURE, raw, own), icon_name="pin")


def _summary(editing: Key | None) -> list[Node]:
    return [
        card(
            "Summary",
            [
                html.Div(id=ids.LAUNCH_OPENED, role="status"),
                html.Div(id=ids.LAUNCH_EXISTING, role="status"),
                code_block(ids.LAUNCH_VALUES, "", "the values", title="Values"),
                code_block(ids.LAUNCH_COMMAND, "", "the command", title="Equivalent helm command"),
                html.Div(id=ids.LAUNCH_FAILURE),
                html.Div(
                    id=ids.LAUNCH_PROBLEMS,
                    className="problems",
                    **wildcards({"aria-live": "polite"}),
                ),
                button(
                    "Upgrade" if editing else "Launch",
                    ids.LAUNCH_SUBMIT,
                    icon_name="launch",
                    size="lg",
                    className="w-100",
                ),
            ],
            icon_name="file",
            aside=file_buttons(
                ids.LAUNCH_OPEN,
                ids.LAUNCH_SAVE,
                ids.LAUNCH_LINK,
                left_out="environment variables",
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
