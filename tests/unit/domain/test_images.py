from __future__ import annotations

import pytest

from portal.domain import images

DIGEST = "sha256:" + "0af" * 21 + "b"


@pytest.mark.parametrize(
    "repository",
    [
        "nginx",
        "library/nginx",
        "localhost:5000/dash-sample",
        "localhost/dash-sample",
        "registry.example.com/team/my_app/x--y",
        "registry.example.com:443/a.b/c__d",
        "[::1]:5000/a",
        "127.0.0.1:5000/a",
        "Registry.Example.com/a",
    ],
)
def test_repositories_that_are_fine(repository: str) -> None:
    assert images.repository_problem(repository) == ""


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        ("", "Give the image's repository"),
        ("https://r.io/a", "Leave out “http://”"),
        ("a b", "no spaces"),
        ("a\tb", "no spaces"),
        ("nginx:1.0", "put “1.0” in the tag field, and keep nginx"),
        ("localhost:5000/a:2", "put “2” in the tag field, and keep localhost:5000/a"),
        (f"nginx@{DIGEST}", "Leave out the digest"),
        ("Team/App", "lower case: team/app"),
        ("r.io/Team/App", "lower case: r.io/team/app"),
        ("r.io:99999/a", "“99999” is not a port"),
        ("r.io:²/a", "“²” is not a port"),
        ("r.io:５０００/a", "is not a port"),
        ("-r.io/a", "not a registry's host name"),
        ("/a", "neither begins nor ends"),
        ("a//b", "neither begins nor ends"),
        ("a/", "neither begins nor ends"),
        ("a___b", "cannot be part"),
        ("a/.b", "cannot be part"),
        ("a;rm -rf", "no spaces"),
        ("$(id)", "cannot be part"),
        ("a" * 256, "at most 255"),
        ("--set=x", "cannot be part"),
    ],
)
def test_repositories_that_are_not(repository: str, words: str) -> None:
    assert words in images.repository_problem(repository)


@pytest.mark.parametrize("tag", ["1.0", "latest", "_x", "v1-2.3_4", "a" * 128, DIGEST])
def test_tags_that_are_fine(tag: str) -> None:
    assert images.tag_problem(tag) == ""


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("", "Give the image's tag"),
        ("-x", "begins with a letter"),
        (".x", "begins with a letter"),
        ("a b", "may hold"),
        ("é", "may hold"),
        ("a" * 129, "at most 128"),
        ("sha256:abc", "64 hexadecimal digits"),
        (DIGEST.upper(), "64 hexadecimal digits"),
        (f"@{DIGEST}", "64 hexadecimal digits"),
        ("nginx:1.0", "without the repository: “1.0”"),
        ("r.io/a", "without the repository"),
    ],
)
def test_tags_that_are_not(tag: str, words: str) -> None:
    assert words in images.tag_problem(tag)


def test_latest_is_warned_of() -> None:
    assert "1.0" in images.tag_warning("latest")
    assert images.tag_warning("1.0") == ""


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("nginx", ("nginx", "")),
        ("nginx:1", ("nginx", "1")),
        ("r:5000/a", ("r:5000/a", "")),
        ("r:5000/a:1", ("r:5000/a", "1")),
        (f"r:5000/a@{DIGEST}", ("r:5000/a", DIGEST)),
        (f"r:5000/a:1@{DIGEST}", ("r:5000/a", DIGEST)),
    ],
)
def test_references_are_split(reference: str, parts: tuple[str, str]) -> None:
    assert images.split_reference(reference) == parts
