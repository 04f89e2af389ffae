"""Runs programs in containers, by the API server's exec protocol over a WebSocket.

Each message begins with the number of its channel: 0 to 2 are the program's standard streams, 3 the
outcome as a Status, 4 the terminal's size, and 255 closes the channel that it names.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import quote

import aiohttp
import msgspec

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject, items, part, text
from portal.cluster.metrics import GROUP as METRICS
from portal.domain.errors import ClusterUnavailable, Conflict, PortalError
from portal.domain.exec import ContainerUsage, Ended
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.quantities import parse

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255

DEBUG_PREFIX = "portal-debug-"
"""Beginning of the names of debug containers that the portal makes."""
MOST_DEBUG = 5
"""The most of them in a pod that have not ended."""
STARTS_WITHIN = 60.0
"""Seconds for the image of a debug container to be pulled and started."""
LOOKS_EVERY = 0.5
UNPRIVILEGED = 65534
"""The user of a debug container beside an app that may not run as root, if that names none."""


class ExecStream:
    """A program that runs in a container, with its streams; made by ``Exec.run``."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.ended: Ended | None = None
        """The end of the program; None while it runs, and if the connection was lost."""

    async def send(self, data: bytes) -> None:
        """Write to its standard input."""
        await self._send(bytes([STDIN]) + data)

    async def resize(self, columns: int, rows: int) -> None:
        """Tell it the size of its terminal."""
        size = msgspec.json.encode({"Width": columns, "Height": rows})
        await self._send(bytes([RESIZE]) + size)

    async def _send(self, message: bytes) -> None:
        try:
            await self._socket.send_bytes(message)
        except (aiohttp.ClientError, ConnectionError, RuntimeError) as error:
            raise ClusterUnavailable("The connection to the pod was lost.") from error

    async def output(self) -> AsyncIterator[bytes]:
        """Yield what it writes, standard output and error alike, until it ends."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            body = cast(bytes, message.data)
            if body[0] in {STDOUT, STDERR}:
                if len(body) > 1:
                    yield body[1:]
            elif body[0] == ERROR:
                self.ended = ended(body[1:])
                return


def ended(status: bytes) -> Ended:
    """Return what the Status on the error channel tells of a program's end."""
    try:
        found = cast(JsonObject, msgspec.json.decode(status))
    except ValueError:
        return Ended(message=status[:500].decode(errors="replace"))
    if found.get("status") == "Success":
        return Ended(0)
    message = text(found, "message")
    for cause in items(found, "details", "causes"):
        if cause.get("reason") == "ExitCode" and str(cause.get("message", "")).isdecimal():
            return Ended(int(cause["message"]), message)
    return Ended(message=message)


class Exec:
    """Runs programs in containers of pods; implements ``portal.shell.ports.ExecSource``."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def run(
        self,
        pod: Key,
        container: str,
        command: Sequence[str],
        *,
        tty: bool,
        identity: Identity | None,
    ) -> AsyncGenerator[ExecStream]:
        """Run a program. With a ``tty`` it has a terminal, which takes a size.

        Raises:
            PortalError: it cannot be run; that the container lacks it is told by its end.
        """
        params = [("container", container), ("stdin", "true"), ("stdout", "true")]
        params += [("stderr", "false" if tty else "true"), ("tty", "true" if tty else "false")]
        params += [("command", each) for each in command]
        path = f"{_path(pod)}/exec"
        async with self._client.acting_for(identity).websocket(path, params, PROTOCOL) as socket:
            yield ExecStream(socket)

    async def debug(
        self, pod: Key, container: str, image: str, seconds: float, *, identity: Identity | None
    ) -> str:
        """Return the name of a running debug container beside ``container``, made if need be.

        It sleeps for ``seconds`` and ends; Kubernetes keeps its entry until the pod ends.

        Raises:
            Conflict: the pod has ``MOST_DEBUG`` of them that have not ended.
            PortalError: it cannot be made, or does not start in time.
        """
        client = self._client.acting_for(identity)
        async with self._making:  # two who ask at once get the same one
            found = await client.get(_path(pod))
            name = _reusable(found, container, image)
            if name is None:
                if len(_alive(found)) >= MOST_DEBUG:
                    raise Conflict(
                        f"The pod {pod.name} has {MOST_DEBUG} debug containers that run.",
                        "Each ends by itself. Or restart the app to have a new pod.",
                    )
                made = debug_container(found, container, image, seconds, secrets.token_hex(3))
                name = str(made["name"])
                body: JsonObject = {"spec": {"ephemeralContainers": [made]}}
                await client.merge(f"{_path(pod)}/ephemeralcontainers", body)
        state: JsonObject = {}
        try:
            async with asyncio.timeout(STARTS_WITHIN):
                while True:
                    state = _state(await client.get(_path(pod)), name)
                    if "running" in state:
                        return name
                    if "terminated" in state:
                        why = text(state, "terminated", "message") or text(
                            state, "terminated", "reason"
                        )
                        raise PortalError(f"The debug container ended at once: {why}")
                    await asyncio.sleep(LOOKS_EVERY)
        except TimeoutError:
            raise PortalError(
                f"The debug container did not start within {STARTS_WITHIN:.0f} s: "
                f"{text(state, 'waiting', 'reason') or 'its state is not known'}.",
                "An administrator chooses its image: see the settings.",
            ) from None

    async def usage(self, pod: Key) -> tuple[ContainerUsage, ...]:
        """Return what each container uses, by the metrics API.

        Raises:
            PortalError: it is not known.
        """
        path = f"{METRICS}/namespaces/{quote(pod.namespace)}/pods/{quote(pod.name)}"
        answer = await self._client.get(path)
        try:
            return tuple(
                ContainerUsage(
                    text(each, "name"),
                    float(parse(text(each, "usage", "cpu"))),
                    float(parse(text(each, "usage", "memory"))),
                )
                for each in items(answer, "containers")
            )
        except ValueError as error:
            raise PortalError(f"The metrics API's answer cannot be read: {error}") from error


def _path(pod: Key) -> str:
    return f"/api/v1/namespaces/{quote(pod.namespace)}/pods/{quote(pod.name)}"


def _ours(pod: JsonObject) -> list[JsonObject]:
    """Return the debug containers of the portal in a pod, those that have ended too."""
    found = items(pod, "spec", "ephemeralContainers")
    return [each for each in found if text(each, "name").startswith(DEBUG_PREFIX)]


def _alive(pod: JsonObject) -> list[str]:
    """Return the names of the portal's debug containers that have not ended."""
    names = [text(each, "name") for each in _ours(pod)]
    return [name for name in names if "terminated" not in _state(pod, name)]


def _reusable(pod: JsonObject, container: str, image: str) -> str | None:
    """Return a debug container beside ``container`` that runs, or else starts; None without one."""
    names = [
        text(each, "name")
        for each in _ours(pod)
        if (text(each, "image"), text(each, "targetContainerName")) == (image, container)
    ]
    alive = set(_alive(pod)).intersection(names)
    return min(sorted(alive), key=lambda name: "running" not in _state(pod, name), default=None)


def _state(pod: JsonObject, container: str) -> JsonObject:
    for each in items(pod, "status", "ephemeralContainerStatuses"):
        if text(each, "name") == container:
            return part(each, "state")
    return {}


def debug_container(
    pod: JsonObject, container: str, image: str, seconds: float, suffix: str
) -> JsonObject:
    """Return an ephemeral container that sees the processes of ``container``.

    It has no more rights than Pod Security ``restricted`` allows, but where the app runs as
    root, and it is the user that the app is: another one could not look into its files.
    """
    own = [each for each in items(pod, "spec", "containers") if text(each, "name") == container]
    contexts = [part(each, "securityContext") for each in (*own, part(pod, "spec"))]
    user = next((each["runAsUser"] for each in contexts if "runAsUser" in each), None)
    unprivileged = any(each.get("runAsNonRoot") for each in contexts)
    context: JsonObject = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if user is None and unprivileged:
        user = UNPRIVILEGED
    if user is not None:
        context |= {"runAsUser": user, "runAsNonRoot": user != 0}
    return {
        "name": f"{DEBUG_PREFIX}{suffix}",
        "image": image,
        "command": ["sleep", f"{max(1, round(seconds))}"],
        "targetContainerName": container,
        "securityContext": context,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
