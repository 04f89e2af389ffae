"""Explanations of pods that wait for devices (dynamic resource allocation)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from portal.domain.objects import Event
from portal.viewmodels.diagnosis import newest
from portal.viewmodels.words import sentence, shortened


class MissingClaim(Struct, frozen=True):
    """The reason why a pod's devices cannot be had: a title, a sentence, advice."""

    title: str
    words: str
    advice: str


_RULES: tuple[tuple[str, str, str, str], ...] = (
    (
        r"device class (\S+) does not exist",
        "Device class missing",
        "The device class {0} that its resource claim names does not exist.",
        "Name a device class that the cluster has, or ask an administrator to install the device "
        "driver.",
    ),
    (
        r'resourceclaimtemplate\S* "([^"]+)" not found',
        "Resource claim template missing",
        "The resource claim template {0} does not exist in this namespace.",
        "Create the template, or name one that exists in the app's values.",
    ),
    (
        r'resourceclaim\S* "([^"]+)" not found',
        "Resource claim missing",
        "The resource claim {0} does not exist in this namespace.",
        "Create the claim, or name one that exists in the app's values.",
    ),
    (
        r"cannot allocate all claims",
        "No device free",
        "No node has the devices free that its resource claims ask for.",
        "Run fewer pods, ask for other devices, or ask an administrator for more.",
    ),
    (
        r"resourceclaim in use",
        "Device in use",
        "Its resource claim is in use by as many pods as may share it.",
        "Run fewer pods, or use a resource claim template: each pod then has a claim of its own.",
    ),
)


def claim_missing(message: str, own: Sequence[Event]) -> MissingClaim | None:
    """Explain why a pod's devices cannot be had; None if its message is about something else.

    ``message`` is the scheduler's. A claim that cannot be made from its template is in no
    condition of the pod, only among its events.
    """
    event = newest(own, "FailedResourceClaimCreation", "FailedScheduling", "Scheduled")
    failed = event.message if event and event.reason == "FailedResourceClaimCreation" else ""
    for text in (message, failed):
        for pattern, title, words, advice in _RULES:
            found = re.search(pattern, text, re.IGNORECASE)
            if found:
                said = [each.rstrip(".,;") for each in found.groups()]
                return MissingClaim(title, words.format(*said), advice)
    if not failed:
        return None
    return MissingClaim(
        "No resource claim",
        sentence(f"Its resource claim cannot be created: {shortened(failed)}"),
        "If this does not tell you what to change, ask an administrator.",
    )
