"""Links that fill in the launch form: ``/launch?image=registry/team/app:1.0&replicas=3``."""

from __future__ import annotations

from collections.abc import Mapping

from portal.actions.forms import Forms, Raw
from portal.domain.images import split_reference

MAX_TEXT = 300

_TEXTS = ("cpu_request", "cpu_limit", "memory_request", "memory_limit", "exposure", "hostname")
_NUMBERS = ("port", "replicas", "target_cpu", "target_memory")

LINKABLE = ("image", "name", "namespace", "min", "max", *_TEXTS, *_NUMBERS)
"""What a link may carry. Environment variables it may not: links end up in logs."""


def linked_form(forms: Forms, given: Mapping[str, str]) -> Raw:
    """A new form, filled in with what a link carries; the form's checks see it like any other.

    ``image`` is a whole reference. ``min`` and ``max`` switch the autoscaler on.
    """
    raw = forms.defaults()
    asked = {name: text[:MAX_TEXT] for name, text in given.items() if name in LINKABLE}
    image = asked.pop("image", "")
    if image:
        repository, tag = split_reference(image)
        raw |= {"repository": repository, "tag": tag or "latest"}
    for name in _NUMBERS:
        if (number := _number(asked.pop(name, ""))) is not None:
            raw[name] = number
    low, high = _number(asked.pop("min", "")), _number(asked.pop("max", ""))
    if low is not None or high is not None:
        low = low or 1
        raw |= {"autoscaling": True, "bounds": [low, max(low, high or forms.max_replicas)]}
    return raw | asked


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
