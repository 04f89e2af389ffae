"""One authenticated connection pool to the Kubernetes API, speaking raw JSON.

The ``kubernetes`` package finds the server, the certificates and the credentials, and refreshes
them. Its generated models are not used, since building them costs more than everything else here.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit
from urllib.request import getproxies

import aiohttp
import msgspec
from msgspec import Struct, field
from multidict import CIMultiDict

from portal.cluster.api_types import Change
from portal.cluster.errors import (
    TooLarge,
    Unauthenticated,
    from_status,
    message_of,
    refused_person,
)
from portal.cluster.json_object import JsonObject
from portal.cluster.kubernetes_aio import (
    ApiClient,
    ConfigException,
    Configuration,
    RESTClientObject,
    config,
)
from portal.domain.errors import ClusterUnavailable, Forbidden, PortalError
from portal.domain.identity import Identity
from portal.domain.impersonation import OPERATION, Impersonated, Impersonation
from portal.domain.request import current_operation, note_answer

log = logging.getLogger(__name__)

JSON = "application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"  # JSON is YAML

TLS_ENDS_WITHIN = 0.1
"""Seconds for connections to end after their use: what ends TLS needs the loop a moment longer."""
FIRST_ANSWER_WITHIN = 10.0
"""Seconds that the start waits for the API: less than gunicorn gives a worker to start."""
ANSWER_WITHIN = aiohttp.ClientTimeout(total=60, sock_connect=5, sock_read=15)

MOST_OF_MESSAGE = 1024 * 1024
"""The most bytes of a message of a WebSocket: the kubelet sends at most 32 KiB at once."""

_OPERATION_HEADER = f"Impersonate-Extra-{quote(OPERATION, safe='')}"

CLOSES_WITHIN = 2.0
"""Seconds for the API server to confirm that a WebSocket is closed."""


class Calls(Struct):
    """Counts of API requests since the start, for the portal's own metrics."""

    made: Counter[str] = field(default_factory=Counter[str])
    """Requests by verb: list, watch, log, get, post, put, patch, delete or exec."""
    failed: Counter[str] = field(default_factory=Counter[str])
    """Failed requests by HTTP status; "none" where there was no answer."""
    watching: int = 0
    """Currently open watches."""
    following: int = 0
    """Currently open streams of logs."""


class _Request(Struct, frozen=True):
    """One request to the API. ``verb`` is the one that it is counted by in ``Calls``."""

    verb: str
    path: str
    params: Mapping[str, str] | None = None
    body: JsonObject | list[JsonObject] | None = None
    accept: str = JSON
    content_type: str = JSON
    limits: aiohttp.ClientTimeout = ANSWER_WITHIN

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "GET" if self.verb in {"list", "watch", "log"} else self.verb.upper()


class _Credentials(Struct):
    """The credentials in use, by a digest; shared by all clients of one connection."""

    digest: bytes
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)


class ClusterClient:
    """A client of the API server with the portal's credentials; made by ``connect``."""

    _impersonation: Impersonation | None = None
    _person: Impersonated | None = None

    def __init__(
        self,
        api: ApiClient,
        configuration: Configuration,
        kubeconfig: Path | None,
        stack: AsyncExitStack,
        impersonation: Impersonation | None = None,
    ) -> None:
        self._api: Any = api  # the package carries no types
        self._configuration = configuration
        self._kubeconfig = kubeconfig
        self._stack = stack
        self._credentials = _Credentials(_credentials(configuration))
        self._impersonation = impersonation
        self.calls = Calls()
        self.whoami = ""
        """The user name that the API server knows this client by; "" if unknown."""

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, kubeconfig: Path | None = None, impersonation: Impersonation | None = None
    ) -> AsyncGenerator[ClusterClient]:
        """Connect by ``kubeconfig``, or (None) with the pod's service account.

        With ``impersonation``, what is done for somebody is done as that person.

        A server that does not answer is not an error here: every call tries for itself.

        Raises:
            ClusterUnavailable: there is no configuration.
            Unauthenticated: the server does not accept the credentials.
        """
        configuration = Configuration()
        # Every watch holds a connection; a limit would queue requests behind them.
        configuration.connection_pool_maxsize = 0
        # Only with a proxy: trust_env makes aiohttp look for a netrc file at every request.
        configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
        await _load(configuration, kubeconfig)
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(ApiClient(configuration))
            api.user_agent = "dash-portal"
            client = cls(api, configuration, kubeconfig, stack, impersonation)
            await client._introduce()
            yield client
        await asyncio.sleep(TLS_ENDS_WITHIN)

    @property
    def server(self) -> tuple[str, int]:
        """The API server's name or IP address, and its port."""
        parts = urlsplit(self._configuration.host)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def acting_for(self, identity: Identity | None) -> ClusterClient:
        """Return the client that acts for ``identity``, or (None) as the portal itself.

        Without ``impersonation`` that is the portal's own account for all users. Both share their
        connections.

        Raises:
            Forbidden: the identity has a name that nobody is impersonated by.
        """
        if identity is None or self._impersonation is None:
            return self
        result = copy.copy(self)
        result._person = self._impersonation.of(identity)
        return result

    def _headers(self, headers: Mapping[str, str]) -> CIMultiDict[str]:
        """Return the headers of a request, with those that name the person."""
        result = CIMultiDict(headers)
        if self._person is not None:
            result.add("Impersonate-User", self._person.user)
            for group in self._person.groups:
                result.add("Impersonate-Group", group)
            if operation := current_operation():
                result.add(_OPERATION_HEADER, operation)
        return result

    async def _introduce(self) -> None:
        """Ask the server once for the portal's user name, for the log."""
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
        user: JsonObject = answer.get("status", {}).get("userInfo", {})
        name = str(user.get("username", ""))
        if name in {"", "system:anonymous"}:
            raise Unauthenticated(
                "The Kubernetes API does not know the portal's credentials.",
                "Check the service account token or the kubeconfig.",
            )
        return name

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = JSON
    ) -> JsonObject:
        """GET a path; returns the decoded body. Raises a ``PortalError`` on failure."""
        return decoded(await self._call(_Request("get", path, params, accept=accept)))

    async def warm(self, connections: int) -> None:
        """Have so many connections open, by as many small questions at the same time."""
        await asyncio.gather(*(self.get("/version") for _ in range(connections)))

    async def read(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = JSON
    ) -> bytes:
        """GET a page of a list as raw bytes; it may be large, see ``portal.cluster.lists``."""
        return await self._call(_Request("list", path, params, accept=accept))

    async def read_at_most(
        self,
        path: str,
        most: int,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> bytes:
        """GET an object as raw bytes.

        Raises:
            TooLarge: it has more than ``most`` bytes; the rest is not read.
        """
        with _transport_errors():
            async with await self._send(_Request("get", path, params, accept=accept)) as response:
                body = bytearray()
                async for chunk in response.content.iter_chunked(64 * 1024):
                    body += chunk
                    if len(body) > most:
                        raise TooLarge(f"It is larger than {most // 1024:,} KiB.")
                return bytes(body)

    @asynccontextmanager
    async def websocket(
        self, path: str, params: Sequence[tuple[str, str]], protocol: str
    ) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket to a subresource such as ``pods/exec``, with a subprotocol.

        Raises:
            PortalError: it is refused, or the server does not speak ``protocol``.
        """
        self.calls.made["exec"] += 1
        with _transport_errors():
            _, url, headers, *_ = await self._api.param_serialize(
                "GET", path, query_params=list(params), auth_settings=["BearerToken"]
            )
            # The pool is made by the first request, and ``connect`` has made one.
            pool = cast(aiohttp.ClientSession, self._api.rest_client.pool_manager)
            try:
                socket = await pool.ws_connect(
                    url,
                    headers=self._headers(headers),
                    protocols=(protocol,),
                    heartbeat=20,
                    max_msg_size=MOST_OF_MESSAGE,
                )
            except aiohttp.WSServerHandshakeError as error:
                self.calls.failed[str(error.status)] += 1
                raise self._error(error.status, error.message) from error
        connection = socket._response.connection  # pyright: ignore[reportPrivateUsage]
        transport = connection.transport if connection is not None else None
        try:
            if socket.protocol != protocol:
                raise ClusterUnavailable(f"The Kubernetes API does not speak {protocol}.")
            yield socket
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSES_WITHIN):
                    await socket.close()
            if transport is not None:
                transport.abort()  # a polite end of TLS would outlive the loop, as in ``_open``

    async def post(
        self, path: str, body: JsonObject, params: Mapping[str, str] | None = None
    ) -> JsonObject:
        """POST a JSON body."""
        return decoded(await self._call(_Request("post", path, params, body)))

    async def put(self, path: str, body: JsonObject) -> JsonObject:
        """PUT a JSON body: replace an object, if it still has the body's ``resourceVersion``.

        Raises:
            Conflict: it has changed since.
        """
        return decoded(await self._call(_Request("put", path, body=body)))

    async def delete(self, path: str, body: JsonObject) -> JsonObject:
        """DELETE an object; ``body`` are the ``DeleteOptions``, such as preconditions."""
        return decoded(await self._call(_Request("delete", path, body=body)))

    async def patch(self, path: str, operations: list[JsonObject]) -> JsonObject:
        """PATCH an object with a JSON patch, which is applied as a whole or not at all."""
        request = _Request("patch", path, body=operations, content_type=JSON_PATCH)
        return decoded(await self._call(request))

    async def merge(self, path: str, body: JsonObject) -> JsonObject:
        """PATCH an object by a strategic merge, which adds to lists by the names in them."""
        return decoded(await self._call(_Request("patch", path, body=body, content_type=MERGE)))

    async def apply(
        self,
        path: str,
        body: JsonObject,
        field_manager: str,
        *,
        force: bool = False,
        dry_run: bool = False,
    ) -> JsonObject:
        """Server-side apply: ``field_manager`` then owns exactly the fields in ``body``.

        With ``dry_run`` everything is checked, and nothing is written.

        Raises:
            Conflict: another manager owns one of the fields, and ``force`` is off.
        """
        params = {"fieldManager": field_manager, "force": "true" if force else "false"}
        if dry_run:
            params["dryRun"] = "All"
        request = _Request("patch", path, params, body, content_type=APPLY)
        return decoded(await self._call(request))

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], accept: str = JSON, read_timeout: float = 30
    ) -> AsyncGenerator[AsyncIterator[Change]]:
        """GET a watch, whose answer is one JSON object a line.

        ``read_timeout`` is the time in seconds without a byte after which the connection counts
        as broken: a half-open one would be silent for ever.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=read_timeout)
        request = _Request("watch", path, params, accept=accept, limits=limits)
        async with self._open(request) as response:
            self.calls.watching += 1
            try:
                async with aclosing(_lines(response)) as lines:
                    yield lines
            finally:
                self.calls.watching -= 1

    @asynccontextmanager
    async def chunks(
        self, path: str, params: Mapping[str, str], read_timeout: float
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        """GET a log, as chunks of bytes; ``read_timeout`` is as in ``stream``."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=read_timeout)
        request = _Request("log", path, params, accept="text/plain, */*", limits=limits)
        async with self._open(request) as response:
            self.calls.following += 1
            try:
                async with aclosing(_chunks(response)) as chunks:
                    yield chunks
            finally:
                self.calls.following -= 1

    @asynccontextmanager
    async def _open(self, request: _Request) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Send a request whose answer has no certain end."""
        response = await self._send(request)
        try:
            yield response
        finally:
            # Only a finished answer's connection is used again. Any other is dropped at once: a
            # polite end of TLS would outlive the loop of a portal that stops.
            if not response.content.at_eof() and response.connection is not None:
                if response.connection.transport is not None:
                    response.connection.transport.abort()
                response.close()
            response.release()

    async def _call(self, request: _Request) -> bytes:
        with _transport_errors():
            async with await self._send(request) as response:
                return await response.read()

    async def _send(self, request: _Request) -> aiohttp.ClientResponse:
        """Send, and once more after a 401 if the credentials have been renewed since."""
        used = self._credentials.digest
        try:
            return await self._attempt(request)
        except (Unauthenticated, ClusterUnavailable) as error:
            nobody = isinstance(error, Unauthenticated)
            if not (nobody or isinstance(error.__cause__, aiohttp.ClientSSLError)):
                raise
            if not await self._renewed(used):
                raise
        return await self._attempt(request)

    async def _attempt(self, request: _Request) -> aiohttp.ClientResponse:
        self.calls.made[request.verb] += 1
        try:
            with _transport_errors():
                _, url, headers, *_ = await self._api.param_serialize(
                    request.method,
                    request.path,
                    query_params=list((request.params or {}).items()),
                    header_params={
                        "Accept": request.accept,
                        # The network is near: compression would take longer than sending.
                        "Accept-Encoding": "identity",
                        "Content-Type": request.content_type,
                    },
                    auth_settings=["BearerToken"],
                )
                answer = await self._api.rest_client.request(
                    request.method,
                    url,
                    headers=self._headers(headers),
                    body=request.body,
                    _request_timeout=request.limits,
                )
                response = cast(aiohttp.ClientResponse, answer.response)
                note_answer(request.method, response.headers)
                if response.status < 400:
                    return response
                async with response:
                    text = message_of(await response.read())
        except ClusterUnavailable:
            self.calls.failed["none"] += 1
            raise
        self.calls.failed[str(response.status)] += 1
        raise self._error(response.status, text, response.headers.get("Retry-After"))

    def _error(self, status: int, text: str, retry_after: str | None = None) -> PortalError:
        error = from_status(status, text, retry_after)
        # "Its role has to allow this" is about the portal's account.
        if self._person is not None and type(error) is Forbidden:
            return refused_person(text)
        return error

    async def _renewed(self, used: bytes) -> bool:
        """Read the credentials again, since tokens and certificates rotate.

        Returns True if they differ from those of the digest ``used``.
        """
        credentials = self._credentials
        async with credentials.reloading:
            if credentials.digest == used:
                await _load(self._configuration, self._kubeconfig)
                credentials.digest = _credentials(self._configuration)
                if credentials.digest != used:
                    log.info("credentials have changed: connecting anew")
                    # The old connections still serve running calls.
                    self._stack.push_async_callback(self._api.rest_client.close)
                    self._api.rest_client = RESTClientObject(self._configuration)
            return credentials.digest != used


async def _load(configuration: Configuration, kubeconfig: Path | None) -> None:
    load: Any = config
    try:
        if kubeconfig is None:
            load.load_incluster_config(configuration)
        else:
            await load.load_kube_config(
                str(kubeconfig), client_configuration=configuration, persist_config=False
            )
    except (ConfigException, OSError, TypeError) as error:
        raise ClusterUnavailable(
            f"No way to the Kubernetes API is configured: {error}",
            "Run the portal in a pod with a service account, or name a kubeconfig file.",
        ) from error


def _credentials(configuration: Configuration) -> bytes:
    """A digest of the server's address, its CA and the client's credentials."""
    found: Any = configuration
    files = (found.cert_file, found.key_file, found.ssl_ca_cert)
    parts = [str(found.api_key.get("BearerToken", "")).encode()]
    parts += [Path(each).read_bytes() if each and Path(each).is_file() else b"" for each in files]
    return hashlib.sha256(b"\0".join(parts)).digest()


def decoded(body: bytes) -> JsonObject:
    """Return an answer's object; raises ``ClusterUnavailable`` if it cannot be read."""
    with _transport_errors():
        return cast(JsonObject, msgspec.json.decode(body))


@contextmanager
def _transport_errors() -> Generator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError, ConfigException) as error:
        words = str(error) or type(error).__name__
        raise ClusterUnavailable(
            f"The Kubernetes API does not answer: {words}", "It is tried again by itself."
        ) from error
    except ValueError as error:
        raise ClusterUnavailable(
            f"The Kubernetes API sent an answer that cannot be read: {error}"
        ) from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[Change, None]:
    with _transport_errors():
        async for line in response.content:
            if line.strip():
                yield _change(line)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    with _transport_errors():
        async for chunk in response.content.iter_any():
            yield chunk


_change = msgspec.json.Decoder(Change).decode
