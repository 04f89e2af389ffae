"""Answers the guardrails' questions about the cluster: kinds, metadata, tokens, pod admission.

Pod Security is judged by the API server itself: a pod is created by dry run in a namespace that
enforces the level, in which nothing ever runs. Its labels are not proof that the namespace enforces
the level, so a pod that must be refused is tried as well.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import cast
from weakref import WeakValueDictionary

from msgspec import Struct

from portal.cluster.access import Namespaces
from portal.cluster.client import METADATA, ClusterClient
from portal.cluster.errors import Rejected
from portal.cluster.json_object import JsonObject, items, part, text
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.reviews import ResourceAttributes, Reviews, Touched

KINDS_FOR = 60.0
"""Seconds that a discovered kind is cached."""
PROVEN_FOR = 300.0
"""Seconds that a namespace counts as enforcing its level after it has refused a pod."""

CONNECTIONS = 6
"""The number of questions that a chart with one Deployment causes at the same time."""

_VIOLATES = re.compile(r"violates PodSecurity \"[^\"]*\": (?P<why>.+)", re.DOTALL)
_INVALID = re.compile(r"Pod \"[^\"]*\" is invalid: (?P<why>.+)", re.DOTALL)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_FORBIDDEN_POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "guardrail-"},
    "spec": {"containers": [{"name": "app", "image": "none"}]},
}
"""A pod without a security context, which ``restricted`` never admits."""


class _Kind(Struct, frozen=True):
    """A kind that the cluster serves, cached ``until`` a time of the clock."""

    until: float
    plural: str
    namespaced: bool


class Admission:
    """Answers the guardrails' questions.

    ``namespaces`` maps levels of the Pod Security Standards to a namespace that enforces them.
    ``reviews`` asks what people may do; without it that is not asked.
    """

    def __init__(
        self,
        client: ClusterClient,
        namespaces: Mapping[str, str],
        reviews: Reviews | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._namespaces = namespaces
        self._reviews = reviews
        self._clock = clock
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._discovering: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._proven: dict[str, float] = {}
        self._proving = asyncio.Lock()
        self._labels = Namespaces(client, clock=clock)

    async def prepare(self, level: str) -> None:
        """Ask ahead what most manifests need, and have the connections for the rest.

        It serves the bar for a launch, whose Helm renders meanwhile (``benchmarks/RESULTS.md``).
        What cannot be had is asked for again when it is needed.
        """
        namespace = self._namespaces.get(level, "")
        async with asyncio.TaskGroup() as group:
            for question in (
                self._client.warm(CONNECTIONS),
                self._kind("v1", "Service"),
                self._kind("apps/v1", "Deployment"),
                *((self._enforces(namespace, level),) if namespace else ()),
            ):
                group.create_task(_tried(question))

    async def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Return True if a kind is namespaced; None if the cluster does not serve it."""
        known = await self._kind(api_version, kind)
        return known.namespaced if known else None

    async def _kind(self, api_version: str, kind: str) -> _Kind | None:
        if self._known(api_version, kind) is None:
            # One question for all kinds of a version that are needed at the same time.
            async with self._discovering.setdefault(api_version, asyncio.Lock()):
                if self._known(api_version, kind) is None:
                    await self._discover(api_version)
        return self._known(api_version, kind)

    def _known(self, api_version: str, kind: str) -> _Kind | None:
        known = self._kinds.get((api_version, kind))
        return known if known and known.until >= self._clock() else None

    async def _discover(self, api_version: str) -> None:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[a-z0-9]+)?", api_version):
            return
        root = "/apis" if "/" in api_version else "/api"
        try:
            answer = await self._client.get(f"{root}/{api_version}")
        except NotFound:
            return
        until = self._clock() + KINDS_FOR
        for each in items(answer, "resources"):
            if "/" not in text(each, "name"):
                known = _Kind(until, text(each, "name"), bool(each.get("namespaced")))
                self._kinds[api_version, text(each, "kind")] = known

    async def metadata(
        self, api_version: str, kind: str, key: Key, *, identity: Identity | None = None
    ) -> Mapping[str, object] | None:
        """An object's metadata; None if there is no such object or kind.

        None as well where ``identity`` may not read it: then Helm cannot replace it either.
        """
        known = await self._kind(api_version, kind)
        if known is None or not known.namespaced or not _NAME.fullmatch(key.name):
            return None
        root = "/apis" if "/" in api_version else "/api"
        path = f"{root}/{api_version}/namespaces/{key.namespace}/{known.plural}/{key.name}"
        try:
            found = await self._client.acting_for(identity).get(path, accept=METADATA)
        except (NotFound, Forbidden):
            return None
        return part(found, "metadata")

    async def denied(
        self, objects: Collection[Touched], namespace: str, *, identity: Identity | None
    ) -> frozenset[ResourceAttributes]:
        """Return what ``identity`` would need and does not have, to apply these objects."""
        if self._reviews is None or identity is None or not objects:
            return frozenset()
        reviews = self._reviews
        rules = await reviews.rules(identity, namespace)
        missing: set[ResourceAttributes] = set()
        for each in objects:
            known = await self._kind(each.api_version, each.kind)
            if known is None:
                continue
            group = each.api_version.rpartition("/")[0]
            for verb in each.verbs:
                asked = ResourceAttributes(verb, known.plural, group)
                name = "" if verb == "create" else each.name  # it has no name when it is asked
                if asked in missing or rules.allow(asked, name):
                    continue
                if rules.incomplete and await reviews.allowed(identity, asked, namespace, name):
                    continue
                missing.add(asked)
        return frozenset(missing)

    async def services(
        self, namespace: str
    ) -> list[tuple[Mapping[str, object], Mapping[str, object]]]:
        """The metadata and selector of each Service of a namespace."""
        answer = await self._client.get(f"/api/v1/namespaces/{namespace}/services")
        return [
            (part(each, "metadata"), part(each, "spec", "selector"))
            for each in items(answer, "items")
        ]

    async def automounts_token(self, key: Key, *, identity: Identity | None = None) -> bool:
        """Return True unless a ServiceAccount sets ``automountServiceAccountToken: false``."""
        path = f"/api/v1/namespaces/{key.namespace}/serviceaccounts/{key.name}"
        try:
            found = await self._client.acting_for(identity).get(path)
        except PortalError:
            return True
        return found.get("automountServiceAccountToken") is not False

    async def enforced_level(self, namespace: str) -> str:
        """Return the Pod Security level that a namespace enforces itself, "" if none or unknown."""
        return await self._labels.enforced_level(namespace)

    async def pod_problem(self, pod: Mapping[str, object], level: str) -> str:
        """The reason why Kubernetes does not admit a pod at a level; "" if it does.

        Raises:
            PortalError: Kubernetes cannot be asked, or the namespace does not enforce the level.
        """
        namespace = self._namespaces.get(level, "")
        if not namespace:
            raise ClusterUnavailable(
                f"The portal has no namespace to try pods of the level {level} in.",
                "An administrator has to name one in the portal's settings.",
            )
        refused, problem = await asyncio.gather(
            self._enforces(namespace, level), self._try(namespace, cast("JsonObject", pod))
        )
        if not refused:
            raise ClusterUnavailable(
                f"The namespace {namespace} does not enforce Pod Security {level}, so nothing can "
                "be checked there.",
                "An administrator has to label it pod-security.kubernetes.io/enforce="
                f"{level}, or to install the portal's chart again, which makes it.",
            )
        return problem

    async def _enforces(self, namespace: str, level: str) -> bool:
        """Return True if a namespace has recently refused a pod that its level forbids."""
        if self._proven.get(namespace, 0.0) > self._clock():
            return True
        async with self._proving:
            if self._proven.get(namespace, 0.0) > self._clock():
                return True
            pod = {**_FORBIDDEN_POD}
            if level == "baseline":
                pod["spec"] = {**_FORBIDDEN_POD["spec"], "hostNetwork": True}
            if not (await self._try(namespace, pod)).startswith("Pod Security: "):
                return False
            self._proven[namespace] = self._clock() + PROVEN_FOR
            return True

    async def _try(self, namespace: str, pod: JsonObject) -> str:
        """The objection of Kubernetes to a pod; "" if it has none."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        try:
            await self._client.post(path, pod, {"dryRun": "All"})
        except Forbidden as error:
            found = _VIOLATES.search(error.message)
            if found:
                return f"Pod Security: {found['why']}"
            raise _unable(namespace, error) from error
        except Rejected as error:
            found = _INVALID.search(error.message)
            return f"Kubernetes refuses its pods: {found['why'] if found else error.message}"
        except NotFound as error:
            raise _unable(namespace, error) from error
        return ""


async def _tried(question: Awaitable[object]) -> None:
    with suppress(PortalError):
        await question


def _unable(namespace: str, error: PortalError) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"The portal cannot check pods against Pod Security in the namespace {namespace}: "
        f"{error.message}",
        "An administrator has to look at the portal's guardrails setting.",
    )
