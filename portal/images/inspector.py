"""Looks at images for people who are about to launch them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets as random
import time
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from portal.catalog.images import image_problem
from portal.domain.errors import Forbidden, InvalidInput
from portal.domain.identity import Identity
from portal.domain.images import repository_problem, split_reference, tag_problem
from portal.domain.names import claim_problem, namespace_problem
from portal.domain.objects import Node
from portal.images.problems import not_listed, problem
from portal.images.pull_logins import PullLogins, PullSecretSource, mounted, pull_logins
from portal.images.reader import ImageReader
from portal.images.registries import Endpoint, ImageName, Registries
from portal.images.report import Existence, ImageReport, Part, Platform, Problem
from portal.registry.contents import Contents
from portal.registry.credentials import Login
from portal.registry.failure import Failure, FetchError
from portal.registry.fetch import Fetch
from portal.registry.repository import Repository

log = logging.getLogger(__name__)

DEADLINE = 5.0
"""Seconds that a registry has for everything; reading pull secrets may take as long before it."""
CONCURRENCY = 8
"""Images that are looked at at once."""
WAITING = 64
"""And those that may wait for that."""
KEPT = 200
"""Answers that are kept."""
KEPT_FOR, KEPT_SHORT = 60.0, 10.0
"""Seconds that a whole answer is kept, and one with something that could not be checked."""
LONGEST_PAUSE = 300.0
"""Seconds that a registry which asks for a pause gets at most."""


class _Kept(Struct, frozen=True):
    until: float
    report: ImageReport


class ImageInspector:
    """Asks registries what there is to know of an image; see ``inspect``.

    ``refusal`` tells why somebody may not launch in a namespace, and ``nodes`` which nodes there
    are. ``allowed`` are patterns of images that may be run, all if empty. ``fetch`` is the way to
    registries; ``deadline`` is in seconds.
    """

    def __init__(
        self,
        fetch: Fetch,
        registries: Registries,
        pull_secrets: PullSecretSource,
        refusal: Callable[[Identity, str], Forbidden | None],
        nodes: Callable[[], Iterable[Node]],
        *,
        allowed: Sequence[str] = (),
        deadline: float = DEADLINE,
        concurrency: int = CONCURRENCY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._registries = registries
        self._pull_secrets = pull_secrets
        self._refusal = refusal
        self._nodes = nodes
        self._allowed = tuple(allowed)
        self._deadline = deadline
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._contents = Contents()
        self._salt = random.token_bytes(16)
        self._kept: dict[tuple[object, ...], _Kept] = {}
        self._asking: dict[tuple[object, ...], asyncio.Task[ImageReport]] = {}

    async def inspect(
        self,
        identity: Identity,
        reference: str,
        namespace: str,
        pull_secrets: Sequence[str] = (),
    ) -> ImageReport:
        """Return what the registry says of an image, and what could not be checked.

        ``reference`` is ``repository[:tag][@digest]``; without both only the tags are looked at.
        ``pull_secrets`` are the names of those that are chosen; none means those of the
        namespace's ServiceAccount ``default``. It takes twice the deadline at most. What a registry
        does never raises.

        Raises:
            Forbidden: ``identity`` may not launch in ``namespace``.
            InvalidInput: the reference is none, or of an image that may not be run; by field:
                ``repository``, ``tag``, ``namespace`` or ``pull_secrets``.
        """
        self._check(identity, reference, namespace, pull_secrets)
        name = ImageName.of(reference)
        nodes = _platforms(self._nodes())
        endpoint = self._registries.endpoint(name.registry)
        if endpoint is None:
            return ImageReport(
                name.repository, name.tag, problems=(not_listed(name),), node_platforms=nodes
            )
        found = await self._logins(identity, namespace, pull_secrets, name, endpoint)
        report = await self._known(name, endpoint, nodes, found.logins)
        return replace(
            report, problems=found.problems + report.problems, signed_in=bool(found.logins)
        )

    async def close(self) -> None:
        """End what is being asked."""
        tasks = tuple(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _check(
        self, identity: Identity, reference: str, namespace: str, pull_secrets: Sequence[str]
    ) -> None:
        repository, tag = split_reference(reference)
        problems = {
            "namespace": namespace_problem(namespace),
            "repository": repository_problem(repository),
            "tag": tag_problem(tag) if tag else "",
            "pull_secrets": next(
                (f"“{each[:80]}” is no name of a Secret." for each in pull_secrets if _odd(each)),
                "",
            ),
        }
        if not problems["repository"]:
            problems["repository"] = image_problem(reference, self._allowed)
        if problems["namespace"]:
            raise InvalidInput({"namespace": problems["namespace"]})
        refusal = self._refusal(identity, namespace)
        if refusal is not None:
            log.warning("refused: %s may not look at images for %s", identity.user, namespace)
            raise refusal
        if any(problems.values()):
            raise InvalidInput({field: text for field, text in problems.items() if text})

    async def _logins(
        self,
        identity: Identity,
        namespace: str,
        chosen: Sequence[str],
        name: ImageName,
        endpoint: Endpoint,
    ) -> PullLogins:
        """Return the logins that the pods would use, or else the portal's own."""
        try:
            async with asyncio.timeout(self._deadline):
                found = await pull_logins(
                    self._pull_secrets, namespace, chosen, name.repository, identity=identity
                )
                if found.logins:
                    return found
                own = await mounted(endpoint.credentials, name.repository)
                return PullLogins(own.logins, found.problems + own.problems)
        except TimeoutError:
            words = f"The pull secrets of {namespace} could not be read in time."
            return PullLogins(problems=(Problem(Part.CREDENTIALS, Failure.TIMEOUT, words),))

    async def _known(
        self,
        name: ImageName,
        endpoint: Endpoint,
        nodes: tuple[Platform, ...],
        logins: tuple[Login, ...],
    ) -> ImageReport:
        """Return a recent report, or join a look-up under way, or else start one.

        Reports are kept per set of logins.
        """
        now = self._clock()
        self._kept = {key: each for key, each in self._kept.items() if each.until > now}
        key = (name, endpoint.base, nodes, self._digest(logins))
        if key in self._kept:
            return self._kept[key].report
        task = self._asking.get(key)
        if task is None:
            if len(self._asking) >= WAITING:
                return self._busy(name, nodes)
            repository = Repository(
                endpoint.base, name.path, self._fetch, endpoint.reach, logins, self._contents
            )
            task = asyncio.create_task(self._ask(repository, name, nodes))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)

    async def _ask(
        self, repository: Repository, name: ImageName, nodes: tuple[Platform, ...]
    ) -> ImageReport:
        try:
            async with asyncio.timeout(self._deadline):
                await self._slots.acquire()
        except TimeoutError:
            return self._busy(name, nodes)
        try:
            return await ImageReader(repository, name, nodes, self._deadline).report()
        finally:
            self._slots.release()

    def _busy(self, name: ImageName, nodes: tuple[Platform, ...]) -> ImageReport:
        told = problem(Part.IMAGE, FetchError("", Failure.BUSY), name)
        return ImageReport(name.repository, name.tag, problems=(told,), node_platforms=nodes)

    def _keep(self, key: tuple[object, ...], done: asyncio.Task[ImageReport]) -> None:
        del self._asking[key]
        if done.cancelled() or done.exception() is not None:
            return
        report = done.result()
        if any(each.failure is Failure.BUSY for each in report.problems):
            return
        self._kept[key] = _Kept(self._clock() + _worth(report), report)
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    def _digest(self, logins: tuple[Login, ...]) -> bytes:
        digest = hashlib.blake2b(key=self._salt)
        for each in logins:
            digest.update(hashlib.sha256(each.basic.encode()).digest())
        return digest.digest()


def _worth(report: ImageReport) -> float:
    """Seconds that an answer is kept: a pause that a registry asks for is one."""
    if report.exists is Existence.YES and not report.problems:
        return KEPT_FOR
    pauses = [each.retry_after or 0.0 for each in report.problems]
    return max(KEPT_SHORT, min(max(pauses, default=0.0), LONGEST_PAUSE))


def _platforms(nodes: Iterable[Node]) -> tuple[Platform, ...]:
    """The platforms of nodes that take pods, each once."""
    return tuple(
        sorted(
            {
                Platform(each.os, each.architecture)
                for each in nodes
                if each.ready and not each.unschedulable and each.architecture
            }
        )
    )


def _odd(name: str) -> bool:
    return not name or bool(claim_problem(name))
