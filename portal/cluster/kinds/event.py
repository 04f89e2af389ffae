"""Events of the core group."""

from __future__ import annotations

import re
import sys
from functools import lru_cache

from portal.cluster.api_types import Meta, Part, Time, from_json
from portal.cluster.decode import key
from portal.cluster.resource import CORE, Resource
from portal.domain.keys import Key
from portal.domain.objects import Event, Kind
from portal.domain.secrets import without_secret_patterns


class _InvolvedObject(Part, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class _Series(Part, frozen=True):
    count: int = 0
    last_observed_time: Time | None = None


class _Event(Part, frozen=True):
    """An Event of the core group, in its older or newer style."""

    metadata: Meta
    involved_object: _InvolvedObject
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0
    series: _Series | None = None
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    event_time: Time | None = None


@from_json(_Event)
def decode(found: _Event) -> tuple[Key, Event]:
    """An event of the core group, in its older or newer style."""
    about, series = found.involved_object, found.series
    own = key(found.metadata)
    return own, Event(
        key=own,
        about_kind=about.kind,
        about_name=about.name,
        about_uid=about.uid,
        type=found.type or "Normal",
        reason=found.reason,
        message=_shown(found.message) if found.type == "Warning" else found.message,
        count=(series.count if series else 0) or found.count or 1,
        last_at=(series.last_observed_time if series else None)
        or found.last_timestamp
        or found.event_time
        or found.metadata.creation_timestamp,
        first_at=found.first_timestamp or found.event_time,
        container=_container(about.field_path),
    )


@lru_cache(4096)
def _shown(message: str) -> str:
    """The message of a warning, which may quote what a program has printed, without secrets."""
    return without_secret_patterns(message)


def _container(path: str) -> str:
    """The container that a field path of a pod names: ``spec.containers{app}``; "" if none."""
    found = re.fullmatch(r"spec\.\w*[cC]ontainers\{(.+)\}", path)
    return sys.intern(found[1]) if found else ""


RESOURCE = Resource(Kind.EVENT, "Events", CORE, "events", decode, last=True)
