"""Which registries are asked, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.images.registries import ImageLookup, ImageName, ImageRegistry, Registries


@pytest.mark.parametrize(
    ("reference", "repository", "tag", "base"),
    [
        ("nginx", "docker.io/library/nginx", "", "https://registry-1.docker.io"),
        ("team/app:1.0", "docker.io/team/app", "1.0", "https://registry-1.docker.io"),
        ("docker.io/nginx:1", "docker.io/library/nginx", "1", "https://registry-1.docker.io"),
        ("index.docker.io/a/b", "docker.io/a/b", "", "https://registry-1.docker.io"),
        ("GHCR.io/a/b:x", "ghcr.io/a/b", "x", "https://ghcr.io"),
        ("r.example:5000/a", "r.example:5000/a", "", "https://r.example:5000"),
        ("localhost/a", "localhost/a", "", "https://localhost"),
    ],
)
def test_where_an_image_is_asked_for(reference: str, repository: str, tag: str, base: str) -> None:
    name = ImageName.of(reference)
    assert (name.repository, name.tag) == (repository, tag)
    endpoint = Registries().endpoint(name.registry)
    assert endpoint is not None
    assert (endpoint.base, endpoint.reach.public, tuple(endpoint.reach.hosts)) == (base, True, ())


def test_a_tag_beside_a_digest_gives_way() -> None:
    digest = "sha256:" + "a" * 64
    assert ImageName.of(f"r.example/a:1.0@{digest}") == ImageName("r.example", "a", digest)


def test_named_registries_are_asked_where_that_is_said() -> None:
    named = ImageRegistry(
        "Localhost:5000", "http://10.0.0.1:5000/", ("cdn.internal",), Path("/credentials")
    )
    endpoint = Registries([named]).endpoint("localhost:5000")
    assert endpoint is not None
    assert endpoint.base == "http://10.0.0.1:5000"
    assert endpoint.credentials == Path("/credentials")
    assert set(endpoint.reach.hosts) == {"10.0.0.1:5000", "cdn.internal"}
    trusts = endpoint.reach.trusts
    for url in ("https://auth.example.com/token", "http://10.0.0.1:5000/t", "http://cdn.internal/"):
        assert trusts(url)
    assert not trusts("http://auth.example.com/token")


def test_a_public_registry_may_have_its_tokens_over_tls_only() -> None:
    endpoint = Registries().endpoint("r.example")
    assert endpoint is not None
    assert endpoint.reach.trusts("https://auth.example.com/token")
    assert not endpoint.reach.trusts("http://r.example/token")


def test_docker_hub_may_have_another_address() -> None:
    mirror = ImageRegistry("docker.io", "https://mirror.example.com")
    endpoint = Registries([mirror]).endpoint("docker.io")
    assert endpoint is not None
    assert endpoint.base == "https://mirror.example.com"


def test_only_listed_ones() -> None:
    some = Registries([ImageRegistry("r.example")], ImageLookup.LISTED)
    endpoint = some.endpoint("r.example")
    assert endpoint is not None
    assert endpoint.base == "https://r.example"
    assert some.endpoint("docker.io") is None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", ""),
        ("https://r.example", ""),
        ("r.example/a", ""),
        ("nodot", ""),
        ("r.example", "r.example"),
        ("r.example", "ftp://r.example"),
        ("r.example", "https://ann:x@r.example"),
        ("r.example", "https://r.example/v2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(host: str, url: str) -> None:
    with pytest.raises(ValueError, match=":"):
        ImageRegistry(host, url)
