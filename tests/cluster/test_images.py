"""Looking at images in the registry of the local cluster, with and without a sign-in."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster import registry, settings
from portal.domain.identity import Identity
from portal.images.advice import AdviceKind, AskedFor, advice
from portal.images.frameworks import recognized, suggested_port
from portal.images.registries import ImageRegistry
from portal.images.report import Existence, ImageReport, Part
from portal.registry.failure import Failure
from tests.registries import PASSWORD, USER, inspecting, private_registry

pytestmark = pytest.mark.cluster

ANN = Identity("ann")
SAMPLE = "dash-sample"
LOCAL = ImageRegistry(settings.REGISTRY, f"http://127.0.0.1:{settings.REGISTRY_PORT}")


def kubectl(*arguments: str) -> None:
    subprocess.run(["kubectl", *arguments], check=True, timeout=60, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"images-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The ``host:port`` of a second registry with the same content, which wants a sign-in."""
    with private_registry(tmp_path_factory.mktemp("private")) as host:
        yield host


def failures(report: ImageReport) -> list[tuple[Part, Failure]]:
    return [(each.part, each.failure) for each in report.problems]


async def test_the_sample_is_known(namespace: str) -> None:
    async with inspecting(LOCAL) as inspector:
        report = await inspector.inspect(ANN, f"{settings.REGISTRY}/{SAMPLE}:1.0", namespace)
    image, tags = report.image, report.tags
    assert (report.exists, report.problems) == (Existence.YES, ())
    assert image is not None
    assert tags is not None
    assert image.config is not None
    assert "1.0" in tags.names
    assert image.digest == registry.digest(f"{settings.REGISTRY}/{SAMPLE}:1.0")
    assert image.size is not None
    assert image.size > 2**20
    assert report.runs_here is True
    assert image.config.words
    assert not image.config.runs_as_root
    port = suggested_port(report, recognized(report))
    assert port is not None
    assert port.number == 8050
    kinds = {each.kind for each in advice(report, AskedFor(port=80), port)}
    assert AdviceKind.PORT in kinds
    assert AdviceKind.PLATFORM not in kinds


async def test_what_the_registry_does_not_have(namespace: str) -> None:
    async with inspecting(LOCAL) as inspector:
        for name, words in (
            (f"{SAMPLE}:no-such-tag", "has no tag no-such-tag"),
            ("no-such/image:1.0", "has no image no-such/image"),
        ):
            report = await inspector.inspect(ANN, f"{settings.REGISTRY}/{name}", namespace)
            assert (report.exists, failures(report)) == (
                Existence.NO,
                [(Part.IMAGE, Failure.NOT_FOUND)],
            )
            assert words in str(report.problems[0])


async def test_a_registry_that_nobody_has_named_is_not_asked(namespace: str) -> None:
    async with inspecting() as inspector:
        report = await inspector.inspect(ANN, f"{settings.REGISTRY}/{SAMPLE}:1.0", namespace)
    assert failures(report) == [(Part.IMAGE, Failure.NOT_ALLOWED)]


async def test_a_private_image(namespace: str, private: str) -> None:
    for name, password in (("right", PASSWORD), ("wrong", "close-sesame")):
        kubectl(
            *("create", "secret", "docker-registry", name, "-n", namespace),
            *(f"--docker-server={private}", f"--docker-username={USER}"),
            f"--docker-password={password}",
        )
    reference = f"{private}/{SAMPLE}:1.0"
    async with inspecting(ImageRegistry(private, f"http://{private}")) as inspector:
        report = await inspector.inspect(ANN, reference, namespace)
        assert failures(report) == [(Part.IMAGE, Failure.SIGN_IN)]

        # One that is named counts only if apps may use it.
        report = await inspector.inspect(ANN, reference, namespace, ["right"])
        assert failures(report) == [
            (Part.CREDENTIALS, Failure.CREDENTIALS),
            (Part.IMAGE, Failure.SIGN_IN),
        ]
        for name in ("right", "wrong"):
            kubectl("label", "secret", name, "-n", namespace, "dash-portal.io/shared=true")
        report = await inspector.inspect(ANN, reference, namespace, ["right"])
        assert (report.exists, report.signed_in, report.problems) == (Existence.YES, True, ())
        assert report.config is not None

        report = await inspector.inspect(ANN, reference, namespace, ["wrong"])
        assert failures(report) == [(Part.IMAGE, Failure.WRONG_SIGN_IN)]

        # Those of the ServiceAccount count where none is named.
        patch = '{"imagePullSecrets": [{"name": "right"}]}'
        kubectl("patch", "serviceaccount", "default", "-n", namespace, "-p", patch)
        report = await inspector.inspect(ANN, reference, namespace)
        assert (report.exists, report.signed_in) == (Existence.YES, True)


async def test_a_sign_in_of_the_portals_own(namespace: str, private: str, tmp_path: Path) -> None:
    (tmp_path / "username").write_text(USER)
    (tmp_path / "password").write_text(PASSWORD)
    named = ImageRegistry(private, f"http://{private}", credentials=tmp_path)
    async with inspecting(named) as inspector:
        report = await inspector.inspect(ANN, f"{private}/{SAMPLE}", namespace)
    assert (report.exists, report.image, report.problems) == (Existence.YES, None, ())
    assert report.tags is not None
    assert "1.0" in report.tags.names
