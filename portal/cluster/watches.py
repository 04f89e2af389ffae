"""All watches, and the health of each kind as one source."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial

from portal.cluster.kinds import RESOURCES
from portal.cluster.lists import TimeSlicer
from portal.cluster.reflector import Api, Health, Reflector, Sink
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.state.store import Store

log = logging.getLogger(__name__)


LAST_AFTER = 0.5
"""Seconds by which kinds marked ``last`` are delayed: they may have the most objects, and the
portal's first page would wait for them as well."""
NAMED = 3
"""Unreadable objects that are named; the others are only counted."""


def combined(parts: Sequence[Health]) -> Health:
    """The health of one kind, from its reflectors in several namespaces: the worst of each."""
    times = [each.alive_at for each in parts if each.alive_at is not None]
    errors = {each.error: None for each in parts if each.error}
    return Health(
        synced=all(each.synced or not each.available for each in parts)
        and any(each.synced for each in parts),
        available=any(each.available for each in parts),
        alive_at=min(times) if len(times) == len(parts) else None,
        error="; ".join(errors),
        unread=frozenset[Key]().union(*(each.unread for each in parts)),
    )


def unread_words(unread: Collection[Key]) -> str:
    """A sentence that names unreadable objects; "" if there are none."""
    if not unread:
        return ""
    names = ", ".join(str(each) for each in sorted(unread)[:NAMED])
    more = " …" if len(unread) > NAMED else ""
    amount = "1 object" if len(unread) == 1 else f"{len(unread)} objects"
    return f"{amount} could not be read: {names}{more}"


class Watches:
    """One reflector per kind, or per kind and namespace, all on the caller's event loop.

    Args:
        api: the client.
        store: receives the health of each kind, as a source named by kind.
        namespaces: the namespaces to watch; empty means all.
        resources: the kinds to watch.
        make: makes a reflector, for tests.
        sink: receives the objects; the store if None.
        listed: called once all kinds but the last ones have been listed or have failed.
    """

    def __init__(
        self,
        api: Api,
        store: Store,
        namespaces: Sequence[str] = (),
        resources: Sequence[Resource] = RESOURCES,
        make: Callable[..., Reflector] = Reflector,
        sink: Sink | None = None,
        listed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._listed = listed
        self._all_listed = asyncio.Event()
        self._first = {each.kind.value for each in resources if not each.last}
        self.reflectors: dict[str, list[Reflector]] = {}
        sink = store if sink is None else sink
        slicer = TimeSlicer()
        for resource in resources:
            name = resource.kind.value
            spaces = list(namespaces) if namespaces and resource.namespaced else [None]
            report = partial(self._report, resource)
            self.reflectors[name] = [
                make(api, resource, sink, report, namespace=space, slicer=slicer)
                for space in spaces
            ]
            self._store.set_source(
                name, synced=False, title=resource.title, optional=resource.optional
            )

    def _report(self, resource: Resource, _: Health) -> None:
        name = resource.kind.value
        health = self.health(name)
        self._store.set_source(
            name,
            title=resource.title,
            optional=resource.optional,
            synced=health.synced,
            available=health.available,
            alive_at=health.alive_at,
            error=health.error,
            unread=unread_words(health.unread),
        )
        if not self._all_listed.is_set() and all(map(self._is_settled, self._first)):
            self._all_listed.set()
            self._listed()

    def _is_settled(self, name: str) -> bool:
        """Return True if a kind has been listed, or has failed."""
        health = self.health(name)
        return health.synced or not health.available or bool(health.error)

    def health(self, name: str) -> Health:
        """The health of a source."""
        return combined([each.health for each in self.reflectors[name]])

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:

            def start(name: str) -> None:
                for reflector in self.reflectors[name]:
                    group.create_task(reflector.run(), name=f"watch {name}")

            for name in self.reflectors:
                if name in self._first:
                    start(name)
            if self._first:
                await self._all_listed.wait()
                await asyncio.sleep(LAST_AFTER)
            for name in self.reflectors:
                if name not in self._first:
                    start(name)
