"""The change that made a revision, from the description in Helm's record."""

from __future__ import annotations

import re

from portal.viewmodels.words import shortened

_BY = re.compile(r"(?P<what>.+) by (?P<who>\S.*)")
_HELM = {
    "Install complete": "Installed with helm",
    "Upgrade complete": "Upgraded with helm",
    "Preparing upgrade": "Upgrading",
    "Initial install underway": "Installing",
}
_ROLLBACK = re.compile(r"Rollback to (?P<revision>\d+)")


def change_and_author(description: str) -> tuple[str, str]:
    """The change and who made it; "" for whom the description does not name."""
    by = _BY.fullmatch(description)
    if by and not description.startswith(tuple(_HELM)):
        who = by["who"]
        return by["what"], "" if who == "anonymous" else who
    back = _ROLLBACK.fullmatch(description)
    if back:
        return f"Rolled back to revision {back['revision']} with helm", ""
    return _HELM.get(description, shortened(description, 200) or "Changed"), ""
