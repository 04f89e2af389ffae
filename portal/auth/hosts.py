"""Allowed host names of the portal: a check of the Host header. Pure.

With DNS rebinding a user's browser requests the portal under a name that an attacker owns: to the
browser both are one site, and Origin and Host agree. Only the name itself reveals it, so requests
are answered only under known names. IP addresses are always allowed, since no name was resolved.
``X-Forwarded-Host`` is never read: any client can send it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from portal.domain.errors import NoHost, PortalError, UnknownHost

_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::\d{1,5})?"
)
_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_LOOPBACK = "localhost"


class KnownHosts(Struct, frozen=True):
    """Allowed names, besides ``localhost`` and all IP addresses.

    ``domains`` begin with a dot: every name with that ending is allowed.
    """

    names: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        name = name.lower().removesuffix(".")
        return (
            name in self.names
            or name == _LOOPBACK
            or name.endswith((f".{_LOOPBACK}", *self.domains))
            or _is_address(name)
        )


NO_OTHERS = KnownHosts()


def known_hosts(patterns: Iterable[str], origins: Iterable[str] = ()) -> KnownHosts:
    """Return the hosts that ``patterns`` (``*.example.com`` or full names) and ``origins`` name."""
    hosts = {each.lower() for each in patterns if each}
    hosts |= {urlsplit(each).hostname or "" for each in origins} - {""}
    return KnownHosts(
        names=frozenset(each for each in hosts if not each.startswith("*.")),
        domains=tuple(sorted(each[1:] for each in hosts if each.startswith("*."))),
    )


def allowed_host_problem(pattern: str) -> str:
    """Return why a pattern cannot be an allowed host, "" if it can."""
    if _PATTERN.fullmatch(pattern.lower()) or _is_address(pattern):
        return ""
    return (
        f"{pattern[:100]!r} is no host name; write it without scheme, port or path, as "
        "portal.example.com, or *.example.com for all names below it"
    )


def host_problem(values: Sequence[str], known: KnownHosts) -> PortalError | None:
    """Return why a request with these Host headers must be refused, None if it need not be."""
    if len(values) != 1 or not (found := _HOST.fullmatch(values[0])):
        return NoHost(
            "This request needs exactly one valid Host header.",
            "Open the portal at its address, in a browser.",
        )
    name = found["v6"] or found["name"]
    if name in known:
        return None
    return UnknownHost(
        f"The portal does not answer to the name {name[:100]}.",
        "Open it at its own address. If this is its address, an administrator has to add the name "
        "to the portal's allowed hosts (settings.allowedHosts).",
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
