"""Topics: names of the views that a page can watch, as a browser sends them.

``apps`` and ``admin`` are the two lists, with the query of the page behind a ``?``;
``app/<namespace>/<name>`` is one release, ``objects/<namespace>/<name>`` the tree of its objects,
``autoscaling/<namespace>/<name>`` its autoscaler, with the name of one behind it if it has several;
``overview`` is the overview of the autoscaling of all apps, with its query;
``mine`` is what the viewer is notified of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from portal.domain.keys import Key

APP = "app"
APPS = "apps"
ADMIN = "admin"
MINE = "mine"
OBJECTS = "objects"
AUTOSCALING = "autoscaling"
OVERVIEW = "overview"

LONGEST = 600
"""Characters of the longest topic: two full names, or a list with its query."""

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_QUERY = r"(?:\?([!-~]*))?"

KINDS: Mapping[str, re.Pattern[str]] = {
    APP: re.compile(rf"{APP}/({_NAME})/({_NAME})"),
    APPS: re.compile(APPS + _QUERY),
    ADMIN: re.compile(ADMIN + _QUERY),
    OVERVIEW: re.compile(OVERVIEW + _QUERY),
    MINE: re.compile(MINE),
    OBJECTS: re.compile(rf"{OBJECTS}/({_NAME})/({_NAME})"),
    AUTOSCALING: re.compile(rf"{AUTOSCALING}/({_NAME})/({_NAME})(?:/({_NAME}))?"),
}
"""The patterns of all kinds of topics. Nothing else can be watched."""


def kind(topic: str) -> str:
    """Return the kind of a topic; "" if it is malformed."""
    return next((name for name, spelling in KINDS.items() if spelling.fullmatch(topic)), "")


def app_topic(key: Key) -> str:
    """The topic of one release."""
    return f"{APP}/{key.namespace}/{key.name}"


def app_key(topic: str) -> Key | None:
    """The release of a topic; None for other and malformed topics."""
    match = KINDS[APP].fullmatch(topic)
    return Key(match[1], match[2]) if match else None


def objects_topic(key: Key) -> str:
    """The topic of the tree of a release's objects."""
    return f"{OBJECTS}/{key.namespace}/{key.name}"


def autoscaling_topic(key: Key, autoscaler: str = "") -> str:
    """The topic of an autoscaler of a release; by default of the first one."""
    return f"{AUTOSCALING}/{key.namespace}/{key.name}" + (f"/{autoscaler}" if autoscaler else "")


def autoscaler_name(topic: str) -> str:
    """The name of the autoscaler that a topic is about; "" for the first one, or none."""
    match = KINDS[AUTOSCALING].fullmatch(topic)
    return (match[3] or "") if match else ""


def release_key(topic: str) -> Key | None:
    """The release that a topic of any kind is about; None for lists and malformed topics."""
    for which in (APP, OBJECTS, AUTOSCALING):
        if match := KINDS[which].fullmatch(topic):
            return Key(match[1], match[2])
    return None


def list_topic(which: str, query: str = "") -> str:
    """The topic of a list (``APPS``, ``ADMIN`` or ``OVERVIEW``) with an encoded query."""
    return f"{which}?{query}" if query else which


def list_query(topic: str) -> tuple[str, str] | None:
    """The list and the encoded query of a topic; None for other topics."""
    for which in (APPS, ADMIN, OVERVIEW):
        if match := KINDS[which].fullmatch(topic):
            return which, match[1] or ""
    return None


def valid(topic: str) -> bool:
    """Return True if a topic, as it came from a browser, can be watched."""
    return len(topic) <= LONGEST and kind(topic) != ""
