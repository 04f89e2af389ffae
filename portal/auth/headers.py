"""Reading of request headers that prove who is asking. Pure.

A proxy that is to replace a header may have added its own to one from the client, and servers
behind it may take ``X_Forwarded_User`` for ``X-Forwarded-User``: both are refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Iterable

from portal.domain.errors import Unauthenticated

Headers = Iterable[tuple[str, str]]
"""Name and value of every header, repeated ones included (``request.headers.items()``)."""

LONGEST_TOKEN = 16 * 1024
"""The most characters of a token in a header: it may name hundreds of groups."""


class Received:
    """The headers of one request, by name."""

    def __init__(self, headers: Headers) -> None:
        self._values: dict[str, list[str]] = {}
        self._other_spellings: set[str] = set()
        for name, value in headers:
            lower = name.lower()
            self._values.setdefault(lower, []).append(value)
            plain = spelled_with_hyphens(lower)
            if plain != lower:
                self._other_spellings.add(plain)

    def single(self, name: str) -> str:
        """Return the value of a header, "" if it is not there.

        Raises:
            Unauthenticated: it is there more than once, or under a name with other separators.
        """
        lower = name.lower()
        values = self._values.get(lower, [])
        if len(values) > 1:
            raise Unauthenticated(
                f"The header {name} arrived more than once.",
                "An administrator has to make the proxy replace what clients send, not add to it.",
            )
        if spelled_with_hyphens(lower) in self._other_spellings:
            raise Unauthenticated(
                f"The header {name} arrived under another spelling of its name.",
                "An administrator has to make the proxy remove headers with underscores.",
            )
        return values[0] if values else ""

    def cookies(self) -> dict[str, str]:
        """Return the cookies by name; one that arrived twice is left out.

        A cookie of a parent domain or of plain HTTP may stand beside the portal's own.
        """
        found: dict[str, list[str]] = {}
        for header in self._values.get("cookie", []):
            for part in header.split(";"):
                name, equals, value = part.strip().partition("=")
                if equals:
                    found.setdefault(name, []).append(value)
        return {name: values[0] for name, values in found.items() if len(values) == 1}


def spelled_with_hyphens(name: str) -> str:
    """Return ``name`` with each other separator that servers take for a hyphen replaced by one."""
    return name.replace("_", "-").replace(".", "-").replace(" ", "-")


def as_utf8(value: str) -> str:
    """Decode a header as UTF-8, which most proxies send and the server decodes as Latin-1.

    A value that is not valid UTF-8 is returned unchanged.
    """
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
