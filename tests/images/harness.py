"""Launches cases through the portal's own code, from the form's fields to the page.

All run at once in a namespace of their own, as the demo's are (Pod Security ``restricted``).
"""

from __future__ import annotations

import asyncio
import subprocess
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.images.advice import Advice, AskedFor, advice
from portal.images.frameworks import recognized, suggested_port
from portal.images.inspector import ImageInspector
from portal.images.registries import ImageRegistry
from portal.releases.forms import FormFields, ReleaseForms
from portal.viewmodels.app import app_view
from portal.viewmodels.model import AppView
from tests.cluster.test_actions import Portal, portal
from tests.images.corpus import Case
from tests.registries import HeldRegistry, held_registry, inspecting

ANN = Identity("ann@example.com")
AT_ONCE = 4
"""Launches that Helm works on at the same time."""
SLOW = 150.0
"""Seconds that a case may take on a busy machine with two cores."""
TICK = 1.0
"""Seconds after which a page is looked at again though nothing has changed."""
DOWNLOADING = "Downloading the image"


@dataclass
class Seen:
    """What became of a case."""

    view: AppView | None = None
    advice: tuple[Advice, ...] = ()
    seconds: float = 0.0
    """From the launch to the expected page."""
    met: bool = False
    said: list[str] = field(default_factory=list[str])
    """Each state that the page went through, with its notices' titles."""


def kubectl(*arguments: str) -> None:
    subprocess.run(["kubectl", *arguments], check=True, timeout=60, stdout=subprocess.DEVNULL)


def met(case: Case, view: AppView) -> bool:
    """Return True if the page says what is expected of the case."""
    if case.told is None:
        return view.headline.text == "Ready"
    return view.headline.text == case.told.headline and any(
        case.told.title in each.title
        and case.told.cause.lower() in f"{each.body} {each.advice}".lower()
        and set(case.told.fields) <= set(each.fields)
        for each in view.notices
    )


def words(view: AppView | None) -> str:
    """Everything that the page says of the app."""
    if view is None:
        return "no page"
    notices = (
        f"  [{each.severity.value}] {each.title}. {each.body} | {each.advice} | {each.fields}"
        for each in view.notices
    )
    return "\n".join((f"{view.headline.text}: {view.sentence}", *notices))


class Run:
    """All cases on their way."""

    def __init__(
        self, here: Portal, images: Mapping[str, str], held: HeldRegistry, within: float
    ) -> None:
        self._here, self._images, self._held, self._within = here, images, held, within
        self._forms = ReleaseForms(default_namespace=here.namespace)
        self._helm = asyncio.Semaphore(AT_ONCE)
        self.seen: dict[str, Seen] = {}

    def fields(self, name: str, case: Case) -> FormFields:
        """The form as somebody fills it in."""
        repository, _, tag = self._images[name].rpartition(":")
        return self._forms.defaults() | {
            "name": name,
            "namespace": self._here.namespace,
            "repository": repository,
            "tag": tag,
            "cpu_request": "10m",
            "memory_request": "32Mi",
            "memory_limit": "128Mi",
            "exposure": "ClusterIP",
            **case.form,
        }

    def view(self, key: Key) -> AppView:
        """The page as it is now."""
        snapshot = self._here.store.snapshot
        return app_view(
            self._here.app(key),
            snapshot.sources,
            datetime.now(UTC),
            nodes=snapshot.nodes,
            quotas=snapshot.quotas.get(key.namespace, ()),
        )

    async def run(self, name: str, case: Case, inspector: ImageInspector) -> None:
        """Launch a case and follow it to its end."""
        seen = self.seen[name] = Seen()
        fields, key = self.fields(name, case), self._here.key(name)
        report = await inspector.inspect(ANN, self._images[name], key.namespace)
        port = fields["port"]
        asked = AskedFor(port=port if isinstance(port, int) else None)
        seen.advice = advice(report, asked, suggested_port(report, recognized(report)))
        checked = self._forms.check(fields)
        assert checked.spec is not None, checked.errors
        began = time.monotonic()
        async with self._helm:
            await self._here.actions.launch(ANN, checked.spec, create_only=True)
            await self._here.until(lambda: bool(self._here.app(key).workloads), "a workload")
        try:
            async with asyncio.timeout(self._within):
                await self._follow(case, key, seen)
        except TimeoutError:
            pass
        seen.seconds = time.monotonic() - began

    async def _follow(self, case: Case, key: Key, seen: Seen) -> None:
        changed = asyncio.Event()
        stop = self._here.store.on_change(lambda keys: changed.set() if key in keys else None)
        try:
            while not seen.met:
                changed.clear()
                view = seen.view = self.view(key)
                state = f"{view.headline.text}: {', '.join(each.title for each in view.notices)}"
                if not seen.said or seen.said[-1] != state:
                    seen.said.append(state)
                if case.slow and any(each.status.text == DOWNLOADING for each in view.pods):
                    self._held.release.set()
                    seen.said.append(DOWNLOADING)
                seen.met = met(case, view)
                if not seen.met:
                    try:
                        async with asyncio.timeout(TICK):
                            await changed.wait()
                    except TimeoutError:
                        continue
        finally:
            stop()


@contextmanager
def restricted_namespace() -> Generator[str]:
    """A namespace for the apps, deleted at the end."""
    name = f"corpus-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


async def launched(
    cases: Mapping[str, Case],
    images: Callable[[HeldRegistry], Mapping[str, str]],
    namespace: str,
    home: Path,
    within: float = SLOW,
) -> dict[str, Seen]:
    """Launch all cases at once, of their ``images`` by name; returns what became of them.

    Each gets ``within`` seconds for what is expected of it.
    """
    async with held_registry() as held:
        named = images(held)
        hosts = {each.partition("/")[0] for each in named.values()}
        local = [
            ImageRegistry(each, f"http://{each.replace('localhost', '127.0.0.1')}")
            for each in hosts
        ]
        async with portal(namespace, home, limit=100) as here, inspecting(*local) as inspector:
            run = Run(here, named, held, within)
            async with asyncio.TaskGroup() as group:
                for name, case in cases.items():
                    group.create_task(run.run(name, case, inspector))
            return run.seen
