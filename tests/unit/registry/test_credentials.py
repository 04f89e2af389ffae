"""Docker configurations, matched as the kubelet matches them."""

from __future__ import annotations

import base64
import json

import pytest

from portal.registry.credentials import (
    MAX_CONFIG,
    ConfigError,
    Entry,
    Login,
    entries_for,
    read_config,
)

AUTH = base64.b64encode(b"ann:open:sesame").decode()
LOGIN = Login("ann", "open:sesame")


def matching(location: str, repository: str) -> bool:
    config = json.dumps({"auths": {location: {"auth": AUTH}}}).encode()
    return bool(entries_for(read_config(config), repository))


@pytest.mark.parametrize(
    ("location", "repository"),
    [
        ("registry.example.com", "registry.example.com/team/app"),
        ("https://registry.example.com", "registry.example.com/team/app"),
        ("http://registry.example.com/", "registry.example.com/app"),
        ("https://registry.example.com/v1/", "registry.example.com/app"),
        ("https://registry.example.com/v2/", "registry.example.com/app"),
        ("Registry.Example.com", "registry.example.com/app"),
        ("registry.example.com:5000", "registry.example.com:5000/app"),
        ("registry.example.com/team", "registry.example.com/team/app"),
        ("registry.example.com/te", "registry.example.com/team/app"),
        ("*.example.com", "registry.example.com/app"),
        ("*.dkr.ecr.*.amazonaws.com", "123.dkr.ecr.eu-west-1.amazonaws.com/app"),
        ("*.example.com:5000/team", "registry.example.com:5000/team/app"),
        ("https://index.docker.io/v1/", "docker.io/library/nginx"),
        ("index.docker.io", "docker.io/team/app"),
        ("docker.io", "docker.io/library/nginx"),
    ],
)
def test_an_entry_is_for_a_repository(location: str, repository: str) -> None:
    assert matching(location, repository)


@pytest.mark.parametrize(
    ("location", "repository"),
    [
        ("registry.example.com", "registry.example.com:5000/app"),
        ("registry.example.com:5000", "registry.example.com/app"),
        ("registry.example.com:5001", "registry.example.com:5000/app"),
        ("example.com", "registry.example.com/app"),
        ("*.example.com", "a.b.example.com/app"),
        ("*.example.com", "example.com/app"),
        ("*", "registry.example.com/app"),
        ("registry.example.com/other", "registry.example.com/team/app"),
        ("https://index.docker.io/v1/", "registry.example.com/app"),
        ("[", "registry.example.com/app"),
        ("registry.example.com.evil.example", "registry.example.com/app"),
    ],
)
def test_an_entry_is_not_for_a_repository(location: str, repository: str) -> None:
    assert not matching(location, repository)


def test_the_most_specific_comes_first() -> None:
    first, second, third = (Login(each, "x") for each in ("a", "b", "c"))
    entries = (
        Entry("r.example", first),
        Entry("r.example/team/app", second),
        Entry("r.example/team", third),
    )
    found = entries_for(entries, "r.example/team/app")
    assert [each.login for each in found] == [second, third, first]


def test_docker_hubs_own_name_comes_before_its_old_one() -> None:
    entries = (Entry("index.docker.io", Login("old", "x")), Entry("docker.io", LOGIN))
    assert entries_for(entries, "docker.io/library/nginx") == (entries[1],)


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": AUTH}, LOGIN),
        ({"auth": AUTH.rstrip("=")}, LOGIN),
        ({"username": "ann", "password": "open:sesame"}, LOGIN),
        ({"username": "bob", "password": "x", "auth": AUTH}, LOGIN),
        ({"username": "bob", "password": "x", "auth": ""}, Login("bob", "x")),
        ({"auth": "no base64!"}, None),
        ({"auth": base64.b64encode(b"nocolon").decode()}, None),
        ({"identitytoken": "hunter2"}, None),
        ({"username": "ann"}, None),
        ("hunter2", None),
    ],
)
def test_what_an_entry_holds(entry: object, login: Login | None) -> None:
    config = json.dumps({"auths": {"r.example": entry}}).encode()
    assert read_config(config) == (Entry("r.example", login),)


def test_the_older_form_has_no_frame() -> None:
    config = json.dumps({"https://r.example": {"auth": AUTH}}).encode()
    assert read_config(config, legacy=True) == (Entry("r.example", LOGIN),)
    assert read_config(config) == ()


@pytest.mark.parametrize("content", [b"{hunter2", b"[" * 100_000, b" " * (MAX_CONFIG + 1), b"\xff"])
def test_what_is_none_is_refused_without_a_word_of_it(content: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(content)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [b"null", b"[]", b"1", b'{"auths": []}', b'{"auths": {}}'])
def test_what_says_nothing_has_no_entries(content: bytes) -> None:
    assert read_config(content) == ()


def test_a_login_is_never_written_down() -> None:
    assert "sesame" not in repr(LOGIN) + str(LOGIN) + repr(Entry("r.example", LOGIN))
