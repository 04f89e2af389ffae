"""Reads one image from its registry: manifest, configuration and tags, at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from portal.images.config import read_config
from portal.images.problems import missing, problem
from portal.images.registries import ImageName
from portal.images.report import (
    Existence,
    Image,
    ImageConfig,
    ImageReport,
    Part,
    Platform,
    Problem,
    Tags,
)
from portal.images.tags import SHOWN, newest_first
from portal.registry.failure import Failure, FetchError
from portal.registry.repository import (
    DOCKER_LIST,
    OCI_INDEX,
    Descriptor,
    Found,
    Manifest,
    Repository,
)
from portal.threads import in_thread

MANY = 100
"""Tags from which on they are put in order beside the event loop."""
MAX_PLATFORMS = 50

_USUAL = Platform("linux", "amd64")
_CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
        "application/octet-stream",  # of very old tools
    }
)

T = TypeVar("T")


class _Manifests(Struct, frozen=True):
    """The manifest of one platform, and all that there are."""

    digest: str
    platforms: tuple[Platform, ...]
    manifest: Manifest


class ImageReader:
    """Reads the image ``name`` of ``repository`` for nodes of some platforms.

    ``deadline`` is in seconds, for everything. What is not known by then is told as a problem.
    """

    def __init__(
        self,
        repository: Repository,
        name: ImageName,
        nodes: Sequence[Platform],
        deadline: float,
    ) -> None:
        self._repository = repository
        self._name = name
        self._nodes = tuple(nodes)
        self._deadline = deadline
        self._until = asyncio.get_running_loop().time() + deadline

    async def report(self) -> ImageReport:
        """Return what was found; nothing is raised."""
        tags, found = await asyncio.gather(self._kept(self._tags()), self._kept(self._manifests()))
        image = None
        if isinstance(found, _Manifests):
            exists = Existence.YES
            image, problems = await self._image(found)
            if isinstance(tags, FetchError):
                problems.append(self._problem(Part.TAGS, tags))
        else:
            exists, problems = await self._absent(found, tags)
        return ImageReport(
            repository=self._name.repository,
            tag=self._name.tag,
            exists=exists,
            image=image,
            tags=None if isinstance(tags, FetchError) else tags,
            problems=tuple(problems),
            node_platforms=self._nodes,
        )

    async def _absent(
        self, found: FetchError | None, tags: FetchError | Tags
    ) -> tuple[Existence, list[Problem]]:
        """Return whether an image exists, judged without its manifest, and the problems."""
        error = found if found is not None else tags
        if isinstance(error, Tags):
            return Existence.YES, []
        if error.failure is not Failure.NOT_FOUND:
            problems = [self._problem(Part.IMAGE, error)]
            if isinstance(tags, FetchError) and tags.failure is not error.failure:
                problems.append(self._problem(Part.TAGS, tags))
            return Existence.UNKNOWN, problems
        if isinstance(tags, Tags):
            return Existence.NO, [missing(self._name, repository=True)]
        registry = await self._kept(self._repository.is_registry())
        if registry is False:
            words = "It knows nothing of the distribution protocol."
            return Existence.UNKNOWN, [self._problem(Part.IMAGE, FetchError(words))]
        known = False if tags.failure is Failure.NOT_FOUND else None
        return Existence.NO, [missing(self._name, repository=known)]

    async def _tags(self) -> Tags:
        listed = await self._repository.tags()
        many = len(listed.names) > MANY
        names = await in_thread(newest_first, listed.names) if many else newest_first(listed.names)
        return Tags(tuple(names[:SHOWN]), max(0, len(names) - SHOWN), listed.complete)

    async def _manifests(self) -> _Manifests | None:
        """The manifest for the nodes; None where no tag was asked for."""
        if not self._name.tag:
            return None
        found = await self._repository.manifest(self._name.tag)
        if not _is_index(found.manifest):
            return _Manifests(found.digest, (), _checked(found.manifest))
        offered = _offered(found)
        wanted = self._wanted(tuple(offered))
        one = await self._repository.part(offered[wanted].digest)
        return _Manifests(found.digest, tuple(offered), _checked(one.manifest))

    def _wanted(self, offered: Sequence[Platform]) -> Platform:
        """The platform to look at: one of the nodes', the usual one, or the first."""
        for node in (*self._nodes, _USUAL):
            for each in offered:
                if each.runs_on(node):
                    return each
        return offered[0]

    async def _image(self, found: _Manifests) -> tuple[Image, list[Problem]]:
        read = await self._kept(self._config(found.manifest))
        problems = [self._problem(Part.CONFIG, read)] if isinstance(read, FetchError) else []
        platform, config = (None, None) if isinstance(read, FetchError) else read
        one = (platform,) if platform and platform.os else ()
        image = Image(
            digest=found.digest,
            platforms=found.platforms or one,
            platform=platform,
            size=_size(found.manifest),
            config=config,
        )
        return image, problems

    async def _config(self, manifest: Manifest) -> tuple[Platform, ImageConfig]:
        body = await self._repository.blob(manifest.config or Descriptor())
        return await in_thread(read_config, body)

    async def _kept(self, asking: Coroutine[Any, Any, T]) -> T | FetchError:
        """Return the result of ``asking``, or the failure if it has none in time."""
        try:
            async with asyncio.timeout_at(self._until):
                return await asking
        except TimeoutError:
            return FetchError("No answer in time.", Failure.TIMEOUT)
        except FetchError as error:
            return error

    def _problem(self, part: Part, error: FetchError) -> Problem:
        return problem(part, error, self._name, deadline=self._deadline)


def _is_index(manifest: Manifest) -> bool:
    return manifest.media_type in {OCI_INDEX, DOCKER_LIST} or manifest.manifests is not None


def _offered(found: Found) -> dict[Platform, Descriptor]:
    """Return the images of an index by platform, without attestations, which have none."""
    offered: dict[Platform, Descriptor] = {}
    for each in (found.manifest.manifests or ())[:MAX_PLATFORMS]:
        told = each.platform
        if told is not None and "unknown" not in {told.os, told.architecture} and told.os:
            platform = Platform(told.os[:50], told.architecture[:50], told.variant[:50])
            offered.setdefault(platform, each)
    if not offered:
        raise FetchError("It is a list of something else than images.", Failure.UNSUPPORTED)
    return offered


def _checked(manifest: Manifest) -> Manifest:
    """The manifest of one image. Raises ``FetchError`` if it is of something else."""
    if manifest.schema_version == 1:
        words = "It is in the form of 2015 (schema 1), which container runtimes no longer pull."
        raise FetchError(words, Failure.UNSUPPORTED)
    config = manifest.config
    if config is None:
        raise FetchError("It sends no manifest of an image.")
    if config.media_type and config.media_type not in _CONFIGS:
        kind = "a Helm chart" if ".helm." in config.media_type else "something else"
        raise FetchError(f"This is {kind}, not an image.", Failure.UNSUPPORTED)
    return manifest


def _size(manifest: Manifest) -> int | None:
    """Bytes of all layers and the configuration, as they are pulled."""
    parts = [*(manifest.layers or ()), manifest.config or Descriptor()]
    return sum(max(0, each.size) for each in parts) or None
