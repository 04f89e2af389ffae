"""Topics: names of the views that a page can watch, as a browser sends them.

``apps`` and ``admin`` are the two lists, with the query of the page behind a ``?``;
``app/<namespace>/<name>`` is one release.
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
    """The release of a topic; None for other and malformed topics."""
    match = _APP.fullmatch(topic)
    return Key(match[1], match[2]) if match else None


def list_topic(which: str, query: str = "") -> str:
    """The topic of a list (``APPS`` or ``ADMIN``) with an encoded query."""
    return f"{which}?{query}" if query else which


def list_query(topic: str) -> tuple[str, str] | None:
    """The list and the encoded query of a topic; None for other topics."""
    match = _LIST.fullmatch(topic)
    return (match[1], match[2] or "") if match else None


def valid(topic: str) -> bool:
    """Return True if a topic, as it came from a browser, can be watched."""
    return len(topic) <= LONGEST and (list_query(topic) or app_key(topic)) is not None
