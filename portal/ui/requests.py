"""Checks of the requests that browsers send to callbacks, before any callback sees them.

Dash and its callbacks trust that a request comes from a page of the portal. A request that no page
makes, such as one from an older version's page, is answered with 400 here instead of failing later.
One that is larger than its callback takes, in all or in a field, gets 413, and one that is not JSON
415; ``page.js`` shows the message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.catalog.values import as_mapping
from portal.projects.form import ROLE_FIELDS
from portal.threads import in_thread
from portal.ui import ids
from portal.ui.accepts import Check
from portal.ui.callbacks import Accepted

PATH = "/_dash-update-component"
KIB = 1024
USUAL = 256 * KIB
"""Bytes of a whole request, for most callbacks."""
TEXT = 512 * KIB
"""Characters of a long text, and how many bytes more its callback may be sent: 256 KiB, as the
forms read, with every character escaped."""
LARGEST = USUAL + 2 * TEXT
"""Bytes of the largest request: a chart's values, twice, and its form."""
MOST_PARTS = 2_000
"""The most components that match one pattern: a form has some hundred fields."""
MOST_LISTS = 60_000
MOST_COMMAS = 200_000
"""The most brackets and commas in a request, those in texts included."""
SHORT = 4 * KIB
"""Characters of a field's text. The form's own checks, beside the field, allow far fewer."""
MOST_INSIDE = 200
"""The most values in a field's value that is not text."""
BESIDE = 32 * KIB
"""Bytes above which a request is read off the event loop."""

IS_LARGE = "portal.large"
"""The key in an ASGI scope that says whether the request is large."""

Part = Mapping[str, str]
Declared = Mapping[str, Mapping[str, Any]]
"""Dash's ``callback_map``: what each output's callback takes."""
Checks = Mapping[tuple[str, str], Check]
"""The checks of one callback, by component id and property."""


_LONG: dict[tuple[str, str], int] = {
    (ids.LOCATION, "search"): 16 * KIB,
    (ids.CHART_LINK, "data-copy-link"): 16 * KIB,
    (ids.LAUNCH_LINK, "data-copy-link"): 16 * KIB,
    (ids.launch("env"), "value"): USUAL,
    (ids.LAUNCH_IMAGE_ASKED, "data"): 16 * KIB,
    (ids.LAUNCH_IMAGE_FOUND, "data"): 64 * KIB,
    **{(ids.project(field), "value"): 16 * KIB for field in (*ROLE_FIELDS, "images", "charts")},
}
"""Texts longer than ``SHORT``, within what a request usually holds."""
_LONGER: dict[tuple[str, str], int] = {
    (ids.CHART_YAML, "value"): TEXT,
    (ids.CHART_BASIS, "data"): TEXT,
    (ids.LAUNCH_OPEN, "contents"): TEXT,
}
"""Long texts, by which the limit of their callback's request is raised."""
_IN_FORMS = frozenset({"chart-field"})
"""Parts of a chart's form for lines and YAML, limited only by the request's size."""


class Requests:
    """ASGI middleware that lets only well-formed callback requests through."""

    def __init__(self, app: ASGIApp, declared: Declared, accepted: Accepted) -> None:
        self._app = app
        self._declared = declared
        self._accepted = accepted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "websocket" and scope["path"].startswith("/_dash"):
            await receive()  # Dash's own, which no page uses
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", PATH):
            await self._app(scope, receive, send)
            return
        answer, body = await self._looked_at(scope, receive)
        if answer is not None:
            await answer(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app({**scope, IS_LARGE: len(body) > BESIDE}, again, send)

    async def _looked_at(self, scope: Scope, receive: Receive) -> tuple[ASGIApp | None, bytes]:
        """Check a request. Return the answer that refuses it, or None, and its body."""
        kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _refusal(415, "The request is not JSON."), b""
        try:
            body = await _body(receive)
            if len(body) > BESIDE:
                fits = await in_thread(acceptable, body, self._declared, self._accepted)
            else:
                fits = acceptable(body, self._declared, self._accepted)
        except TooLarge as error:
            return _refusal(413, str(error), "Shorten it, then try again."), b""
        return None if fits else _refusal(
            400, "This request does not match this version of the portal."
        ), body


class TooLarge(Exception):
    """A request, or a field in it, is too large; the message says which."""


def _refusal(status: int, error: str, advice: str = "Reload the page.") -> ASGIApp:
    return JSONResponse({"error": error, "advice": advice}, status_code=status)


async def _body(receive: Receive) -> bytes:
    """A request's body, "" if the client has gone.

    Raises:
        TooLarge: no callback takes so much.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > LARGEST:
            raise _too_large(LARGEST)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The request is too large: at most {most // KIB:,} KiB.")


def most_bytes(callback: Mapping[str, Any]) -> int:
    """The most bytes that a request to a callback may have, given the inputs that it takes."""
    taken = [(each["id"], each["property"]) for each in (*callback["inputs"], *callback["state"])]
    return USUAL + sum(_LONGER.get(each, 0) for each in taken)


def acceptable(body: bytes, declared: Declared, accepted: Accepted) -> bool:
    """Return True if this is a request that a page of the portal may make.

    Raises:
        TooLarge: it is, but there is too much in it.
    """
    # Counted before parsing, since a short text may hold very many values.
    if body.count(b"[") + body.count(b"{") > MOST_LISTS or body.count(b",") > MOST_COMMAS:
        raise TooLarge("The request holds too many values.")
    try:
        asked = as_mapping(json.loads(body))
    except (ValueError, RecursionError):
        return False
    output = asked.get("output")
    if not isinstance(output, str) or output not in accepted:
        return False
    callback, checks = declared[output], accepted[output]
    if len(body) > most_bytes(callback):
        raise _too_large(most_bytes(callback))
    inputs, state = callback["inputs"], callback["state"]
    outputs = asked.get("outputs") if output.startswith("..") else [asked.get("outputs")]
    here: dict[str, object] = {}
    return (
        _all_fit(inputs, asked.get("inputs"), here, checks)
        and _all_fit(state, asked.get("state", []), here, checks)
        and _all_fit(_outputs(output), outputs, here, None)
        and _all_known(inputs, asked.get("changedPropIds"))
    )


def _outputs(output: str) -> list[dict[str, str]]:
    """The outputs in Dash's name of a callback: ``..a.children...b.value..``."""
    parts = output[2:-2].split("...") if output.startswith("..") else [output]
    return [dict(zip(("id", "property"), part.rsplit(".", 1), strict=True)) for part in parts]


def _all_fit(
    wanted: Sequence[Part], given: object, here: dict[str, object], checks: Checks | None
) -> bool:
    """Return True if these are the wanted properties, with values that their checks accept.

    ``here`` holds the components that match each pattern, which must be the same everywhere.
    Outputs have no values, and so no ``checks``.
    """
    listed = _list(given)
    if listed is None or len(listed) != len(wanted):
        return False
    for want, part in zip(wanted, listed, strict=True):
        name, check = want["property"], None
        if checks is not None:
            check = checks.get((want["id"], name))
            if check is None:  # an input without a check takes nothing
                return False
        if not _is_pattern(want["id"]):
            if not _fits(want["id"], name, as_mapping(part), check):
                return False
            continue
        several = _list(part)
        if several is None:
            return False
        if len(several) > MOST_PARTS:
            raise TooLarge(f"The form has too many fields: at most {MOST_PARTS:,} are read.")
        parts = [as_mapping(each) for each in several]
        found = [each.get("id") for each in parts]
        if here.setdefault(want["id"], found) != found:
            return False
        for each, id in zip(parts, found, strict=True):
            if not (_stands_for(want["id"], id) and _fits(id, name, each, check)):
                return False
    return True


def _fits(id: object, name: str, given: Mapping[str, object], check: Check | None) -> bool:
    value = given.get("value")
    if given.get("id") != id or given.get("property") != name:
        return False
    if name == "id":
        return value == id
    if check is None:
        return True
    _check_size(id, name, value)
    return check(value)


def _check_size(id: object, name: str, value: object) -> None:
    """Raise ``TooLarge`` if a property's value is too large."""
    if isinstance(id, str):
        most = _LONG.get((id, name)) or _LONGER.get((id, name)) or SHORT
    else:
        most = USUAL if as_mapping(id).get("type") in _IN_FORMS else SHORT
    if isinstance(value, str) and len(value) > most:
        raise TooLarge(
            f"The text in a field is too long: {-(-len(value) // KIB):,} KiB, at most "
            f"{most // KIB:,}."
        )
    waiting, inside = [value], 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            named = cast("dict[str, object]", each)
            waiting += [*named, *named.values()]
        elif isinstance(each, list):
            waiting += cast("list[object]", each)
        elif isinstance(each, str) and len(each) > most:
            raise TooLarge("The text in a field is too long.")
        inside += 1
        if inside + len(waiting) > MOST_INSIDE:
            raise TooLarge("A field holds too many values.")


def _is_pattern(id: str) -> bool:
    return id.startswith("{")


def _stands_for(pattern: str, id: object) -> bool:
    """Return True if an id matches a pattern as Dash writes it."""
    declared = _pattern(pattern)
    found = as_mapping(id)
    return declared.keys() == found.keys() and all(
        isinstance(found[name], int if name == "revision" else str)
        and len(str(found[name])) <= SHORT
        and (part == ["ALL"] or part == found[name])
        for name, part in declared.items()
    )


@cache
def _pattern(text: str) -> Mapping[str, object]:
    """The parsed pattern of a callback."""
    return as_mapping(json.loads(text))


def _all_known(inputs: Sequence[Part], changed: object) -> bool:
    """Return True if every property that is said to have changed is among the inputs."""
    listed = _list(changed)
    if listed is not None and len(listed) > MOST_PARTS:
        raise TooLarge("The request names too many changes.")
    for each in listed or ():
        if not isinstance(each, str) or len(each) > 2 * SHORT:
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
