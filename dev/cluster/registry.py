"""Questions to the local image registry, over its HTTP interface."""

from __future__ import annotations

import json
import tarfile
import urllib.error
import urllib.request
from typing import Any

from dev.cluster import settings

_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


def split(image: str) -> tuple[str, str]:
    """``localhost:5000/a/b:1.0`` → (``a/b``, ``1.0``)."""
    rest = image.removeprefix(f"{settings.REGISTRY}/")
    name, colon, tag = rest.rpartition(":")
    return (name, tag) if colon else (rest, "latest")


def local_name(image: str) -> str:
    """The name an image gets in the local registry: another registry's host is dropped."""
    if image.startswith(f"{settings.REGISTRY}/"):
        return image
    first, slash, rest = image.partition("/")
    host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    name = rest if host else image
    if ":" not in name.rsplit("/", 1)[-1]:
        name = f"{name}:latest"
    return f"{settings.REGISTRY}/{name}"


def answers() -> bool:
    """Return True if the registry answers."""
    try:
        with urllib.request.urlopen(f"http://{_HOST}/v2/", timeout=2):
            return True
    except OSError:
        return False


def digest(image: str) -> str | None:
    """The image's digest; None when the registry does not have it."""
    found = _manifest(image)
    return None if found is None else found[0]


def labels(image: str) -> dict[str, str]:
    """The image's labels; empty when the registry does not have it."""
    found = _manifest(image)
    if found is None:
        return {}
    name, _tag = split(image)
    config = _get(f"{name}/blobs/{found[1]['config']['digest']}")
    return {} if config is None else config[1].get("config", {}).get("Labels") or {}


def file(image: str, path: str) -> bytes | None:
    """A file of the image, from the last layer that has it; None where there is none."""
    found = _manifest(image) if answers() else None
    for layer in reversed(found[1]["layers"]) if found else ():
        url = f"http://{_HOST}/v2/{split(image)[0]}/blobs/{layer['digest']}"
        with (
            urllib.request.urlopen(url, timeout=60) as answer,
            tarfile.open(fileobj=answer, mode="r|*") as tar,
        ):
            for member in tar:
                if member.name.removeprefix("./") == path and member.isreg():
                    content = tar.extractfile(member)
                    return content.read() if content else None
    return None


_HOST = f"127.0.0.1:{settings.REGISTRY_PORT}"


def _manifest(image: str) -> tuple[str, dict[str, Any]] | None:
    name, tag = split(image)
    return _get(f"{name}/manifests/{tag}")


def _get(path: str) -> tuple[str, dict[str, Any]] | None:
    request = urllib.request.Request(f"http://{_HOST}/v2/{path}", headers={"Accept": _MANIFESTS})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers.get("Docker-Content-Digest", ""), json.load(answer)
    except urllib.error.HTTPError:
        return None
