"""The Helm operations that the portal uses."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar, cast

from msgspec import Struct

from portal.domain.errors import InvalidInput, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.release import with_hooks
from portal.helm_service.errors import explain
from portal.helm_service.review import PLUGIN, Review, listening
from portal.helm_service.runner import CommandFailed, Runner
from portal.threads import in_thread

_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_CHART_NAME = re.compile(r"^name:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
_MAX_DESCRIPTION = 250
# By default Helm keeps the apply method of a release: releases of Helm 3 are patched client-side,
# which ignores other owners of a field that the chart gives up, such as replicas.
_SERVER_SIDE = "true"

Answer = TypeVar("Answer")


class HelmResult(Struct, frozen=True):
    """The result of a change: its revision, 0 if unknown, and the seconds that Helm took."""

    revision: int
    seconds: float


class Rendering(Struct, frozen=True):
    """A rendered manifest: the release's objects, and those of its hooks."""

    manifest: str
    hooks: str = ""

    @property
    def whole(self) -> str:
        """Both in one manifest."""
        return with_hooks(self.manifest, self.hooks)


class HelmClient(Protocol):
    """The operations of ``Helm``; tests put a fake in its place."""

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
        identity: Identity | None,
    ) -> HelmResult:
        """Install or upgrade a release."""
        ...

    async def render(
        self,
        key: Key,
        chart: Path,
        values: Mapping[str, object],
        *,
        identity: Identity | None,
    ) -> Rendering:
        """Render a chart without installing it."""
        ...

    async def uninstall(
        self, key: Key, *, hooks: bool = True, identity: Identity | None
    ) -> HelmResult:
        """Remove a release."""
        ...

    async def rollback(
        self,
        key: Key,
        revision: int,
        *,
        description: str = "",
        force_conflicts: bool = False,
        identity: Identity | None,
    ) -> HelmResult:
        """Roll back to a revision."""
        ...

    async def values(
        self, key: Key, revision: int | None = None, *, identity: Identity | None
    ) -> Mapping[str, object]:
        """The user-supplied values of a revision."""
        ...


class Helm:
    """Runs Helm on releases named by ``Key``; all failures are ``PortalError``.

    Nothing waits for pods: Helm is done when the API server has accepted the objects. Namespaces
    are never created, and a pending release is never unlocked.
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
        identity: Identity | None = None,
    ) -> HelmResult:
        """Install or upgrade a release with exactly these values.

        Args:
            key: the release.
            chart: the chart's folder.
            values: replace all values of the previous revision.
            description: the description of the new revision.
            labels: added to the labels of its record.
            force_conflicts: take over fields of other managers, such as replicas that an
                autoscaler has set.
            skip_crds: leave out the chart's ``crds/``, which Helm creates before it renders.
            review: gets the rendered manifest, hooks included, and returns the one to apply. If it
                raises, nothing is applied, and its exception is raised here.
            identity: the user for whom Helm runs; None for the portal itself.
        """
        began = time.monotonic()
        written = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        added = ["--labels", written] if written else []
        if skip_crds:
            added.append("--skip-crds")
        async with listening(review) as (socket, outcome):
            added += ["--post-renderer", PLUGIN, f"--post-renderer-args={socket}"]
            runner = self._runner.acting_for(identity).with_arguments(*added)
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
                    chart,
                )
            except PortalError:
                if outcome.error is not None:
                    raise outcome.error from None
                raise
        # pyhelm3 types it as an iterable of dictionaries; it is one dictionary.
        told = cast("dict[str, object]", answer)
        return HelmResult(_int(told.get("version")), time.monotonic() - began)

    async def render(
        self,
        key: Key,
        chart: Path,
        values: Mapping[str, object],
        *,
        identity: Identity | None = None,
    ) -> Rendering:
        """The manifest that ``upgrade_install`` with the same arguments would apply.

        Templates can read the cluster, as they do there. Nothing is changed.
        """
        runner = self._runner.acting_for(identity).with_arguments("--dry-run=server", "--skip-crds")
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
            chart,
        )
        told = cast("dict[str, object]", answer)
        listed = told.get("hooks")
        hooks = cast("list[dict[str, object]]", listed) if isinstance(listed, list) else []
        return Rendering(
            str(told.get("manifest", "")),
            "\n---\n".join(str(each.get("manifest", "")) for each in hooks),
        )

    async def uninstall(
        self, key: Key, *, hooks: bool = True, identity: Identity | None = None
    ) -> HelmResult:
        """Remove a release and its history; without ``hooks`` its delete hooks do not run.

        Raises:
            NotFound: there is no such release.
        """
        began = time.monotonic()
        # Foreground: a Deployment is deleted after its pods, so that progress can be watched.
        command = ["uninstall", key.name, "--namespace", key.namespace, "--cascade", "foreground"]
        command += ["--timeout", self._runner.hook_timeout]
        if not hooks:
            command.append("--no-hooks")
        runner = self._runner.acting_for(identity)
        await self._call("uninstall", key, lambda: runner.run(command))
        return HelmResult(0, time.monotonic() - began)

    async def rollback(
        self,
        key: Key,
        revision: int,
        *,
        description: str = "",
        force_conflicts: bool = False,
        identity: Identity | None = None,
    ) -> HelmResult:
        """Make a new revision with the content of ``revision``."""
        began = time.monotonic()
        command: list[object] = ["rollback", key.name, revision, "--namespace", key.namespace]
        command += ["--history-max", self._history_max, "--timeout", self._runner.hook_timeout]
        command.append(f"--server-side={_SERVER_SIDE}")
        if description:
            command += ["--description", _line(description)]
        if force_conflicts:
            command.append("--force-conflicts")
        runner = self._runner.acting_for(identity)
        await self._call("roll back", key, lambda: runner.run(command))
        return HelmResult(0, time.monotonic() - began)

    async def values(
        self, key: Key, revision: int | None = None, *, identity: Identity | None = None
    ) -> Mapping[str, object]:
        """The user-supplied values of ``revision`` (None: the newest), without chart defaults."""
        runner = self._runner.acting_for(identity)
        answer = await self._call(
            "look up",
            key,
            lambda: runner.get_values(key.name, namespace=key.namespace, revision=revision),
        )
        return cast("dict[str, object]", answer)

    async def version(self) -> str:
        """The version of the helm program, such as "v4.3.1"."""
        return await _explained("tell its version of", Key("", "helm"), self._runner.version)

    async def _call(
        self,
        verb: str,
        key: Key,
        command: Callable[[], Awaitable[Answer]],
        chart: Path | None = None,
    ) -> Answer:
        if not (_RELEASE.fullmatch(key.name) and _NAMESPACE.fullmatch(key.namespace)):
            # A name that could be read as an option must not reach the command line.
            raise InvalidInput({"name": "This is not a name that a release can have."})
        return await _explained(verb, key, command, chart)


async def _explained(
    verb: str, key: Key, command: Callable[[], Awaitable[Answer]], chart: Path | None = None
) -> Answer:
    try:
        return await command()
    except CommandFailed as failed:
        output = failed.stderr or failed.stdout
        name = await asyncio.to_thread(_chart_name, chart) if chart else ""
        raise await in_thread(explain, output, verb, key, name) from None


def _chart_name(chart: Path) -> str:
    """Return the name in a chart folder's ``Chart.yaml``; "" if it cannot be read."""
    try:
        found = _CHART_NAME.search((chart / "Chart.yaml").read_text(errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""


def _line(text: str) -> str:
    """``text`` on one line, cut to the length that Helm accepts."""
    return " ".join(text.split())[:_MAX_DESCRIPTION]


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
