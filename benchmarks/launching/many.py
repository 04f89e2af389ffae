"""Twenty launches at once, as twenty browsers send them, beside a shell that starts all helms."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from benchmarks.launching.browser_session import browser_session
from benchmarks.launching.form import learn
from benchmarks.launching.ground import CHART, Ground, run
from benchmarks.table import Row

AT_ONCE = 20
ROUNDS = 5
SLOWER = 1.2


def _names(side: str, number: int) -> list[str]:
    return [f"bench-{side}-{number}-{each:02}" for each in range(AT_ONCE)]


async def _timed(
    ground: Ground, names: Sequence[str], launch: Callable[[], Awaitable[object]]
) -> float:
    """Seconds until the last of them is deployed."""
    start, seen = time.time(), ground.seen.deployed
    await launch()
    await ground.seen.until(lambda: all(name in seen for name in names), "all are deployed")
    took = max(seen[name] for name in names) - start
    await ground.clear(*names)
    return took


async def measure(ground: Ground, pairs: int) -> list[Row]:
    """Rounds of both sides, in turns; the first one warms them up, and does not count."""
    rounds = min(ROUNDS, pairs)
    learnt = await learn(ground)
    portal, shell = list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        values = Path(folder) / "values.yaml"
        values.write_text(learnt.values)

        async def by_portal(number: int) -> None:
            names = _names("portal", number)
            async with AsyncExitStack() as stack:
                sessions = [
                    await stack.enter_async_context(browser_session(ground.portal, learnt.request))
                    for _ in names
                ]

                async def launch() -> None:
                    pairs = zip(sessions, names, strict=True)
                    await asyncio.gather(*(session.launch(name) for session, name in pairs))

                portal.append(await _timed(ground, names, launch))

        async def by_shell(number: int) -> None:
            names = _names("shell", number)
            rest = shlex.join(ground.helm(str(CHART), "--values", str(values))[1:])
            loop = f'helm upgrade --install "$name" {rest} & done; wait'
            command = ("bash", "-c", f"for name in {' '.join(names)}; do {loop}")
            both = run(*command, environment=ground.environment)
            shell.append(await _timed(ground, names, lambda: both))

        for number in range(rounds + 1):
            for side in (by_portal, by_shell)[:: 1 if number % 2 else -1]:
                await side(number)
            ground.console.print(
                f"round {number} of {rounds}: {portal[-1]:.2f} s by the portal, "
                f"{shell[-1]:.2f} s by the shell"
            )
    ours, theirs = median(portal[1:]), median(shell[1:])
    return [
        Row(
            f"{AT_ONCE} launches at once: sent → all deployed, median of {rounds}",
            f"{ours:.2f} s",
            f"a shell loop of {AT_ONCE} parallel `helm upgrade --install` {theirs:.2f} s",
            f"{ours / theirs:.2f}",
            f"≤ {SLOWER} × the shell's",
            ours <= SLOWER * theirs,
        )
    ]
