"""What the portal does with Helm."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar, cast

from msgspec import Struct

from portal.domain.errors import InvalidInput, PortalError
from portal.domain.keys import Key
from portal.domain.release import with_hooks
from portal.helm_service.errors import explain
from portal.helm_service.review import PLUGIN, Review, listening
from portal.helm_service.runner import CommandFailed, Runner

_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_MAX_DESCRIPTION = 250
# Left to itself Helm goes on as a release was begun: one of Helm 3's it patches on the client, and
# whoever else owns a field that its chart gives up, such as the replicas, is not asked.
_SERVER_SIDE = "true"

Answer = TypeVar("Answer")


class HelmResult(Struct, frozen=True):
    """What a change led to. ``seconds`` is how long Helm took; ``revision`` 0 if not told."""

    revision: int
    seconds: float


class Rendering(Struct, frozen=True):
    """What a chart renders: the release's objects, and the objects of its hooks."""

    manifest: str
    hooks: str = ""

    @property
    def whole(self) -> str:
        """Both in one."""
        return with_hooks(self.manifest, self.hooks)


class HelmClient(Protocol):
    """The seam at which tests put a fake."""

    async def upgrade_install(
        self,
        key: Key,
        chart: Path,
        values: Mapping[str, object],
        *,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        force_conflicts: bool = False,
        skip_crds: bool = True,
        review: Review,
    ) -> HelmResult:
        """Install or upgrade."""
        ...

    async def rendered(self, key: Key, chart: Path, values: Mapping[str, object]) -> Rendering:
        """Render without installing."""
        ...

    async def uninstall(self, key: Key, *, hooks: bool = True) -> HelmResult:
        """Remove."""
        ...

    async def rollback(
        self, key: Key, revision: int, *, description: str = "", force_conflicts: bool = False
    ) -> HelmResult:
        """Go back."""
        ...

    async def values(self, key: Key, revision: int | None = None) -> Mapping[str, object]:
        """Look up the values given to a revision."""
        ...


class Helm:
    """Helm, on releases named by ``Key``. Every failure is an error of the portal's tree.

    Nothing waits for pods: Helm is done when the API server has taken the objects. Namespaces
    are never created, and a release in a pending state is never unlocked.
    """

    def __init__(self, runner: Runner, *, history_max: int = 10) -> None:
        self._runner = runner
        self._history_max = history_max

    async def upgrade_install(
        self,
        key: Key,
        chart: Path,
        values: Mapping[str, object],
        *,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        force_conflicts: bool = False,
        skip_crds: bool = True,
        review: Review,
    ) -> HelmResult:
        """Install the release, or upgrade it, with exactly these values.

        ``values`` replace those of the revision before, whole. ``labels`` are written into its
        record, beside those it has. ``force_conflicts`` takes over fields that another manager
        owns, such as replicas that an autoscaler has set. ``skip_crds`` leaves out a chart's
        ``crds/``, which Helm would make before it renders. ``review`` gets the rendered manifest,
        hooks included, and gives what is applied; what it raises is raised here, and nothing is
        applied then.
        """
        began = time.monotonic()
        written = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        added = ["--labels", written] if written else []
        if skip_crds:
            added.append("--skip-crds")
        async with listening(review) as (socket, outcome):
            added += ["--post-renderer", PLUGIN, f"--post-renderer-args={socket}"]
            runner = self._runner.adding(*added)
            try:
                answer = await self._call(
                    "install or upgrade",
                    key,
                    lambda: runner.install_or_upgrade(
                        key.name,
                        chart,
                        dict(values),
                        create_namespace=False,
                        description=_line(description) or None,
                        force_conflicts=force_conflicts,
                        namespace=key.namespace,
                        reset_values=True,
                        server_side=_SERVER_SIDE,
                    ),
                )
            except PortalError:
                if outcome.error is not None:
                    raise outcome.error from None
                raise
        # pyhelm3 calls it an iterable of dictionaries; it is one dictionary.
        told = cast("dict[str, object]", answer)
        return HelmResult(_int(told.get("version")), time.monotonic() - began)

    async def rendered(self, key: Key, chart: Path, values: Mapping[str, object]) -> Rendering:
        """What ``upgrade_install`` with the same arguments would apply.

        Templates may look at the cluster, as they do then. Nothing is changed.
        """
        runner = self._runner.adding("--dry-run=server", "--skip-crds")
        answer = await self._call(
            "render",
            key,
            lambda: runner.install_or_upgrade(
                key.name,
                chart,
                dict(values),
                create_namespace=False,
                namespace=key.namespace,
                reset_values=True,
            ),
        )
        told = cast("dict[str, object]", answer)
        listed = told.get("hooks")
        hooks = cast("list[dict[str, object]]", listed) if isinstance(listed, list) else []
        return Rendering(
            str(told.get("manifest", "")),
            "\n---\n".join(str(each.get("manifest", "")) for each in hooks),
        )

    async def uninstall(self, key: Key, *, hooks: bool = True) -> HelmResult:
        """Remove the release and its history. A release that is not there is ``NotFound``.

        Without ``hooks`` those for its end are not run.
        """
        began = time.monotonic()
        # Foreground: a Deployment goes last, after its pods, so that it can be watched going.
        command = ["uninstall", key.name, "--namespace", key.namespace, "--cascade", "foreground"]
        command += ["--timeout", self._runner.patience]
        if not hooks:
            command.append("--no-hooks")
        await self._call("uninstall", key, lambda: self._runner.run(command))
        return HelmResult(0, time.monotonic() - began)

    async def rollback(
        self, key: Key, revision: int, *, description: str = "", force_conflicts: bool = False
    ) -> HelmResult:
        """Make a new revision that is what ``revision`` was."""
        began = time.monotonic()
        command: list[object] = ["rollback", key.name, revision, "--namespace", key.namespace]
        command += ["--history-max", self._history_max, "--timeout", self._runner.patience]
        command.append(f"--server-side={_SERVER_SIDE}")
        if description:
            command += ["--description", _line(description)]
        if force_conflicts:
            command.append("--force-conflicts")
        await self._call("roll back", key, lambda: self._runner.run(command))
        return HelmResult(0, time.monotonic() - began)

    async def values(self, key: Key, revision: int | None = None) -> Mapping[str, object]:
        """The values given to ``revision`` (None: the newest), without the chart's defaults."""
        answer = await self._call(
            "look up",
            key,
            lambda: self._runner.get_values(key.name, namespace=key.namespace, revision=revision),
        )
        return cast("dict[str, object]", answer)

    async def version(self) -> str:
        """The version of the helm program, such as "v4.3.1"."""
        return await _explained("tell its version of", Key("", "helm"), self._runner.version)

    async def _call(self, verb: str, key: Key, command: Callable[[], Awaitable[Answer]]) -> Answer:
        if not (_RELEASE.fullmatch(key.name) and _NAMESPACE.fullmatch(key.namespace)):
            # Never let a name reach the command line that could be read as an option.
            raise InvalidInput({"name": "This is not a name that a release can have."})
        return await _explained(verb, key, command)


async def _explained(verb: str, key: Key, command: Callable[[], Awaitable[Answer]]) -> Answer:
    try:
        return await command()
    except CommandFailed as failed:
        raise explain(failed.stderr or failed.stdout, verb, key) from None


def _line(text: str) -> str:
    """``text`` on one line, as long as Helm takes it."""
    return " ".join(text.split())[:_MAX_DESCRIPTION]


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
