"""Links that fill in the launch form: ``/launch?image=registry/team/app:1.0&replicas=3``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from portal.catalog.launch_fields import Link, fields_linked_as
from portal.domain.images import is_digest, split_reference
from portal.releases.forms import FormFields, ReleaseForms

MAX_TEXT = 300

_TEXTS = fields_linked_as(Link.TEXT)
_NUMBERS = fields_linked_as(Link.NUMBER)
_TARGETS = fields_linked_as(Link.TARGET)
_SWITCHES = fields_linked_as(Link.SWITCH)

LINKABLE = ("image", "name", "namespace", "min", "max", *_TEXTS, *_NUMBERS, *_TARGETS, *_SWITCHES)
"""The parameters of a link. Environment variables are excluded, since links end up in logs."""

_AMOUNTS = ("cpu_request", "cpu_limit", "memory_request", "memory_limit")

ADJUSTABLE = (
    *("min", "max", "target_cpu", "target_memory", "scale_down_window"),
    *_AMOUNTS,
)
"""The parameters of a link that change an app's form, beside those that name the app."""


def linked_form(forms: ReleaseForms, parameters: Mapping[str, str]) -> FormFields:
    """Return a new form filled in from a link's parameters; it is checked like any other.

    ``image`` is a full reference. ``min`` or ``max`` switches the autoscaler on.
    """
    return _filled_in(forms, forms.defaults(), parameters, LINKABLE)


def adjusted_form(
    forms: ReleaseForms, raw: FormFields, parameters: Mapping[str, str]
) -> FormFields:
    """Return an app's form with the ``ADJUSTABLE`` parameters filled in.

    Amounts of its own take the place of an administrator's size.
    """
    given = {name: text for name, text in parameters.items() if text}
    own = {"size": ""} if not given.keys().isdisjoint(_AMOUNTS) else {}
    return _filled_in(forms, {**raw, **own}, given, ADJUSTABLE)


def _filled_in(
    forms: ReleaseForms, raw: FormFields, parameters: Mapping[str, str], names: Collection[str]
) -> FormFields:
    """Return a form with those of the parameters that have one of these names."""
    raw = dict(raw)
    asked = {name: text[:MAX_TEXT] for name, text in parameters.items() if name in names}
    image = asked.pop("image", "")
    if image:
        repository, tag = split_reference(image)
        raw |= {"repository": repository, "tag": tag or "latest"}
    for name in _NUMBERS:
        if (number := _number(asked.pop(name, ""))) is not None:
            raw[name] = number
    for name in _TARGETS:
        text = asked.pop(name, None)
        if text is not None and (not text or _number(text) is not None):
            raw[name] = _number(text)
    for name in _SWITCHES:
        if asked.pop(name, "") == "true":
            raw[name] = True
    low, high = _number(asked.pop("min", "")), _number(asked.pop("max", ""))
    if low is not None or high is not None:
        low = low or 1
        raw |= {"autoscaling": True, "bounds": [low, max(low, high or forms.max_replicas)]}
    return raw | asked


def link_of(raw: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters of a link to this form, without name and environment variables.

    Defaults are included, so that the link keeps its meaning when they change.
    """

    def text(name: str) -> str:
        value = raw.get(name)
        return "" if value is None else str(value).strip()

    parameters = {"namespace": text("namespace")}
    if repository := text("repository"):
        mark = "@" if is_digest(text("tag")) else ":"
        parameters["image"] = f"{repository}{mark}{text('tag')}".rstrip(":")
    names = [*_TEXTS, *_NUMBERS]
    if raw.get("autoscaling"):
        bounds = raw.get("bounds")
        pair = cast("list[object]", bounds) if isinstance(bounds, list) else []
        low, high = pair if len(pair) == 2 else ("", "")
        parameters |= {"min": str(low), "max": str(high)}
        names += _TARGETS
        names.remove("replicas")
    if not text("claim"):
        names = [name for name in names if name not in {"claim", "mount_path"}]
    parameters |= {name: text(name) for name in names}
    parameters |= {name: "true" for name in _SWITCHES if raw.get(name)}
    return parameters


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
