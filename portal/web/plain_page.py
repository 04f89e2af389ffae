"""Pages without Dash, and one with a message and a way on for when there is no other."""

from __future__ import annotations

import html
from collections.abc import Mapping

from starlette.responses import HTMLResponse

NO_STORE = {"Cache-Control": "no-store"}


def plain_page(
    head: str,
    title: str,
    text: str,
    *,
    link: tuple[str, str] | None = None,
    again: int = 0,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return a page that no cache keeps.

    ``head`` is HTML that loads style sheets and theme, ``link`` an address and its words. The
    browser opens the page anew after ``again`` seconds, 0 for never.
    """
    refresh = f'<meta http-equiv="refresh" content="{again}">' if again else ""
    said = f"<p>{html.escape(text)}</p>" if text else ""
    on = ""
    if link is not None:
        address, words = link
        on = f'<a class="btn btn-primary" href="{html.escape(address)}">{html.escape(words)}</a>'
    body = f"""<main class="empty">
      <h1>{html.escape(title)}</h1>
      {said}
      {on}
    </main>"""
    return HTMLResponse(
        document(title, f"{refresh}{head}", body),
        status,
        headers={**NO_STORE, **(headers or {})},
    )


def document(title: str, head: str, body: str) -> str:
    """Return a whole HTML document; ``head`` and ``body`` are HTML, ``title`` is text."""
    return f"""<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{html.escape(title)} · Dash Portal</title>
    {head}
  </head>
  <body>
    {body}
  </body>
</html>
"""
