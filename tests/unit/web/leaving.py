"""An application for the worker's tests: quick, slow and endless answers, and live connections."""

from __future__ import annotations

import asyncio
import gc

from starlette.types import Message, Receive, Scope, Send

from portal.web.worker import Connection


def say(text: str) -> None:
    print(text, flush=True)


class App:
    """Ends live connections when it is told to drain."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()

    def drain(self) -> None:
        self.stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._live(scope["path"], receive, send)
        else:
            more = scope["path"] == "/body"
            while more and (message := await receive())["type"] == "http.request":
                more = message.get("more_body", False)
            await self._answer("/" if scope["path"] == "/body" else scope["path"], send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        say("lifespan ended")
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, path: str, send: Send) -> None:
        body = b"hello"
        if path == "/kept":
            gc.disable()
            found = [each for each in gc.get_objects() if isinstance(each, Connection)]
            # One that has lost its parts is freed by its last timer, within seconds.
            body = str(sum(each.transport is not None for each in found)).encode()  # pyright: ignore
        elif path != "/":
            say("asked")
            await self.stopping.wait()
            body = b"slowly"
        if path == "/endless":
            await asyncio.Event().wait()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, path: str, receive: Receive, send: Send) -> None:
        await receive()
        if path == "/refused":
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        if path == "/over":
            await send({"type": "websocket.close", "code": 1013})
            return
        await send({"type": "websocket.send", "text": "hello"})
        if path == "/flood":
            await self._flood(send)
            say((await receive())["type"])
            return
        await self.stopping.wait()
        await send({"type": "websocket.close", "code": 1001})

    async def _flood(self, send: Send) -> None:
        message: Message = {"type": "websocket.send", "text": "x" * 2**16}
        sent = 0
        try:
            while not self.stopping.is_set():
                async with asyncio.timeout(1):
                    await send(message)
                sent += 2**16
        except TimeoutError:
            say(f"blocked after {sent}")


app = App()
