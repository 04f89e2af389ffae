"""The layout of a release's page; live parts have ids and are pushed."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import dcc

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.owners import Role
from portal.live.topics import app_topic
from portal.ui import html, ids
from portal.ui.app.advice import advice_fold
from portal.ui.app.hand_over import hand_over_dialog, hand_over_panel
from portal.ui.app.history import CHECKING_REMAINS, history_fold, manifest_fold, rollback_dialog
from portal.ui.app.live import app_parts, app_patches
from portal.ui.app.load_test import load_test_button, load_test_dialog, load_test_panel
from portal.ui.app.people import people_panel
from portal.ui.app.plain import plain_buttons, plain_dialog
from portal.ui.app.ranges import range_choice, range_parts
from portal.ui.app.scale import scale_card
from portal.ui.app.timeline import timeline_panel
from portal.ui.app.version import version_dialog, version_line
from portal.ui.components.basics import (
    Node,
    breadcrumb,
    button,
    card,
    fold,
    icon,
    internal_link,
    page,
)
from portal.ui.components.markup import live_chart, markup
from portal.ui.components.preview import waiting
from portal.ui.components.sliders import field
from portal.ui.context import UiContext
from portal.ui.encoding import Props
from portal.ui.links.panel import links_panel
from portal.ui.logs.layout import logs_fold
from portal.ui.routes import autoscaling_path, edit_path, objects_path
from portal.viewmodels.model import AppView

LONGEST = 2000
"""The most characters of the list of users and groups."""


def layout(context: UiContext, identity: Identity, key: Key) -> html.Div:
    """The page with its current view."""
    view = context.app(identity, key)
    live = app_patches(view, app_parts(context))
    return page(
        [
            dcc.Store(id=ids.APP_KEY, data=list(key)),
            dcc.Store(id=ids.APP_REVISION, **live[ids.APP_REVISION]),
            dcc.Store(id=ids.APP_SERIES, **live[ids.APP_SERIES]),
            dcc.Store(id=ids.APP_SERIES_TAIL, **live[ids.APP_SERIES_TAIL]),
            dcc.Store(id=ids.APP_MARKS, **live[ids.APP_MARKS]),
            dcc.Store(id=ids.APP_BACK_TO, **live[ids.APP_BACK_TO]),
            dcc.Store(id=ids.SCALE_LIVE, **live[ids.SCALE_LIVE]),
            dcc.Store(id=ids.SCALE_BASE, data=live[ids.SCALE_LIVE]["data"]),
            breadcrumb(internal_link("Apps", "/"), html.Span(key.name)),
            html.Div(
                [
                    html.Div([_part(ids.APP_HEADER, live), version_line(live)]),
                    html.Div(
                        [
                            internal_link(
                                [icon("edit"), "Edit"],
                                edit_path(key),
                                "btn btn-outline-secondary",
                                id=ids.APP_EDIT,
                            ),
                            *plain_buttons(context, live),
                            load_test_button(live),
                            button(
                                "Uninstall",
                                ids.APP_UNINSTALL,
                                color="danger",
                                outline=True,
                                icon_name="trash",
                            ),
                        ],
                        id=ids.APP_BUTTONS,
                        **live[ids.APP_BUTTONS],
                    ),
                ],
                className="page-head app-head",
            ),
            _part(ids.APP_STALE, live),
            _part(ids.APP_GONE, live),
            _part(ids.APP_OPERATION, live, role="status"),
            html.Div(
                [
                    internal_link(
                        [icon("edit"), "Correct"],
                        edit_path(key),
                        "btn btn-outline-secondary",
                        id=ids.APP_FIX,
                    ),
                    html.Button(
                        [icon("back"), "Roll back"],
                        id=ids.APP_BACK,
                        type="button",
                        **live[ids.APP_BACK],
                    ),
                ],
                id=ids.APP_WAYS_OUT,
                **live[ids.APP_WAYS_OUT],
            ),
            html.Div(
                button("Cancel", ids.APP_CANCEL, color="secondary", outline=True),
                id=ids.APP_CANCELLING,
                **live[ids.APP_CANCELLING],
            ),
            html.Div(
                [
                    internal_link(
                        [icon("edit"), "Correct and try again"],
                        edit_path(key),
                        "btn btn-primary",
                        id=ids.APP_CORRECT,
                    ),
                    button("Dismiss", ids.APP_DISMISS, color="secondary", outline=True),
                ],
                id=ids.APP_RETRY,
                **live[ids.APP_RETRY],
            ),
            html.Div(id=ids.APP_ACTION_FAILURE),
            html.Div(_body(context, view, live), id=ids.APP_BODY, **live[ids.APP_BODY]),
            _uninstall(key),
            rollback_dialog(key),
            version_dialog(key),
            plain_dialog(),
            load_test_dialog(key),
            hand_over_dialog(key),
        ],
        topic=app_topic(key),
        title=key.name,
        testid="app-page",
    )


def _part(id: str, live: Props, **attributes: str) -> Node:
    return markup(id, **attributes, **live[id])


def _body(context: UiContext, view: AppView, live: Props) -> list[Node]:
    return [
        _part(ids.APP_URLS, live),
        _part(ids.APP_NOTICES, live, role="status"),
        html.Div(
            [
                html.Div(
                    button("Try again", ids.APP_UNINSTALL_AGAIN, color="danger", icon_name="trash"),
                    id=ids.APP_REMOVING,
                    **live[ids.APP_REMOVING],
                ),
                *plain_buttons(context, live, remedies=True),
            ],
            id=ids.APP_REMEDIES,
            className="button-row",
        ),
        html.Div(
            button("Unlock", ids.APP_UNLOCK, color="primary"),
            id=ids.APP_UNLOCKING,
            **live[ids.APP_UNLOCKING],
        ),
        html.Div(
            [
                html.Div(
                    [
                        card(
                            "Replicas and usage",
                            [*range_parts(), live_chart(ids.APP_CHART)],
                            icon_name="chart",
                            aside=range_choice(context),
                            class_name="second",
                        ),
                        load_test_panel(live),
                        card(
                            "Pods",
                            _part(ids.APP_PODS, live),
                            icon_name="pods",
                            aside=internal_link(
                                [icon("boxes"), "All objects"],
                                objects_path(view.key),
                                "btn btn-sm btn-outline-secondary",
                                id=ids.APP_OBJECTS,
                            ),
                        ),
                        html.Div(logs_fold(view.key), id=ids.APP_LOGS, **live[ids.APP_LOGS]),
                        advice_fold(),
                        fold(
                            "Timeline",
                            timeline_panel(live),
                            icon_name="events",
                            open=True,
                            class_name="last",
                        ),
                        fold(
                            "Notes",
                            _part(ids.APP_NOTES, live),
                            icon_name="notes",
                            class_name="last",
                        ),
                        fold(
                            "Values",
                            _part(ids.APP_VALUES, live),
                            icon_name="file",
                            class_name="last",
                        ),
                        html.Div(manifest_fold(), id=ids.APP_MANIFEST, **live[ids.APP_MANIFEST]),
                        html.Div(
                            history_fold(view.key, trail=context.trail.database is not None),
                            id=ids.APP_HISTORY,
                            **live[ids.APP_HISTORY],
                        ),
                    ],
                    className="column wide-column",
                ),
                html.Div(
                    [
                        card(
                            "Replicas",
                            _part(ids.APP_REPLICAS, live),
                            icon_name="boxes",
                            class_name="first",
                        ),
                        card(
                            "Autoscaler",
                            _part(ids.APP_AUTOSCALER, live),
                            icon_name="auto",
                            aside=internal_link(
                                "Why, next, what if",
                                autoscaling_path(view.key),
                                "btn btn-sm btn-outline-secondary",
                                id=ids.APP_AUTOSCALING,
                            ),
                        ),
                        card(
                            "Scale",
                            scale_card(live[ids.SCALE_LIVE]["data"], context.forms.max_replicas),
                            icon_name="sliders",
                        ),
                        # In the open mode all users share one account.
                        html.Div(
                            card(
                                "Owner and sharing",
                                _sharing(
                                    view,
                                    live,
                                    links=context.links is not None,
                                    people=context.people is not None,
                                    by_owner=context.by_owner,
                                ),
                                icon_name="person",
                            ),
                            className="gone" if context.open_mode else "",
                        ),
                    ],
                    className="column",
                ),
            ],
            className="columns app-columns",
        ),
    ]


def _sharing(
    view: AppView, live: Props, *, links: bool, people: bool, by_owner: bool
) -> list[Node]:
    """The owner, and the forms for sharing the app, for giving roles and for handing it over."""
    return [
        _part(ids.APP_SHARING, live),
        html.Div(
            [
                *(_shared_as(role, view) for role in Role),
                button("Save", ids.SHARE_SAVE, color="secondary", outline=True),
                html.Div(id=ids.SHARE_MESSAGE),
            ],
            id=ids.APP_SHARED,
            **live[ids.APP_SHARED],
        ),
        # There always, since their callbacks are; what is switched off is not shown.
        html.Div(
            html.Div(people_panel(view.key.namespace), id=ids.APP_PEOPLE, **live[ids.APP_PEOPLE]),
            className="" if people else "gone",
        ),
        html.Div(
            hand_over_panel(view.key.namespace, by_owner=by_owner, roles=people),
            id=ids.APP_HAND_OVER,
            **live[ids.APP_HAND_OVER],
        ),
        html.Div(
            html.Div(links_panel(), id=ids.APP_LINKS, **live[ids.APP_LINKS]),
            className="" if links else "gone",
        ),
    ]


_ROLES = {
    Role.OWN: ("May own it", "May do all that the owner may, sharing it included."),
    Role.OPERATE: ("May operate it", "May change the app and read its values."),
    Role.VIEW: ("May view it", "May read its values, logs and objects, and change nothing."),
}


def _shared_as(role: Role, view: AppView) -> html.Div:
    """The field of those with whom the app is shared in a role."""
    title, hint = _ROLES[role]
    return field(
        ids.share_with(role),
        title,
        dbc.Input(
            id=ids.share_with(role),
            type="text",
            value=", ".join(view.shared.get(role, ())),
            placeholder="user:ann, group:team-a",
            autocomplete="off",
            maxlength=LONGEST,
        ),
        note_id=ids.share_note(role),
        hint=hint,
    )


def _uninstall(key: Key) -> dbc.Modal:
    return dbc.Modal(
        [
            dbc.ModalHeader(
                dbc.ModalTitle(f"Uninstall {key.name}?", id="uninstall-title", tag="h2")
            ),
            dbc.ModalBody(
                [
                    html.P(
                        [
                            "Helm deletes the release ",
                            html.Strong(str(key)),
                            " and its objects, such as its pods, autoscaler and Service.",
                        ]
                    ),
                    html.P(
                        "Its revision history is deleted too, so this cannot be undone; you can "
                        "launch it again. Existing volume claims that it mounts are not deleted."
                    ),
                    html.Div(waiting(CHECKING_REMAINS), id=ids.UNINSTALL_LEFT),
                    html.Div(id=ids.UNINSTALL_FAILURE),
                ]
            ),
            dbc.ModalFooter(
                [
                    button("Cancel", ids.UNINSTALL_CANCEL, color="secondary", outline=True),
                    button("Uninstall", ids.UNINSTALL_CONFIRM, color="danger", icon_name="trash"),
                ]
            ),
        ],
        id=ids.UNINSTALL_MODAL,
        is_open=False,
        centered=True,
        labelledby="uninstall-title",
    )
