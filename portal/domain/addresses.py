"""Network addresses that the portal may connect to, by what they are. Pure, but for sockets."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")  # "::127.0.0.1": not used any more, still understood
_NOT_PUBLIC = (
    ip_network("192.0.0.0/24"),  # IETF protocol assignments; a cloud's metadata among them
    ip_network("168.63.129.16/32"),  # Azure's own service on each of its machines
)

_METADATA = (
    *_NOT_PUBLIC,
    ip_network("100.100.100.200/32"),  # Alibaba's
    ip_network("fd00:ec2::/32"),  # Amazon's
    ip_network("fd20:ce::/32"),  # Google's
)

REFUSED = "not an address to connect to"


class AddressRefused(OSError):
    """An address that the portal does not connect to was to be."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, REFUSED)


def is_public(text: str) -> bool:
    """Return True if an IP address is of the Internet at large.

    Loopback, link-local (clouds' metadata), private, shared and reserved networks are not; an
    IPv6 address that stands for an IPv4 one is judged by that.
    """
    address = _meant(text)
    if address is None:
        return False
    if any(address in each for each in _NOT_PUBLIC if each.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def may_be_an_app(text: str) -> bool:
    """Return True if an app may be reached at an IP address, inside the cluster or outside.

    It may not at the portal's own machine, at link-local addresses, and where clouds and their
    machines have services of their own. An IPv6 address that stands for an IPv4 one is judged by
    that.
    """
    address = _meant(text)
    if address is None:
        return False
    if any(address in each for each in _METADATA if each.version == address.version):
        return False
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or address.is_multicast
        or address == IPv4Address("255.255.255.255")
    )


def _meant(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that is reached; None for what is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    embedded = _embedded(address) if isinstance(address, IPv6Address) else None
    return address if embedded is None else embedded


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def guarded_socket(allowed: Callable[[str, int], bool], info: Any) -> socket.socket:
    """Return a socket for one result of ``getaddrinfo``: the very address that is connected to.

    ``allowed`` judges IP address and port. Names are judged by what they lead to at that moment, so
    one that leads elsewhere the next time gains nothing. Raises ``AddressRefused``.
    """
    family, kind, protocol, _, address = info
    if not allowed(str(address[0]), int(address[1])):
        raise AddressRefused
    return socket.socket(family=family, type=kind, proto=protocol)


def public_socket(info: Any) -> socket.socket:
    """Return a socket for a public address; see ``guarded_socket``."""
    return guarded_socket(lambda address, _: is_public(address), info)
