"""Detection of cross-site requests: by their headers, and by a token that only own pages can read.

The token is a cookie that scripts of the portal's own origin send back in a header.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

TOKEN_HEADER = "X-CSRF-Token"
TOKEN_COOKIE = "dash-portal-csrf"
"""The name of the token's cookie; over HTTPS it is ``SECURE_TOKEN_COOKIE``."""
SECURE_TOKEN_COOKIE = f"__Host-{TOKEN_COOKIE}"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_OF_BROWSERS = ("origin", "sec-fetch-site", "cookie")
"""Headers of which browsers send at least one with whatever changes something."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


def cross_site_problem(
    method: str,
    headers: Mapping[str, str],
    *,
    websocket: bool = False,
    https: bool = False,
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
    if origin and https and not origin.startswith("https:"):
        return f"this request was made by another site (Origin: {origin[:200]})"
    if origin and _host(origin) != _host("//" + headers.get("host", ""), origin):
        return f"this request was made by another site (Origin: {origin[:200]})"
    return ""


def token_problem(method: str, headers: Mapping[str, str], cookie: str) -> str:
    """Return why this request must be refused for its token, "" if it need not be.

    ``cookie`` is the value of the token's cookie, "" without one. What does not come from a browser
    carries no login by accident, and needs no token.
    """
    if method.upper() in SAFE_METHODS or not any(headers.get(each) for each in _OF_BROWSERS):
        return ""
    sent = headers.get(TOKEN_HEADER.lower(), "")
    if is_token(cookie) and hmac.compare_digest(sent.encode(), cookie.encode()):
        return ""
    return "this request does not carry the token of its page"


def is_token(text: str) -> bool:
    """Return True if this has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def token_cookie(*, https: bool) -> str:
    """Return a ``Set-Cookie`` header with a new token."""
    name = SECURE_TOKEN_COOKIE if https else TOKEN_COOKIE
    secure = "; Secure" if https else ""
    return f"{name}={secrets.token_urlsafe(32)}; Path=/; SameSite=Strict{secure}"


def _host(address: str, like: str = "") -> tuple[str, int | None]:
    """Return host and port of a URL; the scheme of ``like`` decides a missing port."""
    try:
        parts = urlsplit(address)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme or urlsplit(like).scheme)
        return (parts.hostname or "?", port)
    except ValueError:
        return (f"invalid {address}", None)
