"""The HTML text of an app for whoever has a read-only link, without links into the portal."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape

from portal.domain.keys import Key
from portal.domain.permissions import Permission, Scope
from portal.viewmodels.model import AppView, Badge, Notice, PodView, Severity, UrlView

MOST_LINES = 20
"""Lines of the timeline."""

CHANGES = "change"
"""The kind of the timeline's entries that name people."""


FRESH = 1.0
"""Seconds for which a rendering is shared by all who have a link to the app."""
MOST_KEPT = 100

SCOPE = Scope(frozenset({Permission.SEE}))
"""The scope of whoever has a link."""


class SharedApps:
    """Renders apps for all who have links to them, at most once in ``FRESH`` seconds each."""

    def __init__(
        self, view: Callable[[Scope, Key], AppView], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._view = view
        self._clock = clock
        self._kept: dict[Key, tuple[float, str]] = {}

    def html(self, key: Key) -> str:
        """Return the state of an app as HTML text."""
        now = self._clock()
        at, text = self._kept.get(key, (0.0, ""))
        if not text or now - at >= FRESH:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            text = shared_html(self._view(SCOPE, key))
            self._kept[key] = now, text
        return text


def shared_html(view: AppView) -> str:
    """The state of an app: what everybody who gets into the portal sees of it."""
    parts = (
        f"<h1>{escape(view.key.name)} {_badge(view.headline)}</h1>",
        f'<p class="words">{escape(view.sentence)}</p>',
        "".join(_notice(Notice(Severity.WARN, each)) for each in view.stale),
        "".join(map(_notice, view.notices)),
        _section("Address", "".join(map(_url, view.urls))),
        _section("Replicas", f'<p class="words">{escape(view.replicas.words)}</p>'),
        _section("Pods", _pods(view.pods, view.more_pods)),
        _section("Timeline", _timeline(view)),
    )
    return "".join(parts)


def _section(title: str, body: str) -> str:
    if not body:
        return ""
    return (
        f'<section class="panel"><div class="panel-head"><h2>{title}</h2></div>'
        f'<div class="panel-body">{body}</div></section>'
    )


def _badge(badge: Badge) -> str:
    tone = f"severity-{badge.severity.value}"
    return f'<span class="badge-severity {tone}">{escape(badge.text)}</span>'


def _notice(notice: Notice) -> str:
    body = "".join(
        f'<div class="notice-{name}">{escape(text)}</div>'
        for name, text in (
            ("title", notice.title),
            ("body", notice.body),
            ("advice", notice.advice),
        )
        if text
    )
    return f'<div class="notice severity-{notice.severity.value}"><div>{body}</div></div>'


def _url(url: UrlView) -> str:
    shown = escape(url.text or url.href)
    if url.href.startswith(("http://", "https://")):
        shown = (
            f'<a href="{escape(url.href)}" target="_blank" rel="noopener noreferrer">{shown}</a>'
        )
    return f"<p>{shown} {_badge(url.state)}</p>"


def _pods(pods: tuple[PodView, ...], more: str) -> str:
    lines = "".join(
        f'<li><span class="mono">{escape(pod.name)}</span> {_badge(pod.status)} '
        f"ready {escape(pod.ready)}, restarts {pod.restarts}"
        + (f'<div class="quiet-text">{escape(pod.reason)}</div>' if pod.reason else "")
        + "</li>"
        for pod in pods
    )
    if not lines:
        return '<p class="words">No pods.</p>'
    return f'<ul class="shared-list">{lines}</ul>' + (f"<p>{escape(more)}</p>" if more else "")


def _timeline(view: AppView) -> str:
    lines = "".join(
        f'<li><strong>{escape(line.title)}</strong> <time datetime="{line.at.isoformat()}">'
        f"{line.at:%Y-%m-%d %H:%M:%S} UTC</time><div>{escape(line.text)}</div></li>"
        for line in [each for each in view.timeline.lines if each.kind != CHANGES][:MOST_LINES]
    )
    return f'<ul class="shared-list">{lines}</ul>' if lines else ""
