from __future__ import annotations

import pytest

from portal.domain import names
from portal.domain.launch import EnvVar


@pytest.mark.parametrize("name", ["a", "sales-dashboard", "a1", "a" * 53])
def test_release_names_that_are_fine(name: str) -> None:
    assert names.release_name_problem(name) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Give the app a name"),
        ("a" * 54, "at most 53 characters; this has 54"),
        ("Sales", "lower case. For example: sales"),
        ("-a", "not with “-”"),
        ("a-", "not with “-”"),
        ("a.b", "For example: a-b"),
        ("a_b", "For example: a-b"),
        ("1app", "begins with a letter, for example app-1app"),
        ("naïve", "only lower-case letters"),
        ("--post-renderer=x", "not with “-”"),
        ("a\n", "only lower-case letters"),
        ("²", "only lower-case letters"),
    ],
)
def test_release_names_that_are_not(name: str, words: str) -> None:
    assert words in names.release_name_problem(name)


@pytest.mark.parametrize("text", ["Sales Dash 2", "9 lives", "a" * 80, "x-" * 40])
def test_a_suggested_name_is_a_valid_one(text: str) -> None:
    assert names.release_name_problem(names.slug(text)) == ""


def test_namespaces() -> None:
    assert names.namespace_problem("9apps") == ""
    assert names.namespace_problem("a" * 63) == ""
    assert "at most 63" in names.namespace_problem("a" * 64)
    assert "Choose a namespace" in names.namespace_problem("")
    assert "lower case" in names.namespace_problem("Apps")


@pytest.mark.parametrize("host", ["a", "app.example.com", "1.example.com", "x-y.z", "a" * 63])
def test_host_names_that_are_fine(host: str) -> None:
    assert names.hostname_problem(host) == ""


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("", "Give the host name"),
        ("http://a.b", "without “http://”"),
        ("a.b/c", "without a path"),
        ("a.b:80", "without a port"),
        ("*.a.b", "wildcard"),
        ("App.Example.com", "lower case: app.example.com"),
        ("a..b", "two dots"),
        (".a", "dot"),
        ("10.0.0.1", "not an IP address"),
        ("a_b.c", "“a_b” in the host name"),
        ("-a.b", "“-a” in the host name"),
        ("a" * 64 + ".b", "at most 63"),
        ("a." * 130 + "b", "at most 253"),
    ],
)
def test_host_names_that_are_not(host: str, words: str) -> None:
    assert words in names.hostname_problem(host)


@pytest.mark.parametrize(
    ("port", "words"), [(None, "8050"), (0, "this is 0"), (65536, "65535"), (-1, "-1")]
)
def test_ports_that_are_not(port: int | None, words: str) -> None:
    assert words in names.port_problem(port)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "for example /data"),
        ("data/x", "/data/x"),
        ("//", "a folder such as /data"),
        ("/a:b", "neither spaces nor"),
        ("/a b", "neither spaces nor"),
        ("/a\n", "neither spaces nor"),
        ("/a/../b", "written out"),
        ("/a//b", "written out"),
        ("/etc/", "/etc is the container's own"),
        ("/" + "a" * 255, "at most 255"),
    ],
)
def test_mount_paths_that_are_not(path: str, words: str) -> None:
    assert words in names.mount_path_problem(path)


def test_mount_paths_and_claims_that_are_fine() -> None:
    for path in ("/data", "/data/", "/srv/übung/x_1", "/etc/app"):
        assert names.mount_path_problem(path) == ""
    assert names.claim_problem("data-db-0") == names.claim_problem("a.b") == ""
    assert names.claim_problem("a" * 254) != ""
    assert names.claim_problem("a..b") != ""


def test_ports_that_are_fine() -> None:
    assert names.port_problem(1) == names.port_problem(65535) == ""


def test_environment_lines() -> None:
    read = names.parse_env("A=1\n\n# a comment\r\n _b2 = x=y \nEMPTY=\n")

    assert read.error == ""
    assert read.variables == (EnvVar("A", "1"), EnvVar("_b2", " x=y "), EnvVar("EMPTY", ""))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A=1\nB", "Line 2: write NAME=value"),
        ("1A=x", "Line 1: “1A”"),
        ("A-B=x", "“A-B” cannot"),
        ("=x", "“” cannot"),
        ("export A=1", "leave out “export”"),
        ("A=1\nB=2\nA=3", "Line 3: A is given twice"),
        ("A=\0", "NUL"),
    ],
)
def test_environment_lines_that_are_wrong(text: str, words: str) -> None:
    read = names.parse_env(text)

    assert words in read.error
    assert read.variables == ()


def test_environment_lines_that_surprise() -> None:
    assert "quotes" in names.parse_env('A="x"').warning
    assert "secret" in names.parse_env("DB_PASSWORD=x").warning
    assert names.parse_env("A=x").warning == ""
