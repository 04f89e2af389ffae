"""Which network addresses are public. Pure, but for the socket that is made for one."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

_NAT64 = ip_network("64:ff9b::/96")
_NOT_PUBLIC = (
    ip_network("192.0.0.0/24"),  # IETF protocol assignments; a cloud's metadata among them
    ip_network("168.63.129.16/32"),  # Azure's own service on each of its machines
)

REFUSED = "not a public address"


class AddressRefused(OSError):
    """An address that is not public was to be connected to."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, REFUSED)


def is_public(text: str) -> bool:
    """Return True if an IP address is of the Internet at large.

    Loopback, link-local (clouds' metadata), private, shared and reserved networks are not; an
    IPv6 address that stands for an IPv4 one is judged by that.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        embedded = _embedded(address)
        if embedded is not None:
            return is_public(str(embedded))
    if any(address in each for each in _NOT_PUBLIC if each.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def public_socket(info: Any) -> socket.socket:
    """Return a socket for one result of ``getaddrinfo``: the very address that is connected to.

    Names are judged by what they lead to at that moment, so one that leads elsewhere the next time
    gains nothing. Raises ``AddressRefused``.
    """
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise AddressRefused
    return socket.socket(family=family, type=kind, proto=protocol)
