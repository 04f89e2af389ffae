"""Detection of cross-site requests by their headers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_DEFAULT_PORTS = {"http": 80, "https": 443}


def cross_site_problem(
    method: str,
    headers: Mapping[str, str],
    *,
    websocket: bool = False,
    trusted_origins: Collection[str] = (),
) -> str:
    """Return why this request must be refused as cross-site, "" if it need not be.

    ``headers`` have lower-case names (or ignore case, as Starlette's do). WebSocket handshakes
    are GET requests that open a stateful connection, so they are checked. ``trusted_origins``, such
    as ``https://portal.example.com``, are for proxies that rewrite Host. A request with neither
    ``Origin`` nor ``Sec-Fetch-Site`` does not come from a browser, and so carries no login by
    accident; a WebSocket without ``Origin`` is refused all the same, as no browser opens one.
    """
    if method.upper() in SAFE_METHODS and not websocket:
        return ""
    origin = headers.get("origin", "")
    if origin and origin.rstrip("/") in trusted_origins:
        return ""
    site = headers.get("sec-fetch-site", "")
    if site and site not in {"same-origin", "none"}:
        return f"this request was made by another site (Sec-Fetch-Site: {site[:40]})"
    if websocket and not origin:
        return "a live connection needs an Origin header"
    if origin and _host(origin) != _host("//" + headers.get("host", ""), origin):
        return f"this request was made by another site (Origin: {origin[:200]})"
    return ""


def _host(address: str, like: str = "") -> tuple[str, int | None]:
    """Return host and port of a URL; the scheme of ``like`` decides a missing port."""
    try:
        parts = urlsplit(address)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme or urlsplit(like).scheme)
        return (parts.hostname or "?", port)
    except ValueError:
        return (f"invalid {address}", None)
