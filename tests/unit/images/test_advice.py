"""What is said of an image before it is launched."""

from __future__ import annotations

import pytest

from portal.images.advice import AdviceKind, AskedFor, Severity, advice
from portal.images.frameworks import recognized, suggested_port
from portal.images.report import (
    ExposedPort,
    ImageConfig,
    ImageReport,
    NeededVariable,
    Part,
    Problem,
)
from portal.registry.failure import Failure
from tests.unit.images.make import AMD64, ARM64, report

FINE = ImageConfig(command=("python", "app.py"), user="1000", ports=(ExposedPort(8050),))
ASKED = AskedFor(port=8050)


def given(config: ImageConfig | None, asked: AskedFor = ASKED, **more: object) -> dict[str, str]:
    image = report(config, **more)  # pyright: ignore
    found = advice(image, asked, suggested_port(image, recognized(image)))
    return {f"{each.kind} {each.severity} {each.field}": each.message for each in found}


def test_nothing_is_said_of_what_is_well() -> None:
    assert given(FINE) == {}
    assert advice(ImageReport("r.example/app", "1.0"), ASKED) == ()
    assert given(None) == {}


def test_a_private_image_needs_a_pull_secret() -> None:
    refused = Problem(Part.IMAGE, Failure.SIGN_IN, "It is private.")
    (found,) = advice(ImageReport("r.example/app", "1.0", problems=(refused,)), ASKED)
    assert (found.kind, found.field) == (AdviceKind.PRIVATE, "pull_secrets")
    slow = Problem(Part.IMAGE, Failure.TIMEOUT, "It did not answer.")
    assert advice(ImageReport("r.example/app", "1.0", problems=(slow,)), ASKED) == ()


def test_what_lies_below_roots_home_is_out_of_reach() -> None:
    search = {"PATH": "/root/.local/bin:/usr/bin"}
    for config in (
        ImageConfig(command=("serve",), environment=search),
        ImageConfig(command=("/root/venv/bin/python", "app.py")),
    ):
        assert "below /root" in given(config)["root warning repository"]
    plain = ImageConfig(command=("python", "app.py"), environment={"PATH": "/usr/bin:/rooted"})
    assert "below /root" not in given(plain)["root warning repository"]


@pytest.mark.parametrize(
    ("config", "asked", "kind", "words"),
    [
        (ImageConfig(user="1000"), ASKED, "no-command problem repository", "nothing to start"),
        (
            ImageConfig(command=("uvicorn", "m:app"), user="1000"),
            AskedFor(),
            "loopback problem repository",
            "listen on 0.0.0.0",
        ),
        (
            ImageConfig(command=("python",)),
            AskedFor(),
            "root warning repository",
            "runs as user 1001, and may write below /tmp only",
        ),
        (
            ImageConfig(command=("python",)),
            AskedFor(user=1005, writable=True),
            "root warning repository",
            "Here it runs as user 1005: an app",
        ),
        (
            ImageConfig(command=("python",)),
            AskedFor(user=None),
            "root problem repository",
            "not admitted",
        ),
        (
            ImageConfig(command=("python",), user="app:app"),
            AskedFor(user=None),
            "user problem repository",
            "names its user, app",
        ),
        (FINE, AskedFor(port=80), "port warning port", "listen on 8050, not on 80"),
        (
            ImageConfig(command=("python",), user="5", needed=(NeededVariable("A", "an A"),)),
            AskedFor(),
            "variables warning env",
            "A (an A)",
        ),
        (
            ImageConfig(command=("python",), user="5", volumes=("/data", "/tmp/x")),
            AskedFor(),
            "volumes warning repository",
            "declares volumes (/data)",
        ),
    ],
)
def test_one_thing_is_said(config: ImageConfig, asked: AskedFor, kind: str, words: str) -> None:
    found = given(config, asked)
    assert list(found) == [kind]
    assert words in found[kind]


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        (ImageConfig(user="1000"), AskedFor(command=True)),
        (ImageConfig(command=("uvicorn", "m:app"), user="5"), AskedFor(command=True)),
        (ImageConfig(command=("python",)), AskedFor(user=0)),
        (FINE, AskedFor(port=None)),
        (FINE, AskedFor(port=80, command=True)),
        (FINE, AskedFor(port=8050, user=None)),
        (
            ImageConfig(command=("p",), user="5", needed=(NeededVariable("A"),)),
            AskedFor(variables=frozenset({"A"})),
        ),
        (
            ImageConfig(
                command=("p",), user="5", needed=(NeededVariable("A"),), environment={"A": "x"}
            ),
            AskedFor(),
        ),
        (ImageConfig(command=("p",), user="5", volumes=("/data/x",)), AskedFor(folders=("/data",))),
        (ImageConfig(command=("p",), user="5", volumes=("/data",)), AskedFor(writable=True)),
    ],
)
def test_what_the_form_already_answers_is_not_said(config: ImageConfig, asked: AskedFor) -> None:
    assert given(config, asked) == {}


def test_platforms() -> None:
    wrong = given(FINE, platforms=(ARM64,), nodes=(AMD64,))
    assert list(wrong) == ["platform problem repository"]
    assert "docker build --platform linux/amd64" in wrong["platform problem repository"]
    some = given(FINE, platforms=(ARM64,), nodes=(AMD64, ARM64))
    assert "a node of linux/amd64 do not start" in some["platform warning repository"]
    assert given(FINE, platforms=(ARM64, AMD64), nodes=(AMD64, ARM64)) == {}
    assert given(FINE, platforms=(ARM64,), nodes=()) == {}


def test_a_moving_tag_names_the_digest() -> None:
    found = given(FINE, tag="latest")
    assert "use sha256:aaa" in found["tag note tag"]


def test_the_gravest_comes_first() -> None:
    found = advice(report(ImageConfig(), tag="latest"), AskedFor())
    assert [each.severity for each in found] == [
        Severity.PROBLEM,
        Severity.WARNING,
        Severity.NOTE,
    ]
    assert found[0].kind is AdviceKind.NO_COMMAND
