"""Kubernetes' refusals for want of a permission (403), in words. Pure."""

from __future__ import annotations

import re

from portal.domain.errors import Forbidden

_DENIED = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>[\w:-]+) resource "(?P<resource>[^"]+)"'
    r'(?: in API group "[^"]*")?(?P<where> in the namespace "[^"]+"| at the cluster scope)?'
)


def denied(text: str) -> Forbidden | None:
    """Return who may not do what, as a text of the API server says it; None if it does not."""
    found = _DENIED.search(text)
    if not found:
        return None
    where = (found["where"] or "").replace('"', "")
    return Forbidden(
        f"{found['user']} may not {found['verb']} {found['resource']}{where}.",
        "Ask whoever administers the namespace, or the cluster, to grant this.",
    )
