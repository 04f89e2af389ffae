"""Topics: what a page can watch, as short strings that a browser may send.

``apps`` and ``admin`` are the two lists, with a query of their own behind a ``?`` that says which
part of it the page shows; ``app/<namespace>/<name>`` is one release.
"""

from __future__ import annotations

import re

from portal.domain.keys import Key

APPS = "apps"
ADMIN = "admin"

LONGEST = 600
"""Characters of the longest topic: two full names, or a list with its query."""

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_APP = re.compile(rf"app/({_NAME})/({_NAME})")
_LIST = re.compile(rf"({APPS}|{ADMIN})(?:\?([!-~]*))?")


def app_topic(key: Key) -> str:
    """The topic of one release."""
    return f"app/{key.namespace}/{key.name}"


def app_key(topic: str) -> Key | None:
    """The release that a topic is about; None if it is not about one, or is malformed."""
    match = _APP.fullmatch(topic)
    return Key(match[1], match[2]) if match else None


def list_topic(which: str, query: str = "") -> str:
    """The topic of a list (``APPS`` or ``ADMIN``) as an encoded query narrows it."""
    return f"{which}?{query}" if query else which


def list_query(topic: str) -> tuple[str, str] | None:
    """Which list a topic is about, and its query as it was sent; None if it is not about one."""
    match = _LIST.fullmatch(topic)
    return (match[1], match[2] or "") if match else None


def valid(topic: str) -> bool:
    """Whether a topic, as it came from a browser, can be watched."""
    return len(topic) <= LONGEST and (list_query(topic) or app_key(topic)) is not None
