"""Warnings about data on a page that may be out of date or missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from portal.state.model import WatchHealth
from portal.viewmodels.words import coarse, sentence, shortened

METRICS = "metrics"
"""The name of the metrics API among the sources."""

_METRICS_STALE_AFTER = 60.0
"""Seconds. It is polled, and metrics-server itself measures only every 15 s."""


def source_of(sources: Mapping[str, WatchHealth], name: str) -> WatchHealth | None:
    """The source of a name, in any case; None if there is none."""
    found = sources.get(str(name))
    if found is not None:
        return found
    wanted = str(name).casefold()
    return next((one for key, one in sources.items() if str(key).casefold() == wanted), None)


def stale_words(sources: Mapping[str, WatchHealth], now: datetime) -> tuple[str, ...]:
    """One sentence for each source whose data on the page may be out of date.

    The metrics API being absent is not among them: that is a notice (see notices.py).
    """
    found: list[str] = []
    for key in sorted(sources, key=str):
        words = _words(str(key), sources[key], now)
        if words:
            found.append(words)
    return tuple(found)


def unread_words(sources: Mapping[str, WatchHealth], name: str) -> tuple[str, ...]:
    """A sentence that names the objects of a source that cannot be read; () if there are none."""
    source = source_of(sources, name)
    if source is None or not source.unread:
        return ()
    return (sentence(f"{source.title or name}: {source.unread}"),)


def loading(sources: Mapping[str, WatchHealth], name: str) -> bool:
    """Return True if the first list of a source has not arrived yet."""
    source = source_of(sources, name)
    return source is None or (source.available and not source.synced)


def _words(key: str, source: WatchHealth, now: datetime) -> str:
    name = source.title or key
    why = f" ({shortened(source.error, 160)})" if source.error else ""
    if not source.available:
        if source.optional or key == METRICS:
            return ""
        return sentence(
            f"{name}: the portal has no permission to read them, or the cluster has none{why}"
        )
    if not source.synced:
        return sentence(f"{name}: not read yet{why}")
    if key == METRICS and source.error:
        return sentence(f"{name}: {shortened(source.error, 160)}")
    if not source.stale(now):
        return ""
    if source.alive_at is None:
        return sentence(f"{name}: may be out of date{why}")
    age = (now - source.alive_at).total_seconds()
    if key == METRICS and age <= _METRICS_STALE_AFTER:
        return ""
    return sentence(f"{name}: may be out of date, last update more than {coarse(age)} ago{why}")
