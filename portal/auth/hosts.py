"""The names under which browsers may ask for the portal: a pure rule on the Host header.

DNS rebinding makes a visitor's browser ask the portal under a name that an attacker owns: to the
browser both are then one site, and Origin and Host agree. What gives it away is the name itself.
So a name counts only if it is known. An IP address always does, since a browser that asks for one
has not looked up any name. ``X-Forwarded-Host`` is never read: anybody can send it.
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
    """Names that are answered to, beside ``localhost`` and all IP addresses.

    ``domains`` begin with a dot: every name that ends so is known.
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
    """What ``patterns`` (``portal.example.com``, ``*.example.com``) and ``origins`` name."""
    given = {each.lower() for each in patterns if each}
    given |= {urlsplit(each).hostname or "" for each in origins} - {""}
    return KnownHosts(
        names=frozenset(each for each in given if not each.startswith("*.")),
        domains=tuple(sorted(each[1:] for each in given if each.startswith("*."))),
    )


def allowed_host_problem(pattern: str) -> str:
    """Why this cannot be an allowed host, "" if it can."""
    if _PATTERN.fullmatch(pattern.lower()) or _is_address(pattern):
        return ""
    return (
        f"{pattern[:100]!r} is no host name; write it without scheme, port or path, as "
        "portal.example.com, or *.example.com for all names below it"
    )


def host_problem(values: Sequence[str], known: KnownHosts) -> PortalError | None:
    """Why a request with these Host headers must be refused, None if it need not be."""
    if len(values) != 1 or not (found := _HOST.fullmatch(values[0])):
        return NoHost(
            "This request does not say in one Host header for whom it is.",
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
