"""One authenticated connection pool to the Kubernetes API, speaking raw JSON.

The ``kubernetes`` package finds the server, the certificates and the credentials, and refreshes
them; its generated models are left out, since building them costs more than all else here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import kubernetes.aio.config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from portal.cluster.errors import Unauthenticated, from_status, message_of
from portal.cluster.raw import Raw
from portal.domain.errors import ClusterUnavailable, PortalError

log = logging.getLogger(__name__)

JSON = "application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"  # JSON is YAML

FIRST_ANSWER_WITHIN = 10.0
"""Seconds that the start waits for the API: less than gunicorn gives a worker to start."""
ANSWER_WITHIN = aiohttp.ClientTimeout(total=60, sock_connect=5, sock_read=30)


class ClusterClient:
    """The API server, as seen by one account. Use ``connect``."""

    def __init__(
        self, api: ApiClient, configuration: Configuration, kubeconfig: Path | None
    ) -> None:
        self._api: Any = api  # the package carries no types
        self._configuration = configuration
        self._kubeconfig = kubeconfig
        self._reloading = asyncio.Lock()
        self.whoami = ""
        """The user name the API server knows this client by; "" if it did not say."""

    @classmethod
    @asynccontextmanager
    async def connect(cls, kubeconfig: Path | None = None) -> AsyncGenerator[ClusterClient]:
        """Connect by ``kubeconfig``, or (None) with the pod's service account.

        A server that does not answer now is no failure: every call is a try of its own.

        Raises:
            ClusterUnavailable: no configuration.
            Unauthenticated: the server answers, and takes the portal for nobody.
        """
        configuration = Configuration()
        # Every watch holds a connection; a limit would queue requests behind them.
        configuration.connection_pool_maxsize = 0
        await _load(configuration, kubeconfig)
        async with ApiClient(configuration) as api:
            api.user_agent = "dash-portal"
            client = cls(api, configuration, kubeconfig)
            await client._introduce()
            yield client

    async def _introduce(self) -> None:
        """Ask the server once who it takes the portal for, for the log."""
        host = self._configuration.host
        try:
            async with asyncio.timeout(FIRST_ANSWER_WITHIN):
                self.whoami = await self._ask_who()
        except Unauthenticated:
            raise
        except PortalError as error:
            log.warning("%s: starting all the same: %s", host, error)
        except TimeoutError:
            log.warning(
                "%s: no answer within %g s: starting all the same", host, FIRST_ANSWER_WITHIN
            )
        else:
            log.info("connected to %s as %s", host, self.whoami)

    async def _ask_who(self) -> str:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await self.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        user: Raw = answer.get("status", {}).get("userInfo", {})
        name = str(user.get("username", ""))
        if name in {"", "system:anonymous"}:
            raise Unauthenticated(
                "The Kubernetes API takes the portal for nobody.",
                "Check the service account token or the kubeconfig.",
            )
        return name

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = JSON
    ) -> Raw:
        """GET a path; the decoded body. Raises a ``PortalError`` for any other answer."""
        return await self._call("GET", path, params, accept=accept)

    async def post(self, path: str, body: Raw) -> Raw:
        """POST a JSON body."""
        return await self._call("POST", path, None, body)

    async def put(self, path: str, body: Raw) -> Raw:
        """PUT a JSON body: replace an object, if it still has the body's ``resourceVersion``.

        Raises:
            Conflict: it has changed since.
        """
        return await self._call("PUT", path, None, body)

    async def delete(self, path: str, body: Raw) -> Raw:
        """DELETE an object; ``body`` are the ``DeleteOptions``, such as its preconditions."""
        return await self._call("DELETE", path, None, body)

    async def patch(self, path: str, operations: list[Raw]) -> Raw:
        """JSON patch: all of ``operations``, or none."""
        return await self._call("PATCH", path, None, operations, content_type=JSON_PATCH)

    async def apply(self, path: str, body: Raw, field_manager: str, *, force: bool = False) -> Raw:
        """Server-side apply: make ``body`` exactly what ``field_manager`` owns of an object.

        Raises:
            Conflict: another manager owns one of the fields, and ``force`` is off.
        """
        params = {"fieldManager": field_manager, "force": "true" if force else "false"}
        return await self._call("PATCH", path, params, body, content_type=APPLY)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], accept: str = JSON, read_timeout: float = 30
    ) -> AsyncGenerator[AsyncIterator[Raw]]:
        """GET a path whose answer is one JSON object a line (a watch).

        ``read_timeout`` is how many seconds may pass without a byte before the connection
        counts as broken: a half-open one would be silent for ever.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=read_timeout)
        response = await self._send("GET", path, params, None, accept, JSON, timeout)
        try:
            async with aclosing(_lines(response)) as lines:
                yield lines
        finally:
            # Only a finished answer's connection is used again. Any other is dropped at once: a
            # polite end of TLS would outlive the loop of a portal that stops.
            if not response.content.at_eof() and response.connection is not None:
                if response.connection.transport is not None:
                    response.connection.transport.abort()
                response.close()
            response.release()

    async def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Raw | list[Raw] | None = None,
        accept: str = JSON,
        content_type: str = JSON,
    ) -> Raw:
        with _transport_errors():
            response = await self._send(
                method, path, params, body, accept, content_type, ANSWER_WITHIN
            )
            async with response:
                return cast(Raw, json.loads(await response.read()))

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Raw | list[Raw] | None,
        accept: str,
        content_type: str,
        limits: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """Send once, and once more with fresh credentials if the first try was nobody's."""
        for last in (False, True):
            request = await self._api.param_serialize(
                method,
                path,
                query_params=list((params or {}).items()),
                header_params={"Accept": accept, "Content-Type": content_type},
                auth_settings=["BearerToken"],
            )
            with _transport_errors():
                answer = await self._api.rest_client.request(
                    method, request[1], headers=request[2], body=body, _request_timeout=limits
                )
                response = cast(aiohttp.ClientResponse, answer.response)
                if response.status < 400:
                    return response
                async with response:
                    text = message_of(await response.read())
            if response.status == 401 and not last:
                await self._renew()
                continue
            raise from_status(response.status, text, response.headers.get("Retry-After"))
        raise AssertionError("unreachable")

    async def _renew(self) -> None:
        """Read the credentials anew: tokens rotate."""
        async with self._reloading:
            await _load(self._configuration, self._kubeconfig)


async def _load(configuration: Configuration, kubeconfig: Path | None) -> None:
    config: Any = kubernetes.aio.config
    try:
        if kubeconfig is None:
            config.load_incluster_config(configuration)
        else:
            await config.load_kube_config(
                str(kubeconfig), client_configuration=configuration, persist_config=False
            )
    except (ConfigException, OSError, TypeError) as error:
        raise ClusterUnavailable(
            f"No way to the Kubernetes API is configured: {error}",
            "Run the portal in a pod with a service account, or name a kubeconfig file.",
        ) from error


@contextmanager
def _transport_errors() -> Generator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        words = str(error) or type(error).__name__
        raise ClusterUnavailable(
            f"The Kubernetes API does not answer: {words}", "It is tried again by itself."
        ) from error
    except ValueError as error:
        raise ClusterUnavailable(f"The Kubernetes API sent something odd: {error}") from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[Raw, None]:
    with _transport_errors():
        async for line in response.content:
            if line.strip():
                yield json.loads(line)
