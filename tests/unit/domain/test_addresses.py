"""Which addresses are public, and at which an app may be."""

from __future__ import annotations

import socket

import pytest

from portal.domain.addresses import AddressRefused, is_public, may_be_an_app, public_socket


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:0:0:0:0:80ff:fffe",
        "localhost",
        "",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "10.1.2.3", "192.168.1.1", "198.18.0.1", "100.64.0.1", "fd00:10::1", "2001:db8::1"],
)
def test_an_app_may_be_inside(address: str) -> None:
    assert may_be_an_app(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"),
        *("169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "2002:a9fe:a9fe::"),
        *("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("224.0.0.1", "ff02::1", "255.255.255.255", "localhost", ""),
    ],
)
def test_nor_here_or_at_a_clouds_own_services(address: str) -> None:
    assert not may_be_an_app(address)


def test_no_socket_is_made_for_another() -> None:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with pytest.raises(AddressRefused):
            public_socket((family, socket.SOCK_STREAM, 6, "", (address, 443)))
    with public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))) as made:
        assert made.family is socket.AF_INET
