"""A portal without pages, as a process that a test may kill: asked on stdin, answers on stdout.

Each line of stdin is a release's name, a word to launch it with, and who launches it; each line of
stdout is JSON: ``ready``, what was ``begun`` or ``refused``, and every phase of every operation it
knows. It stops at the end of stdin, and at a SIGTERM as the portal does.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import EnvVar
from portal.domain.operations import STOP_GRACE, STOP_PATIENCE
from tests.cluster.test_actions import Portal, portal, sample


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def launch(here: Portal, name: str, word: str, actor: str) -> None:
    # No pods: what is tried here is Helm and the record, not the rollout.
    spec = sample(here.key(name), replicas=0, env=(EnvVar("WORD", word),))
    try:
        begun = await here.actions.launch(Identity(actor), spec)
        tell(begun=name, id=begun.id, actor=actor)
    except PortalError as error:
        tell(refused=name, why=str(error), actor=actor)


async def obey(here: Portal) -> None:
    """Launch what stdin says, until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    asked: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        name, word, actor = line.decode().split()
        asked.add(asyncio.create_task(launch(here, name, word, actor)))


async def main(namespace: str, chart: Path, limit: int) -> None:
    told_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_stop.set)
    with tempfile.TemporaryDirectory() as home:
        async with portal(namespace, Path(home), chart, limit) as here:

            def note(keys: frozenset[Key]) -> None:
                for key in keys:
                    operation = here.app(key).operation
                    if operation:
                        tell(name=key.name, phase=operation.phase.value, id=operation.id)

            here.store.on_change(note)
            note(frozenset(here.store.snapshot.apps))
            tell(ready=True)
            ends = [asyncio.create_task(each) for each in (obey(here), told_to_stop.wait())]
            _, others = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for each in others:
                each.cancel()
            if told_to_stop.is_set():
                await here.actions.operations.drain(STOP_GRACE, STOP_PATIENCE)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
