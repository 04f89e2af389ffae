"""What a person can do to a release: authorise, validate, lock, run in the background, record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from portal.actions.forms import Raw, ScaleRequest
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.operations import Operation


@dataclass(frozen=True, slots=True)
class Existing:
    """A release that already has the name asked for.

    ``ours`` is False if its chart is not the one the form fills in; ``sentence`` says what
    launching on top of it would do, or why it is refused.
    """

    key: Key
    chart: str
    revision: int
    ours: bool
    launched_by: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Revision:
    """One line of a release's history, newest first."""

    revision: int
    status: str
    chart: str
    app_version: str
    description: str
    updated_at: datetime | None


class Actions:
    """Every change goes through here.

    ``launch``, ``scale``, ``rollback`` and ``uninstall`` answer at once with the operation that
    they began; how it goes on is in the snapshot. They raise ``Forbidden``, ``InvalidInput``
    (messages by field id), ``Conflict`` (another operation runs on this release) and
    ``ReleaseBusy`` (Helm is, or was left, in the middle of something) before anything began.
    """

    async def launch(
        self, identity: Identity, spec: LaunchSpec, *, only_new: bool = False
    ) -> Operation:
        """Install ``spec``, or upgrade the release of that name to it.

        Values that the form does not know are kept. With ``only_new`` an existing release is
        a ``Conflict``, for a person who has not been told yet that this would be an upgrade.
        """
        raise NotImplementedError

    async def scale(self, identity: Identity, key: Key, request: ScaleRequest) -> Operation:
        """Change the number of replicas, or the autoscaler, of a release; nothing else."""
        raise NotImplementedError

    async def rollback(self, identity: Identity, key: Key, revision: int) -> Operation:
        """Go back to what ``revision`` was (as a new revision)."""
        raise NotImplementedError

    async def uninstall(self, identity: Identity, key: Key) -> Operation:
        """Remove a release and all its objects."""
        raise NotImplementedError

    async def dismiss(self, identity: Identity, key: Key) -> None:
        """Forget the finished operation on this release. One that still runs is a ``Conflict``."""
        raise NotImplementedError

    async def history(self, identity: Identity, key: Key) -> tuple[Revision, ...]:
        """The revisions that a rollback can go back to, newest first."""
        raise NotImplementedError

    async def values(self, identity: Identity, key: Key) -> Mapping[str, object] | None:
        """The values given to the newest revision; None if there is no such release."""
        raise NotImplementedError

    async def edit_form(self, identity: Identity, key: Key) -> Raw:
        """The launch form filled in with what the release has now. ``NotFound`` if none."""
        raise NotImplementedError

    def existing(self, key: Key) -> Existing | None:
        """What already has this name, from the snapshot: cheap enough for every keystroke."""
        raise NotImplementedError

    async def drain(self, grace: float) -> None:
        """End what still runs: Helm gets SIGTERM, operations end as interrupted."""
        raise NotImplementedError
