"""Whatever image people bring becomes ready, or is told why not and what changes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from dev.cluster import settings
from tests.images.assemble import Registry
from tests.images.corpus import CORPUS
from tests.images.harness import (
    DOWNLOADING,
    Seen,
    kubectl,
    launched,
    restricted_namespace,
    words,
)
from tests.registries import PASSWORD, USER, HeldRegistry, private_registry

pytestmark = pytest.mark.cluster

REPOSITORY = "corpus"
PULL_SECRET = "registry-login"


@pytest.fixture(scope="module")
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Seen]:
    """What became of all selected cases."""
    selected = {
        name: CORPUS[name]
        for each in request.session.items
        if isinstance(each, pytest.Function) and each.originalname == "test_an_image"
        for name in [str(each.callspec.params["name"])]
    }
    registry = Registry(f"127.0.0.1:{settings.REGISTRY_PORT}", "python-base:bookworm", REPOSITORY)
    tags = {name: registry.put(name, case.image) for name, case in selected.items()}
    registry.close()
    with (
        private_registry(tmp_path_factory.mktemp("private")) as private,
        restricted_namespace() as namespace,
    ):

        def images(held: HeldRegistry) -> Mapping[str, str]:
            hosts = {
                name: private if case.private else held.host if case.slow else settings.REGISTRY
                for name, case in selected.items()
            }
            return {name: f"{hosts[name]}/{REPOSITORY}:{tag}" for name, tag in tags.items()}

        kubectl(
            *("create", "secret", "docker-registry", PULL_SECRET, "-n", namespace),
            *(f"--docker-server={private}", f"--docker-username={USER}"),
            f"--docker-password={PASSWORD}",
        )
        kubectl("label", "secret", PULL_SECRET, "-n", namespace, "dash-portal.io/shared=true")
        home = tmp_path_factory.mktemp("helm")
        return asyncio.run(launched(selected, images, namespace, home))


@pytest.mark.parametrize("name", CORPUS)
def test_an_image(name: str, seen: dict[str, Seen]) -> None:
    case, came = CORPUS[name], seen[name]
    print(f"{name}: {came.seconds:.1f} s")
    print(words(came.view))
    print([f"{each.kind.value}: {each.message}" for each in came.advice])
    assert came.met, f"{words(came.view)}\nafter {came.said}"
    if case.told is None:
        troubled = [each for each in came.said if "Crashing" in each or "fails" in each]
        assert not troubled, came.said
    if case.before is not None:
        assert case.before in {each.kind for each in came.advice}
    if case.slow:
        assert DOWNLOADING in came.said
