"""The report on an image: what was found, and what could not be. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from portal.registry.failure import Failure


class Existence(StrEnum):
    """An answer to whether the registry has what was asked for."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """It could not be asked; the report's problems say why."""


class Part(StrEnum):
    """A part of a report that a problem keeps from being known."""

    IMAGE = "image"
    """Existence, platforms, size and digest of the image."""
    TAGS = "tags"
    CONFIG = "config"
    """The image's word on itself: its configuration."""
    CREDENTIALS = "credentials"
    """A pull secret could not be used; the registry was asked without it."""


class Problem(Struct, frozen=True):
    """Something that could not be checked, why, and what a person can do about it.

    ``retry_after``: seconds after which the registry says to ask again; None if it does not say.
    """

    part: Part
    failure: Failure
    message: str
    advice: str = ""
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class Platform(Struct, frozen=True, order=True):
    """An operating system and a processor architecture, as images name them."""

    os: str
    architecture: str
    variant: str = ""

    def runs_on(self, node: Platform) -> bool:
        """Return True if a node of the platform ``node`` runs this; variants are not compared."""
        return (self.os, self.architecture) == (node.os, node.architecture)

    def __str__(self) -> str:
        return "/".join(each for each in (self.os, self.architecture, self.variant) if each)


class ExposedPort(Struct, frozen=True):
    """A port that an image exposes. ``protocol`` is ``tcp``, ``udp`` or ``sctp``."""

    number: int
    protocol: str = "tcp"


class NeededVariable(Struct, frozen=True):
    """An environment variable that an image's labels ask for."""

    name: str
    description: str = ""


class Healthcheck(Struct, frozen=True):
    """Docker's health check, which Kubernetes does not run. ``interval`` is in seconds."""

    test: tuple[str, ...]
    interval: float | None = None


class ImageConfig(Struct, frozen=True):
    """The configuration of an image, its word on itself. Secret values are hidden."""

    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_folder: str = ""
    user: str = ""
    ports: tuple[ExposedPort, ...] = ()
    volumes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    needed: tuple[NeededVariable, ...] = ()
    healthcheck: Healthcheck | None = None
    stop_signal: str = ""
    created: str = ""

    @property
    def user_id(self) -> int | None:
        """The number of the user that it runs as; None if it is a name, which may be any."""
        name = self.user.partition(":")[0]
        if name in {"", "root"}:
            return 0
        return int(name) if name.isascii() and name.isdigit() and len(name) <= 10 else None

    @property
    def runs_as_root(self) -> bool:
        """True if it runs as root unless told otherwise."""
        return self.user_id == 0

    @property
    def words(self) -> tuple[str, ...]:
        """Entry point and command, as one command line."""
        return self.entry_point + self.command


class Image(Struct, frozen=True):
    """One image: what a tag or a digest leads to.

    ``digest`` is that of all platforms together, to pin. ``platform`` is the one that was looked
    at: the nodes' where there is one. ``size`` is what is pulled for it, in bytes, compressed.
    ``config`` is None where that could not be read.
    """

    digest: str
    platforms: tuple[Platform, ...] = ()
    platform: Platform | None = None
    size: int | None = None
    config: ImageConfig | None = None


class Tags(Struct, frozen=True):
    """Tags to pick from, newest first (see ``portal.images.tags``).

    ``left_out`` counts those beyond what is shown. ``complete`` is False where the registry has
    still more, which were not read.
    """

    names: tuple[str, ...] = ()
    left_out: int = 0
    complete: bool = True


class ImageReport(Struct, frozen=True):
    """An image as its registry describes it, before it is launched.

    ``repository`` is written out (``docker.io/library/nginx``), ``tag`` is the tag or the digest
    that was asked for, "" if none was: then only the tags are looked at, and ``exists`` is about
    the repository. ``node_platforms`` are those of the nodes that take pods. ``signed_in`` tells
    that a pull secret or a mounted sign-in was used.
    """

    repository: str
    tag: str
    exists: Existence = Existence.UNKNOWN
    image: Image | None = None
    tags: Tags | None = None
    problems: tuple[Problem, ...] = ()
    node_platforms: tuple[Platform, ...] = ()
    signed_in: bool = False

    @property
    def wants_sign_in(self) -> bool:
        """True if the registry gave nothing without a sign-in."""
        return any(each.failure is Failure.SIGN_IN for each in self.problems)

    @property
    def config(self) -> ImageConfig | None:
        """The image's configuration, if that is known."""
        return self.image.config if self.image else None

    @property
    def pinned(self) -> str:
        """The reference that means this very image for ever; "" if it is not known."""
        return f"{self.repository}@{self.image.digest}" if self.image else ""

    @property
    def runs_here(self) -> bool | None:
        """True if at least one node can run it; None where that is not known."""
        if not (self.image and self.image.platforms and self.node_platforms):
            return None
        return len(self.nodes_left_out) < len(self.node_platforms)

    @property
    def nodes_left_out(self) -> tuple[Platform, ...]:
        """The platforms of nodes that cannot run it."""
        if not (self.image and self.image.platforms):
            return ()
        offered = self.image.platforms
        return tuple(
            node for node in self.node_platforms if not any(each.runs_on(node) for each in offered)
        )
