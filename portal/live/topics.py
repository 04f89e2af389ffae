"""Topics: what a page can watch, as short strings that a browser may send.

``apps`` and ``admin`` are the two lists, ``app/<namespace>/<name>`` is one release.
"""

from __future__ import annotations

import re

from portal.domain.keys import Key

APPS = "apps"
ADMIN = "admin"

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_APP = re.compile(rf"app/({_NAME})/({_NAME})")


def app_topic(key: Key) -> str:
    """The topic of one release."""
    return f"app/{key.namespace}/{key.name}"


def app_key(topic: str) -> Key | None:
    """The release that a topic is about; None if it is not about one, or is malformed."""
    match = _APP.fullmatch(topic)
    return Key(match[1], match[2]) if match else None


def valid(topic: str) -> bool:
    """Whether a topic, as it came from a browser, can be watched."""
    return topic in {APPS, ADMIN} or app_key(topic) is not None
