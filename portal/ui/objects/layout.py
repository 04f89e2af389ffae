"""The layout of the page of objects: the live tree, and one object in detail beside it."""

from __future__ import annotations

from collections.abc import Mapping

from dash import dcc
from msgspec.structs import replace

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.live.topics import objects_topic
from portal.objects.tree import node_of
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.components.basics import (
    Node,
    app_crumbs,
    button,
    card,
    page,
)
from portal.ui.components.markup import markup
from portal.ui.context import UiContext
from portal.ui.encoding import plain
from portal.ui.objects.detail import detail, nothing_chosen
from portal.ui.objects.live import object_patches
from portal.ui.pod.layout import pod_links
from portal.ui.refusals import refusal

LONGEST = 253
"""The most characters of a kind or name."""


async def layout(
    context: UiContext, identity: Identity, key: Key, asked: Mapping[str, str]
) -> html.Div:
    """The page, with the object that its address names opened."""
    live = object_patches(context.objects(identity, key))
    shown = await object_detail(context, identity, key, asked)
    return page(
        [
            dcc.Store(id=ids.APP_KEY, data=list(key)),
            dcc.Store(id=ids.OBJECT_ASKED),
            app_crumbs(key, html.Span("Objects")),
            html.Div(
                [
                    html.H1(f"Objects of {key.name}", tabIndex=-1),
                    markup(ids.OBJECTS_HEAD, **live[ids.OBJECTS_HEAD]),
                ],
                className="objects-head",
            ),
            markup(ids.OBJECTS_STALE, **live[ids.OBJECTS_STALE]),
            html.Div(
                [
                    html.Div(
                        card(
                            "Tree",
                            markup(ids.OBJECTS_TREE, **live[ids.OBJECTS_TREE]),
                            icon_name="boxes",
                        ),
                        className="column",
                    ),
                    html.Div(
                        card(
                            "Object",
                            html.Div(shown, id=ids.OBJECT_DETAIL),
                            icon_name="file",
                            aside=button(
                                "Read again",
                                ids.OBJECT_AGAIN,
                                color="secondary",
                                outline=True,
                                size="sm",
                            ),
                        ),
                        className="column",
                    ),
                ],
                className="columns objects-columns",
            ),
        ],
        topic=objects_topic(key),
        title=f"Objects of {key.name}",
        testid="objects-page",
    )


async def object_detail(
    context: UiContext, identity: Identity, key: Key, asked: Mapping[str, str]
) -> Node:
    """The object that ``asked`` names, read now; words in its place if there is none."""
    kind, name = asked.get("kind", "")[:LONGEST], asked.get("name", "")[:LONGEST]
    if not kind or not name:
        return nothing_chosen()
    try:
        view = await context.read_object(identity, key, kind, name)
    except Exception as error:
        return refusal(error)
    # The snapshot knows more of the state of what is watched than the object says itself.
    node = node_of(context.objects(identity, key), kind, name)
    if node is not None and node.state.text:
        view = replace(view, state=node.state, words=node.words)
    scope = context.scope(objects_topic(key), identity)
    more = pod_links(context, key, name) if kind == "Pod" and scope.may(Permission.EXEC) else []
    links = html.Div(more, className="button-row") if more else None
    return await in_thread(lambda: plain(detail(view, key, links)))
