"""What a browser sends to a callback, looked at before any callback sees it.

Dash looks up what it is told to, and callbacks take for granted what their own page put there.
A request that no page of this portal makes, be it from a page older than the portal, is
answered with 400 here, instead of failing anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.catalog.values import as_list, as_mapping
from portal.domain.keys import Key
from portal.domain.names import survives_helm
from portal.live.topics import app_key, app_topic
from portal.ui import ids

PATH = "/_dash-update-component"
LARGEST = 4 * 1024 * 1024
"""Bytes of one request: a chart's values, twice, and its form."""

Part = Mapping[str, str]
Declared = Mapping[str, Mapping[str, Any]]
"""Dash's ``callback_map``: what each output's callback takes."""


def _text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _own_text(value: object) -> bool:
    """A text that the page was given, not one that somebody has written."""
    return isinstance(value, str) and survives_helm(value)


def _count(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _switch(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _key(value: object) -> bool:
    """Names as Kubernetes and Helm have them: they become part of paths and commands."""
    match as_list(value):
        case [str(namespace), str(name)]:
            return app_key(app_topic(Key(namespace, name))) is not None
        case _:
            return False


def _place(value: object) -> bool:
    place = as_mapping(value)
    return (
        all(_own_text(place.get(name)) for name in ("source", "chart", "version"))
        and _count(place.get("revision"))
        and (place.get("release") is None or _key(place.get("release")))
    )


def _plan(value: object) -> bool:
    """A version, and the revision that its preview has seen."""
    plan = as_mapping(value)
    seen = plan.get("since")
    return value is None or (_own_text(plan.get("version")) and seen is not None and _count(seen))


_BY_PROPERTY: dict[str, Callable[[object], bool]] = {
    "n_clicks": _count,
    "n_blur": _count,
    "is_open": _switch,
    "pathname": _text,
    "search": _text,
    "contents": _text,
    "data-copy-link": _text,
    "filename": _text,
}
_BY_ID: dict[tuple[str, str], Callable[[object], bool]] = {
    (ids.APP_KEY, "data"): _key,
    (ids.CHART_PLACE, "data"): _place,
    (ids.VERSION_PLAN, "data"): _plan,
    **{(id, "data"): _text for id in (ids.CHART_BASIS, ids.CHART_TOLD, ids.LAUNCH_TOLD)},
    **{
        (id, "data"): _count
        for id in (
            ids.CHART_SINCE,
            ids.LAUNCH_EDITED,
            ids.UPGRADE_SINCE,
            ids.ROLLBACK_TO,
            ids.ROLLBACK_SINCE,
        )
    },
    **{
        (id, "value"): _text
        for id in (ids.CHART_YAML, ids.CHART_NAME, ids.CHART_NAMESPACE, ids.SHARE_WITH)
    },
    **{
        (id, "value"): lambda value: value is None or _own_text(value)
        for id in (ids.CHART_VERSION, ids.VERSION_CHOICE)
    },
}
"""What callbacks rely on. All other values are what people fill in: those the forms check."""


class Requests:
    """ASGI middleware that lets only well-formed callback requests through."""

    def __init__(self, app: ASGIApp, declared: Declared) -> None:
        self._app = app
        self._declared = declared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "websocket" and scope["path"].startswith("/_dash"):
            await receive()  # Dash's own, which no page uses
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", PATH):
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None or not acceptable(body, self._declared):
            await _REFUSAL(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, again, send)


_REFUSAL = JSONResponse(
    {"error": "No page of this portal asks for that.", "advice": "Reload the page."},
    status_code=400,
)


async def _body(receive: Receive) -> bytes | None:
    """A request's body; None if there is too much of it, or the client has gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def acceptable(body: bytes, declared: Declared) -> bool:
    """Whether this is a request that a page of the portal may make."""
    try:
        asked = as_mapping(json.loads(body))
    except (ValueError, RecursionError):
        return False
    output = asked.get("output")
    if not isinstance(output, str) or output not in declared:
        return False
    inputs, state = declared[output]["inputs"], declared[output]["state"]
    outputs = asked.get("outputs") if output.startswith("..") else [asked.get("outputs")]
    here: dict[str, object] = {}
    return (
        _all_fit(inputs, asked.get("inputs"), here)
        and _all_fit(state, asked.get("state", []), here)
        and _all_fit(_outputs(output), outputs, here)
        and _all_known(inputs, asked.get("changedPropIds"))
    )


def _outputs(output: str) -> list[dict[str, str]]:
    """What a callback writes, from the name that Dash gives it: ``..a.children...b.value..``."""
    parts = output[2:-2].split("...") if output.startswith("..") else [output]
    return [dict(zip(("id", "property"), part.rsplit(".", 1), strict=True)) for part in parts]


def _all_fit(wanted: Sequence[Part], given: object, here: dict[str, object]) -> bool:
    """Whether these are the properties that are wanted, with values as they have to be.

    ``here`` are the components that a pattern stands for: the same wherever it is named.
    """
    listed = _list(given)
    if listed is None or len(listed) != len(wanted):
        return False
    for want, part in zip(wanted, listed, strict=True):
        if not _is_pattern(want["id"]):
            if not _fits(want["id"], want["property"], as_mapping(part)):
                return False
            continue
        several = _list(part)
        if several is None:
            return False
        parts = [as_mapping(each) for each in several]
        found = [each.get("id") for each in parts]
        if here.setdefault(want["id"], found) != found:
            return False
        for each, id in zip(parts, found, strict=True):
            if not (_stands_for(want["id"], id) and _fits(id, want["property"], each)):
                return False
    return True


def _fits(id: object, name: str, given: Mapping[str, object]) -> bool:
    value = given.get("value")
    if given.get("id") != id or given.get("property") != name:
        return False
    if name == "id":
        return value == id
    check = (isinstance(id, str) and _BY_ID.get((id, name))) or _BY_PROPERTY.get(name)
    return check is None or check(value)


def _is_pattern(id: str) -> bool:
    return id.startswith("{")


def _stands_for(pattern: str, id: object) -> bool:
    """Whether an id is one of those that a pattern, as Dash writes it, stands for."""
    declared = as_mapping(json.loads(pattern))
    found = as_mapping(id)
    return declared.keys() == found.keys() and all(
        isinstance(found[name], int if name == "revision" else str)
        and (part == ["ALL"] or part == found[name])
        for name, part in declared.items()
    )


def _all_known(inputs: Sequence[Part], changed: object) -> bool:
    """Whether all that is said to have changed is among the inputs."""
    listed = _list(changed)
    for each in listed or ():
        if not isinstance(each, str):
            return False
        name, _, prop = each.rpartition(".")
        id: object = name
        if _is_pattern(name):
            try:
                id = json.loads(name)
            except (ValueError, RecursionError):
                return False
        if not any(
            prop == known["property"]
            and (_stands_for(known["id"], id) if _is_pattern(known["id"]) else id == known["id"])
            for known in inputs
        ):
            return False
    return listed is not None


def _list(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None
