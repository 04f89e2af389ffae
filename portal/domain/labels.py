"""The rules for labels, as Kubernetes has them."""

from __future__ import annotations

import re

MAX_PREFIX = 253
MAX_PART = 63

_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?", re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_RESERVED = {
    "helm.sh/chart",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
}
"""Labels that the chart sets itself."""


def label_key_problem(key: str) -> str:
    """Return what is wrong with the key of a label, "" if it is valid."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > MAX_PREFIX or not _DOMAIN.fullmatch(prefix)):
        return f"what is before the “/” of {key[:60]} is a domain in lower case."
    if not name or len(name) > MAX_PART or not _PART.fullmatch(name):
        return (
            f"“{name[:60]}” cannot be the key of a label: up to {MAX_PART} letters, digits, “-”, "
            "“_” and “.”, beginning and ending with a letter or digit."
        )
    if key in _RESERVED or prefix == "dash-portal.io":
        return f"{key} is set by Helm or the portal; choose another key."
    return ""


def label_value_problem(value: str) -> str:
    """Return what is wrong with the value of a label, "" if it is valid."""
    if value and (len(value) > MAX_PART or not _PART.fullmatch(value)):
        return (
            f"“{value[:60]}” cannot be the value of a label: up to {MAX_PART} letters, digits, "
            "“-”, “_” and “.”, beginning and ending with a letter or digit."
        )
    return ""
