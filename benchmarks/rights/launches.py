"""One launch at a time: as a person whom Kubernetes was asked about, and by the portal itself."""

from __future__ import annotations

from statistics import median

from benchmarks.launching.browser_session import browser_session
from benchmarks.launching.form import learn
from benchmarks.launching.ground import NAMESPACE, Ground
from benchmarks.launching.pairs import Times, by_portal
from benchmarks.rights.people import Person, asking_kubernetes, bind
from benchmarks.scale.portal_process import PORT
from benchmarks.table import Row

OVERHEAD = 0.020
LAUNCHER = Person("bench-launcher", (NAMESPACE,))


async def measure(ground: Ground, count: int) -> list[Row]:
    """All rows of the pairs. The first pair warms both sides up, and does not count."""
    plain, asked = list[Times](), list[Times]()
    learnt = await learn(ground)
    await bind(ground.api, LAUNCHER, "cluster-admin")
    async with (
        asking_kubernetes(
            ground.account,
            port=PORT + 1,
            person=LAUNCHER,
            presets_file=ground.presets,
            default_namespace=NAMESPACE,
        ) as portal,
        browser_session(ground.portal, learnt.request) as one,
        browser_session(portal, learnt.request) as other,
    ):
        for number in range(count + 1):
            sides = [(one, plain, "plain"), (other, asked, "asked")]
            for session, times, word in sides if number % 2 else reversed(sides):
                times.append(await by_portal(ground, session, f"bench-{word}-{number:02}"))
            ground.console.print(
                f"pair {number} of {count}: deployed after {asked[-1].deployed * 1000:.0f} ms as a "
                f"person, {plain[-1].deployed * 1000:.0f} with the portal's own account"
            )
    return rows(plain[1:], asked[1:])


def rows(plain: list[Times], asked: list[Times]) -> list[Row]:
    """For the table."""
    ours, theirs = ([each.deployed for each in side] for side in (asked, plain))
    over = median(a - b for a, b in zip(ours, theirs, strict=True))
    return [
        Row(
            f"launch as a person (impersonation and reviews) → helm release deployed, "
            f"{len(asked)} pairs",
            f"p50 {median(ours) * 1000:.0f} ms, overhead p50 {over * 1000:.0f} ms",
            f"with the portal's own account: p50 {median(theirs) * 1000:.0f} ms",
            f"{median(ours) / median(theirs):.2f}",
            f"overhead p50 ≤ {OVERHEAD * 1000:.0f} ms",
            over <= OVERHEAD,
        )
    ]
