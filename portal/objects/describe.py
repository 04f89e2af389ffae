"""An object in detail: status, spec, owners, links, events, and its YAML, without secrets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from msgspec import Struct

from portal.domain import yaml_text
from portal.domain.manifests import Tree, at, mappings
from portal.domain.scrubber import HIDDEN, Scrubber
from portal.domain.secrets import redacted, scrubbed_by, without_secret_patterns
from portal.domain.truncation import truncated
from portal.objects.links import Link, Relation, links_of, selects
from portal.objects.states import secret_keys, state_of
from portal.viewmodels.model import Badge, Severity, TimelineLine
from portal.viewmodels.words import shortened

MOST_ROWS = 200
"""The most rows of a section; the YAML has all fields."""
MOST_YAML = 512 * 1024
LONGEST = 400
"""The most characters of a value in a row."""
MOST_LINKS = 50

EVENT = "event"
"""The kind of the lines of an object's events, which are not told apart."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""An annotation that repeats the whole object, the data of a Secret included."""


class Row(Struct, frozen=True):
    """A field by its path, such as ``containers[web].image``, and its value."""

    path: str
    value: str


class ConditionRow(Struct, frozen=True):
    """A condition of an object's status."""

    type: str
    status: str
    reason: str
    message: str
    since: datetime | None


class ObjectLink(Struct, frozen=True):
    """A link to another object; ``opens`` is True if that is one of the same release."""

    relation: str
    kind: str
    name: str
    opens: bool


class ObjectView(Struct, frozen=True):
    """One object in detail. ``rest`` are fields beside spec and status, such as a Secret's keys."""

    kind: str
    name: str
    state: Badge
    words: str
    created_at: datetime | None
    read_at: datetime
    conditions: tuple[ConditionRow, ...]
    status: tuple[Row, ...]
    spec: tuple[Row, ...]
    rest: tuple[Row, ...]
    labels: tuple[Row, ...]
    annotations: tuple[Row, ...]
    links: tuple[ObjectLink, ...]
    events: tuple[TimelineLine, ...]
    yaml: str
    more_links: int = 0


def shown_tree(tree: Tree, scrubber: Scrubber, *, logs: bool = True) -> dict[str, object]:
    """Return an object as it may be shown.

    Without ``managedFields`` and the copy that kubectl keeps, with the secrets of ``scrubber`` and
    everything that looks like one hidden, without the ends of ``logs`` if these are not allowed,
    and with the sizes of binary data in the place of it. Of a Secret
    there are the names of its keys, in ``keys``, and never its data.
    """
    meta = {name: value for name, value in at(tree, "metadata").items() if name != "managedFields"}
    if "annotations" in meta:
        notes = at(tree, "metadata", "annotations")
        meta["annotations"] = {k: v for k, v in notes.items() if k != LAST_APPLIED}
    shown: dict[str, object] = {**tree, "metadata": meta}
    if tree.get("kind") == "Secret":
        shown = {name: shown[name] for name in ("apiVersion", "kind", "metadata") if name in shown}
        shown["apiVersion"] = "v1"
        shown["keys"] = list(secret_keys(tree))
        return cast("dict[str, object]", scrubbed_by(scrubber, shown))
    if "binaryData" in shown:
        shown["binaryData"] = {
            name: f"({len(str(value)) * 3 // 4:,} bytes)"
            for name, value in at(tree, "binaryData").items()
        }
    if tree.get("kind") == "Pod" and not logs:
        shown["status"] = _without_logs(at(tree, "status"))
    return cast("dict[str, object]", scrubbed_by(scrubber, _with_keys(shown, redacted(shown))))


def _without_logs(value: object) -> object:
    """Return a pod's status without messages of containers' ends, which are ends of logs."""
    if isinstance(value, Mapping):
        held = cast("Tree", value)
        shown = {name: _without_logs(each) for name, each in held.items()}
        if "message" in (ended := at(held, "terminated")):
            shown["terminated"] = {**ended, "message": HIDDEN}
        return shown
    if isinstance(value, list):
        return [_without_logs(each) for each in cast("list[object]", value)]
    return value


def _with_keys(tree: object, hidden: object) -> object:
    """Return ``hidden`` with the names of labels and taints that ``tree`` has under ``key``.

    Redaction hides everything called a key; in a selector, toleration or topology it is a name.
    """
    if isinstance(tree, Mapping) and isinstance(hidden, Mapping):
        plain, shown = cast("Tree", tree), cast("Tree", hidden)
        structural = "operator" in plain or "effect" in plain
        return {
            name: plain[name]
            if name == "matchLabelKeys" or (name == "key" and structural)
            else _with_keys(plain.get(name), each)
            for name, each in shown.items()
        }
    if isinstance(tree, list) and isinstance(hidden, list):
        both = zip(cast("list[object]", tree), cast("list[object]", hidden), strict=True)
        return [_with_keys(one, other) for one, other in both]
    return hidden


def object_view(
    tree: Tree,
    events: Sequence[Tree],
    *,
    scrubber: Scrubber,
    logs: bool = True,
    opens: Callable[[str, str], bool],
    pods: Mapping[str, Mapping[str, str]],
    read_at: datetime,
) -> ObjectView:
    """Return an object in detail. The time grows with its size: do it in a thread.

    ``opens`` tells by kind and name whether another object can be opened. ``pods`` are the labels
    of the release's pods, by name. ``logs`` tells whether logs may be read.
    """
    shown = shown_tree(tree, scrubber, logs=logs)
    own = state_of(tree)
    meta, status = at(shown, "metadata"), at(shown, "status")
    known = {"apiVersion", "kind", "metadata", "spec", "status"}
    links = [
        *links_of(tree),
        *(Link(Relation.SELECTS, "Pod", name) for name, has in pods.items() if selects(tree, has)),
    ]
    return ObjectView(
        kind=str(tree.get("kind", "")),
        name=str(meta.get("name", "")),
        state=own.state,
        words=own.words,
        created_at=_time(meta.get("creationTimestamp")),
        read_at=read_at,
        conditions=tuple(_conditions(status)),
        status=_rows({name: value for name, value in status.items() if name != "conditions"}),
        spec=_rows(at(shown, "spec")),
        rest=_rows({name: value for name, value in shown.items() if name not in known}),
        labels=_rows(at(meta, "labels"), deep=False),
        annotations=_rows(at(meta, "annotations"), deep=False),
        links=tuple(
            ObjectLink(each.relation.value, each.kind, each.name, opens(each.kind, each.name))
            for each in links[:MOST_LINKS]
        ),
        events=_events(events, scrubber),
        yaml=truncated(yaml_text.readable(shown), MOST_YAML, "Its fields"),
        more_links=max(0, len(links) - MOST_LINKS),
    )


def _rows(tree: Tree, *, deep: bool = True) -> tuple[Row, ...]:
    if not tree:
        return ()
    if not deep:
        return tuple(Row(name, shortened(_text(value), LONGEST)) for name, value in tree.items())
    found: list[Row] = []
    for path, value in _flat("", tree):
        if len(found) == MOST_ROWS:
            found.append(Row("…", "More fields are in its YAML."))
            break
        found.append(Row(path, shortened(_text(value), LONGEST)))
    return tuple(found)


def _flat(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield the scalar fields of a value by their paths; lists of scalars are one field."""
    if isinstance(value, Mapping) and set(cast("Tree", value)) == {"name", "value"}:
        yield path, cast("Tree", value)["value"]  # a variable: its name is in the path
    elif isinstance(value, Mapping) and value:
        for name, each in cast("Tree", value).items():
            yield from _flat(f"{path}.{name}" if path else str(name), each)
    elif isinstance(value, list) and any(
        isinstance(each, Mapping | list) for each in cast("list[object]", value)
    ):
        for at_, each in enumerate(cast("list[object]", value)):
            yield from _flat(f"{path}[{_label(each, at_)}]", each)
    else:
        yield path, cast("object", value)


def _label(value: object, index: int) -> str:
    """Return what an item of a list is known by: its name, or its position."""
    if isinstance(value, Mapping):
        held = cast("Tree", value)
        for name in ("name", "type", "mountPath", "key", "ip"):
            if isinstance(held.get(name), str):
                return str(held[name])
    return str(index)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, cast("list[object]", value)))
    if value is None or value == {}:
        return "–"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _conditions(status: Tree) -> Iterator[ConditionRow]:
    for each in mappings(status.get("conditions")):
        yield ConditionRow(
            type=str(each.get("type", "")),
            status=str(each.get("status", "")),
            reason=str(each.get("reason") or ""),
            message=shortened(str(each.get("message") or ""), 600),
            since=_time(each.get("lastTransitionTime")),
        )


def _events(events: Sequence[Tree], scrubber: Scrubber) -> tuple[TimelineLine, ...]:
    views = [_event(each, scrubber) for each in events]
    return tuple(sorted(views, key=lambda each: each.at, reverse=True))


def _event(event: Tree, scrubber: Scrubber) -> TimelineLine:
    series = at(event, "series")
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    at_ = next((found for each in times if (found := _time(each))), None)
    counted = series.get("count") or event.get("count")
    warning = event.get("type") == "Warning"
    return TimelineLine(
        at=at_ or _time(at(event, "metadata").get("creationTimestamp")) or _EPOCH,
        kind=EVENT,
        severity=Severity.WARN if warning else Severity.QUIET,
        title=str(event.get("reason") or ""),
        about="",
        text=shortened(
            without_secret_patterns(scrubber.text(str(event.get("message") or ""))), 600
        ),
        count=counted if isinstance(counted, int) and counted > 0 else 1,
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
