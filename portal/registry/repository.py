"""One repository of a registry, by the distribution protocol: tags, manifests and blobs."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote, urljoin

import msgspec
from msgspec import Struct

from portal.registry.auth import Reach, authorization, is_bearer, refusal
from portal.registry.contents import Contents
from portal.registry.credentials import Login
from portal.registry.failure import Failure, FetchError
from portal.registry.fetch import Answer, Fetch, origin

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFESTS = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST))

MAX_JSON = 1024 * 1024
"""Bytes of a manifest, a configuration or a page of tags."""
MAX_PAGES = 20
PAGE = 1000
"""Tags that are asked for at once; a registry may send fewer."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')

T = TypeVar("T")


class PlatformEntry(Struct, frozen=True):
    """The platform that an index says a manifest is for."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Descriptor(Struct, frozen=True, rename="camel"):
    """Content that a manifest refers to. ``size`` is in bytes, as it is stored: compressed."""

    media_type: str = ""
    digest: str = ""
    size: int = 0
    platform: PlatformEntry | None = None


class Manifest(Struct, frozen=True, rename="camel"):
    """A manifest, or an index of some (``manifests``)."""

    schema_version: int | None = None
    media_type: str | None = None
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] | None = None
    manifests: tuple[Descriptor, ...] | None = None


class Found(Struct, frozen=True):
    """A manifest and the digest of its very bytes."""

    manifest: Manifest
    digest: str


class TagList(Struct, frozen=True):
    """The tags of a repository, in the registry's order. ``complete``: these are all."""

    names: tuple[str, ...]
    complete: bool = True


class _Tags(Struct, frozen=True):
    """One page of them."""

    tags: tuple[str, ...] | None = None


class Repository:
    """One repository, asked through ``fetch``. Keeps a token for as long as it lives.

    ``base`` is the registry's address, ``https://registry.example.com``, and ``path`` the
    repository in it. Of ``logins`` the next is tried where one is refused; without any it is asked
    as everybody may. With ``contents`` what has been fetched is kept there. All raise
    ``FetchError``.
    """

    def __init__(
        self,
        base: str,
        path: str,
        fetch: Fetch,
        reach: Reach,
        logins: Sequence[Login] = (),
        contents: Contents | None = None,
    ) -> None:
        self._base = base.rstrip("/")
        self._path = path
        self._fetch = fetch
        self._reach = reach
        self._contents = contents
        self._left: list[Login | None] = [*logins] or [None]
        self._refusal = refusal(None)
        self._authorization = ""
        self._signing_in = asyncio.Lock()

    async def tags(self) -> TagList:
        """Return the tags: of the first pages, where there are very many."""
        found: list[str] = []
        url = f"{self._url}/tags/list?n={PAGE}"
        for _ in range(MAX_PAGES):
            answer = await self._get(url, MAX_JSON)
            found += [each[:128] for each in decoded(answer.body, _Tags).tags or ()]
            more = _NEXT.search(answer.headers.get("link", ""))
            if not more:
                return TagList(tuple(found))
            url = _continued(url, more[1])
        return TagList(tuple(found), complete=False)

    async def manifest(self, reference: str) -> Found:
        """Return the manifest, or the index, of a tag or a digest."""
        if self._contents is not None:
            # Whether we may have it, and which it is, is asked without fetching it.
            digest = await self._digest(reference)
            if _DIGEST.fullmatch(digest):
                return await self.part(digest)
        return await self._manifest(reference)

    async def part(self, digest: str) -> Found:
        """Return the manifest that an index, which has been read, names by its digest."""
        _check_digest(digest)
        kept = self._kept(f"manifests/{digest}")
        if kept is not None:
            return Found(decoded(kept, Manifest), digest)
        return await self._manifest(digest)

    async def blob(self, descriptor: Descriptor, limit: int = MAX_JSON) -> bytes:
        """Return content that a manifest, which has been read, names by its digest.

        ``limit`` is in bytes.
        """
        digest = descriptor.digest
        _check_digest(digest)
        path = f"blobs/{digest}"
        body = self._kept(path)
        if body is None:
            body = (await self._get(f"{self._url}/{path}", limit)).body
            if digest_of(body) != digest:
                raise FetchError("What the registry sent is not what its digest says.")
            self._keep(path, body)
        return body

    async def is_registry(self) -> bool:
        """Return True if there is a registry at all at this address."""
        answer = await self._ask(f"{self._base}/v2/", MAX_JSON)
        challenged = answer.status == 401 and "www-authenticate" in answer.headers
        told = "docker-distribution-api-version" in answer.headers
        return challenged or told or (answer.status == 200 and answer.body[:16].strip() == b"{}")

    @property
    def _url(self) -> str:
        return f"{self._base}/v2/{quote(self._path)}"

    async def _manifest(self, reference: str) -> Found:
        url = f"{self._url}/manifests/{quote(reference, safe=':')}"
        body = (await self._get(url, MAX_JSON, MANIFESTS)).body
        digest = digest_of(body)
        if _DIGEST.fullmatch(reference) and digest != reference:
            raise FetchError("What the registry sent is not what its digest says.")
        self._keep(f"manifests/{digest}", body)
        return Found(decoded(body, Manifest), digest)

    async def _digest(self, reference: str) -> str:
        """The digest of a tag; "" where the registry does not tell without sending it all."""
        url = f"{self._url}/manifests/{quote(reference, safe=':')}"
        try:
            answer = await self._get(url, MAX_JSON, MANIFESTS, head=True)
        except FetchError as error:
            if error.failure is not Failure.MALFORMED:
                raise
            return ""
        return answer.headers.get("docker-content-digest", "")

    def _kept(self, path: str) -> bytes | None:
        return self._contents.get(f"{self._url}/{path}") if self._contents is not None else None

    def _keep(self, path: str, body: bytes) -> None:
        if self._contents is not None:
            self._contents.put(f"{self._url}/{path}", body)

    async def _get(self, url: str, limit: int, accept: str = "", *, head: bool = False) -> Answer:
        used = self._authorization
        answer = await self._ask(url, limit, accept, head=head)
        while answer.status == 401:
            async with self._signing_in:
                if self._authorization == used:  # else somebody was faster
                    await self._sign_in(answer.headers.get("www-authenticate", ""))
                used = self._authorization
            answer = await self._ask(url, limit, accept, head=head)
        if answer.status == 403:
            words = "The registry refuses this."
            raise self._refusal if used else FetchError(words, Failure.NO_ACCESS)
        if answer.status == 404:
            raise FetchError("The registry does not have this.", Failure.NOT_FOUND)
        answer.raise_for_trouble()
        return answer

    async def _ask(self, url: str, limit: int, accept: str = "", *, head: bool = False) -> Answer:
        headers = {"Accept": accept} if accept else {}
        if self._authorization:
            headers["Authorization"] = self._authorization
        reach = self._reach
        return await self._fetch(
            url, hosts=reach.hosts, limit=limit, headers=headers, public=reach.public, head=head
        )

    async def _sign_in(self, challenge: str) -> None:
        """Say something else next time. Raises ``FetchError`` when all has been tried."""
        while self._left:
            login = self._left.pop(0)
            try:
                said = await authorization(challenge, login, self._fetch, self._reach)
            except FetchError as error:
                self._refusal = error
                if error.failure is not Failure.WRONG_SIGN_IN or not self._left:
                    raise
                continue
            self._refusal = refusal(login, signed_in=is_bearer(challenge))
            self._authorization = said
            return
        raise self._refusal


def _check_digest(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise FetchError("The registry names content without a SHA-256 digest.")


def _continued(url: str, more: str) -> str:
    """The next page's address. The password goes along: to the registry, and nobody it names."""
    try:
        after = urljoin(url, more)
        if origin(after) == origin(url) and after != url:
            return after
    except ValueError:
        pass
    raise FetchError("Its list of tags does not go on at its own address.")


def digest_of(body: bytes) -> str:
    """Return the SHA-256 digest of content, as manifests write it."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def decoded(body: bytes, kind: type[T]) -> T:
    """Return what JSON says, as ``kind``. Raises ``FetchError`` if it says anything else."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError):
        words = "The registry answers with something that is not what the protocol says."
        raise FetchError(words) from None
