"""Which Host headers are the portal's own."""

from __future__ import annotations

import pytest

from portal.auth.hosts import KnownHosts, host_problem, known_hosts
from portal.domain.errors import NoHost, UnknownHost

KNOWN = known_hosts(
    ["portal.example.com", "*.apps.example.com", "", "portal.dash-portal.svc"],
    ["https://public.example.net:8443"],
)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LocalHost.",
        "portal.localhost",
        "127.0.0.1:8080",
        "127.8.9.10",
        "[::1]:8080",
        "[fe80::1]",
        "10.0.0.7",
        "203.0.113.7:30080",
        "portal.example.com",
        "PORTAL.example.com.:443",
        "portal.dash-portal.svc",
        "one.apps.example.com",
        "public.example.net",
        "public.example.net:9",
    ],
)
def test_known(host: str) -> None:
    assert host_problem([host], KNOWN) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "portal.example.com.evil.example",
        "evilportal.example.com",
        "apps.example.com",
        "evilapps.example.com",
        "notlocalhost",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        # Other spellings of 127.0.0.1, which browsers write out before they send them.
        "2130706433",
        "0x7f.1",
        "127.1",
        "portal.dash-portal.svc.evil.example",
    ],
)
def test_unknown(host: str) -> None:
    problem = host_problem([host], KNOWN)
    assert isinstance(problem, UnknownHost)
    assert host in problem.message


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        ["localhost", "localhost"],
        ["localhost", "evil.example"],
        ["localhost,evil.example"],
        ["user@localhost"],
        ["http://localhost"],
        ["localhost/x"],
        ["localhost:http"],
        ["localhost evil.example"],
        ["[::1"],
        [":8080"],
        ["local\u00adhost"],
        ["x" * 5000],
    ],
)
def test_no_host(values: list[str]) -> None:
    assert isinstance(host_problem(values, KNOWN), NoHost)


def test_with_nothing_allowed_only_this_machine_and_addresses_are_known() -> None:
    assert host_problem(["localhost"], KnownHosts()) is None
    assert isinstance(host_problem(["portal"], KnownHosts()), UnknownHost)
