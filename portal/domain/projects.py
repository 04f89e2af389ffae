"""Projects: labels and annotations of namespaces, and the limits that these set for apps. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from msgspec import Struct

PROJECT_LABEL = "dash-portal.io/project"
"""Label, with the value ``true``, of namespaces that the portal shows as projects, and of what it
makes in them."""
PROJECT_SELECTOR = f"{PROJECT_LABEL}=true"

PURPOSE = "dash-portal.io/purpose"
"""Annotation on a project's namespace with a sentence for people."""
PERSONAL_OF = "dash-portal.io/personal-project-of"
"""Annotation on a personal project's namespace with the user whose it is."""
INCOMPLETE = "dash-portal.io/incomplete"
"""Annotation on a project's namespace while its other objects are being made."""
ALLOWED_IMAGES = "dash-portal.io/allowed-images"
"""Annotation on a namespace with patterns of the images that apps may run there, by commas."""
ALLOWED_CHARTS = "dash-portal.io/allowed-charts"
"""Annotation on a namespace with patterns of the charts of apps there, ``source/chart``."""
DEFAULT_SIZE = "dash-portal.io/default-size"
"""Annotation on a namespace with the name of the size that the launch form begins with there."""


class AppLimits(Struct, frozen=True):
    """The limits that a namespace sets for apps, within those of the whole portal.

    ``images`` and ``charts`` are patterns; empty allows all. ``size`` is the name of a size, "" for
    none.
    """

    images: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    size: str = ""

    def chart_problem(self, source: str, chart: str) -> str:
        """Return why a source's chart may not be used; "" if it may be."""
        named = f"{source}/{chart}"
        if not self.charts or any(fnmatchcase(named, each) for each in self.charts):
            return ""
        if not source:
            named = f"{chart} of an unknown source"
        return (
            f"The chart {named} is not allowed in this project. Allowed are: "
            f"{', '.join(self.charts)}."
        )


UNLIMITED_APPS = AppLimits()
"""The limits of a namespace that sets none."""


async def unlimited_apps(namespace: str) -> AppLimits:
    """Return the limits of a namespace where there are no projects: none."""
    return UNLIMITED_APPS


def app_limits(annotations: Mapping[str, object]) -> AppLimits:
    """Return the limits that the annotations of a namespace set."""
    return AppLimits(
        listed(str(annotations.get(ALLOWED_IMAGES) or "")),
        listed(str(annotations.get(ALLOWED_CHARTS) or "")),
        str(annotations.get(DEFAULT_SIZE) or ""),
    )


def listed(text: str) -> tuple[str, ...]:
    """Return the entries of a text, which are separated by commas or lines."""
    parts = (each.strip() for each in re.split(r"[,\n]", text))
    return tuple(dict.fromkeys(filter(None, parts)))
