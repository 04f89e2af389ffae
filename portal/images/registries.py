"""Registries that are asked about images: where, and how far that may lead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import ConfigDict

from portal.domain.images import (
    DOCKER_HUB,
    repository_problem,
    split_reference,
    split_registry,
    written_out,
)
from portal.registry.auth import Reach

_API_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}
"""API hosts of registries that answer under another name than their own."""


class ImageLookup(StrEnum):
    """A choice of the registries that are asked."""

    PUBLIC = "public"
    """The listed ones, and all others over https at public addresses."""
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class ImageRegistry:
    """A registry that an administrator has named.

    ``host`` is how images name it (``registry.example.com:5000``), ``url`` where the portal
    reaches it, if elsewhere or without TLS (``http://…``). It may be at any address. ``hosts`` are
    further ``host[:port]`` that it gives out tokens or content at, where those are not public.
    ``credentials`` is a folder with a user name and a password (see ``portal.registry.mounted``),
    which are used where no pull secret is.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    host: str
    url: str = ""
    hosts: tuple[str, ...] = ()
    credentials: Path | None = None

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ValueError(f"{self.host[:100]}: {problem}")

    @property
    def name(self) -> str:
        """The host as it is written out in images' names."""
        return written_out(f"{self.host}/a/b")[0]

    @property
    def base(self) -> str:
        """The address at which the portal asks it."""
        return self.url.rstrip("/") or _base(self.name)


def _problem(registry: ImageRegistry) -> str:
    whole = f"{registry.host}/a"
    if split_registry(whole)[0] != registry.host or repository_problem(whole):
        return "a registry's host is a name, with a port where it has one."
    parts = urlsplit(registry.url)
    if registry.url and (parts.scheme not in {"http", "https"} or not parts.netloc):
        return "its url begins with https:// or http://."
    if parts.username or parts.password:
        return "its url must not hold a password."
    if parts.path.strip("/") or parts.query:
        return "its url ends with the host."
    return ""


class Endpoint(Struct, frozen=True):
    """An address of a registry, and how to ask there; ``credentials`` as in ``ImageRegistry``."""

    base: str
    reach: Reach
    credentials: Path | None = None


class Registries:
    """The registries that may be asked."""

    def __init__(
        self, named: Sequence[ImageRegistry] = (), lookup: ImageLookup = ImageLookup.PUBLIC
    ) -> None:
        self._named = {each.name: each for each in named}
        self._public = lookup is ImageLookup.PUBLIC

    def endpoint(self, registry: str) -> Endpoint | None:
        """Return where to ask a registry by its name; None if it may not be asked."""
        found = self._named.get(registry)
        if found is None:
            reach = Reach((), _trusts(()), public=True)
            return Endpoint(_base(registry), reach) if self._public else None
        hosts = tuple(map(str.lower, (urlsplit(found.base).netloc, *found.hosts)))
        return Endpoint(found.base, Reach(hosts, _trusts(hosts), public=True), found.credentials)


class ImageName(Struct, frozen=True):
    """An image's name, written out. ``tag`` may be a digest, or "" where none is given."""

    registry: str
    path: str
    tag: str

    @classmethod
    def of(cls, reference: str) -> ImageName:
        """Read a reference that has been checked."""
        repository, tag = split_reference(reference)
        return cls(*written_out(repository), tag)

    @property
    def repository(self) -> str:
        """Registry and path."""
        return f"{self.registry}/{self.path}"


def _base(registry: str) -> str:
    return f"https://{_API_HOSTS.get(registry, registry)}"


def _trusts(hosts: Sequence[str]) -> Callable[[str], bool]:
    """A registry that may have a password may say over TLS who gives out tokens for it."""

    def trusts(url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme == "https" or parts.netloc.lower() in hosts

    return trusts
