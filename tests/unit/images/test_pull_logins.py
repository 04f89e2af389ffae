"""With what an image is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portal.domain.errors import ClusterUnavailable
from portal.domain.pull_secrets import DOCKER_CFG, DOCKER_CONFIG_JSON, PullSecret
from portal.images.pull_logins import PullLogins, mounted
from portal.images.pull_logins import pull_logins as pull_logins_for
from portal.images.report import Part
from portal.registry.credentials import Login
from tests.unit.images.make import SHARED, FakePullSecrets, pull_secret

ANN, BOB = Login("ann", "sesame"), Login("bob", "sesame")
HOST = "r.example"


async def pull_logins(
    secrets: FakePullSecrets, namespace: str, chosen: tuple[str, ...], repository: str
) -> PullLogins:
    return await pull_logins_for(secrets, namespace, chosen, repository, identity=None)


async def test_those_of_the_service_account_where_none_is_chosen() -> None:
    secrets = FakePullSecrets(
        pull_secret("a", HOST, "ann", "sesame"),
        pull_secret("b", f"{HOST}/team", "bob", "sesame"),
        pull_secret("c", HOST, "eve", "sesame"),
        default=("a", "b"),
    )
    found = await pull_logins(secrets, "apps", (), f"{HOST}/team/app")
    assert (found.logins, found.problems) == ((BOB, ANN), ())
    assert (await pull_logins(secrets, "other", (), f"{HOST}/team/app")).logins == ()
    assert (await pull_logins(secrets, "apps", (), "other.example/app")).logins == ()


async def test_a_chosen_one_takes_their_place() -> None:
    secrets = FakePullSecrets(
        pull_secret("a", HOST, "ann", "sesame"),
        pull_secret("b", HOST, "bob", "sesame", SHARED),
        default=("a",),
    )
    assert (await pull_logins(secrets, "apps", ("b",), f"{HOST}/app")).logins == (BOB,)


async def test_nobody_looks_with_what_is_not_shared() -> None:
    secrets = FakePullSecrets(pull_secret("a", HOST, "ann", "sesame"), default=("a",))
    found = await pull_logins(secrets, "apps", ("a",), f"{HOST}/app")
    assert found.logins == ()
    assert "not shared with apps" in found.problems[0].message
    assert found.problems[0].part is Part.CREDENTIALS


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (PullSecret("a", "Opaque", None), "is no pull secret"),
        (PullSecret("a", DOCKER_CONFIG_JSON, None), "is no pull secret"),
        (PullSecret("a", "Opaque", b"{}"), "is no pull secret"),
        (PullSecret("a", DOCKER_CONFIG_JSON, b"{hunter2"), "is not JSON"),
        (
            PullSecret("a", DOCKER_CONFIG_JSON, b'{"auths": {"r.example": {"auth": "hunter2!"}}}'),
            "for r.example has no user name and password",
        ),
    ],
)
async def test_what_cannot_be_used_is_told_without_a_word_of_it(
    secret: PullSecret, words: str
) -> None:
    found = await pull_logins(FakePullSecrets(secret, default=("a",)), "apps", (), f"{HOST}/app")
    assert found.logins == ()
    assert [words in each.message for each in found.problems] == [True]
    assert "hunter2" not in repr(found) + repr(secret)


async def test_what_is_not_there_is_told() -> None:
    for default, chosen in ((("gone",), ()), ((), ("gone",))):
        found = await pull_logins(FakePullSecrets(default=default), "apps", chosen, f"{HOST}/a")
        assert "no Secret gone" in found.problems[0].message


async def test_the_older_form() -> None:
    auth = pull_secret("x", HOST, "ann", "sesame").config
    assert auth is not None
    content = json.dumps(json.loads(auth)["auths"]).encode()
    secrets = FakePullSecrets(PullSecret("a", DOCKER_CFG, content), default=("a",))
    assert (await pull_logins(secrets, "apps", (), f"{HOST}/a")).logins == (ANN,)


async def test_a_cluster_that_does_not_tell() -> None:
    secrets = FakePullSecrets()
    secrets.error = ClusterUnavailable("It does not answer.")
    found = await pull_logins(secrets, "apps", (), f"{HOST}/a")
    assert "cannot be read: It does not answer." in found.problems[0].message


async def test_the_portals_own(tmp_path: Path) -> None:
    assert await mounted(None, f"{HOST}/a") == await mounted(None, "x.example/a")
    found = await mounted(tmp_path, f"{HOST}/a")
    assert "cannot be used" in found.problems[0].message
    (tmp_path / "username").write_text("ann")
    (tmp_path / "password").write_text("sesame\n")
    assert (await mounted(tmp_path, f"{HOST}/a")).logins == (ANN,)
