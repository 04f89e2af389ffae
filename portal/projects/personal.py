"""Personal projects: one for each person, made by the portal itself at their first sign-in."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from msgspec.structs import replace

from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.domain.impersonation import name_problem
from portal.projects.form import LONGEST_PURPOSE
from portal.projects.manifests import is_incomplete, parts
from portal.projects.model import Member, Project
from portal.projects.names import personal_name
from portal.projects.ports import ProjectCluster
from portal.projects.service import Projects, personal_user

log = logging.getLogger(__name__)

AGAIN = 600.0
"""Seconds after which a project that could not be made is tried again, if the person is there."""
MOST_WAITING = 1_000
"""People who wait for their project; others get theirs when they come again."""


class PersonalProjects:
    """Makes personal projects, one at a time, with the portal's own account.

    ``template`` names them. ``role`` is what a person gets in theirs.
    """

    def __init__(
        self,
        projects: Projects,
        cluster: ProjectCluster,
        template: str,
        *,
        role: str = "administrator",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._projects = projects
        self._cluster = cluster
        self._template = template
        self._role = role
        self._clock = clock
        self._waiting: asyncio.Queue[Identity] = asyncio.Queue(MOST_WAITING)
        self._looked: dict[str, float] = {}
        """The time at which each person was looked at; infinite once the project is there."""

    def welcome(self, identity: Identity) -> None:
        """Have a project made for somebody who is here, unless that was looked at."""
        if identity.anonymous or name_problem(identity.user) or self._waiting.full():
            return
        if self._looked.get(identity.user, float("-inf")) > self._clock() - AGAIN:
            return
        self._looked[identity.user] = self._clock()
        self._waiting.put_nowait(identity)

    async def run(self) -> None:
        """Make what is missing, until cancelled."""
        while True:
            identity = await self._waiting.get()
            try:
                await self.ensure(identity.user)
            except PortalError as error:
                log.warning("%s has no personal project: %s", identity.user, error)
            except Exception:
                log.exception("%s has no personal project", identity.user)
            else:
                self._looked[identity.user] = float("inf")

    async def ensure(self, user: str) -> str:
        """Return the name of a user's project, made if it was not there.

        Raises:
            PortalError: it cannot be made, or its name is somebody else's.
        """
        name = personal_name(self._template, user)
        (namespace, *_) = parts(name)
        there = await self._cluster.read(namespace.path, identity=None)
        if there is not None and not is_incomplete(there) and personal_user(there) == user:
            return name
        await self._projects.make(self._project(name, user), None, recorded_as=None)
        return name

    def _project(self, name: str, user: str) -> Project:
        checked = self._projects.check({**self._projects.defaults, "name": name})
        if checked.project is None:
            raise PortalError(f"The defaults of projects are wrong: {checked.errors}")
        members = {self._role: (Member("user", user),)}
        return replace(
            checked.project,
            purpose=f"Personal project of {user}"[:LONGEST_PURPOSE],
            members=members,
            personal_of=user,
        )
