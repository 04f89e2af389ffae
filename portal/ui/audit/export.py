"""The endpoint that exports the audit trail, as CSV or JSON lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from portal.audit.chain import Entry
from portal.domain.audit import AUDIT_EXPORT, Event, Outcome
from portal.domain.errors import PortalError
from portal.threads import in_thread
from portal.ui.audit.sight import sight
from portal.ui.context import UiContext
from portal.ui.routes import EXPORT_PATH, Page, parse
from portal.viewmodels.audit import csv_text, json_lines

AT_ONCE = 2
"""Exports at the same time, of everybody."""

PATH = EXPORT_PATH

_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


def export_endpoint(context: UiContext) -> Callable[[Request], Awaitable[Response]]:
    """The handler for ``PATH``; ``of`` is a page's address, ``format`` is ``csv`` or ``jsonl``."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def export(request: Request) -> Response:
        asked = request.query_params
        form, route = asked.get("format", ""), parse(asked.get("of", ""), request.url.query)
        if form not in _TYPES or route.page not in {Page.AUDIT, Page.TRAIL}:
            return PlainTextResponse("The address is not complete.", status_code=400)
        if slots.locked():
            return _later("Too many exports at the same time: try again in a minute.")
        identity = context.identity()
        everyone = route.page is Page.AUDIT
        query = sight(context, identity, route.trail, everyone=everyone, key=route.key).query
        event = Event(
            AUDIT_EXPORT, Outcome.SUCCEEDED, identity, route.key, detail={"of": asked["of"]}
        )
        parts = context.trail.parts(query)
        try:
            await context.trail.record(event)
            first = await anext(parts)
        except PortalError as error:
            return _later(str(error))
        return StreamingResponse(
            _text(form, first, parts, slots),
            media_type=_TYPES[form],
            headers={
                "Content-Disposition": f'attachment; filename="audit.{form}"',
                "Cache-Control": "no-store",
            },
        )

    return export


async def _text(
    form: str,
    first: tuple[Entry, ...],
    parts: AsyncGenerator[tuple[Entry, ...]],
    slots: asyncio.Semaphore,
) -> AsyncGenerator[str]:
    async with slots:
        try:
            yield await _made(form, first, head=True)
            async for part in parts:
                yield await _made(form, part, head=False)
        finally:
            await parts.aclose()


async def _made(form: str, entries: tuple[Entry, ...], *, head: bool) -> str:
    if form == "csv":
        return await in_thread(csv_text, entries, head=head)
    return await in_thread(json_lines, entries)


def _later(why: str) -> Response:
    return PlainTextResponse(why, status_code=503, headers={"Retry-After": "60"})
