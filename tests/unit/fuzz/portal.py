"""The portal from its forms to the start of Helm's process, on a cluster that is only a store."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from portal.auth.authorizer import KnownRights
from portal.auth.policy import Policy
from portal.catalog.dash_app import ExposureSettings
from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, OPERATION_LABEL, ORIGIN_LABEL, Key
from portal.domain.load_tests import LoadTestLimits
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind
from portal.domain.operations import Operation
from portal.guardrails.review import Guardrails
from portal.helm_service.helm import Helm
from portal.helm_service.orphans import STARTED_BY
from portal.helm_service.runner import Runner
from portal.operations.operations import Operations
from portal.releases.actions import Actions, form_fields
from portal.releases.forms import ReleaseForms
from portal.releases.load_test import LoadTests
from portal.releases.ports import ReleasePorts
from tests.unit.releases.fakes import (
    Clock,
    FakeAdmission,
    FakeApis,
    FakeCluster,
    FakeHelm,
    FakeLeases,
    FakePast,
    FakeRecords,
    FakeReplicas,
    RecordingStore,
    until,
)

ANN = Identity("ann")
FORMS = ReleaseForms(
    NamespaceRules(("apps", "lab")),
    "apps",
    max_replicas=6,
    site=ExposureSettings("traefik", gateway="kube-system/traefik"),
)
USUAL = FORMS.defaults() | {
    "name": "sales",
    "repository": "r.io/team/app",
    "tag": "1.0",
    "hostname": "app.example.com",
}
"""A form that is fine as it is."""
RELEASED: dict[str, Any] = {
    "image": {"repository": "r.io/app", "tag": "1"},
    "replicaCount": 2,
    "autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 3, "targetCPU": 70},
    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    "podAnnotations": {"kept": "{{ as it is }}"},
}
"""The values of a release that is there."""
CHART = Path(__file__).parents[3] / "charts" / "dash-app"
ENVIRONMENT = {"PATH": "/bin", "HELM_NO_PLUGINS": "1"}

Answer = TypeVar("Answer")


class NoJobs:
    """A cluster that refuses load tests."""

    async def start(self, *asked: object, **how: object) -> None:
        raise Conflict("The Service selects no pods.")

    async def stop(self, *asked: object, **how: object) -> None:
        raise Conflict("There is no such Job.")


@dataclass(frozen=True)
class Command:
    """A program that would have been started."""

    argv: list[str]
    environment: dict[str, str]
    stdin: bytes | None

    @property
    def values(self) -> Any:
        """The values that it gets on standard input."""
        assert self.stdin is not None
        return json.loads(self.stdin)


class Commands:
    """Starts nothing, but is as strict as the operating system about what it is asked to."""

    def __init__(self) -> None:
        self.made: list[Command] = []
        self.revision = 1

    def __call__(
        self, command: Sequence[str], environment: Mapping[str, str], given: bytes | None
    ) -> _Process:
        for text in (*command, *environment, *environment.values()):
            assert isinstance(text, str)
            assert b"\0" not in text.encode()
        self.made.append(Command(list(command), dict(environment), given))
        return _Process(json.dumps({"version": self.revision}).encode())


class _Process:
    status = 0

    def __init__(self, output: bytes) -> None:
        self._output = output

    async def output(self) -> tuple[bytes, bytes]:
        return self._output, b""

    async def end(self, grace: float) -> None:
        raise AssertionError("it has ended")


def helm(commands: Commands) -> Helm:
    """The real Helm client, but for its processes."""
    return Helm(Runner(ENVIRONMENT, executable="helm", start=commands))


def is_upgrade(
    command: Command, key: Key, *, chart: Path = CHART, description: str = "", labelled: bool = True
) -> None:
    """Fail unless this is the one command that installs a release, with nothing more."""
    *argv, socket = command.argv
    assert re.fullmatch(r"--post-renderer-args=/[\w./-]+/review-\w+/socket", socket)
    label = argv[argv.index("--labels") + 1] if labelled else ""
    assert argv == [
        *("helm", "upgrade", key.name, str(chart), "--history-max", "10", "--install"),
        *("--output", "json", "--timeout", "270s", "--values", "-"),
        *(("--description", description) if description else ()),
        *("--namespace", key.namespace, "--reset-values", "--server-side=true"),
        *(("--labels", label) if labelled else ()),
        *("--skip-crds", "--post-renderer", "review"),
    ]
    if labelled:
        labels = dict(each.split("=") for each in label.split(","))
        owner = labels.pop(LAUNCHED_BY, "a")
        assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", owner)
        assert re.fullmatch(r"[a-z0-9]+\.[0-9]+", labels.pop(OPERATION_LABEL))
        if labels:
            assert re.fullmatch(r"[a-z0-9-]+\.[a-z0-9]+", labels.pop(ORIGIN_LABEL))
        assert not labels
    assert command.environment == {**ENVIRONMENT, STARTED_BY: str(os.getpid())}


class Portal:
    """Everything that a launch goes through. One release is there: ``apps/there``."""

    def __init__(self) -> None:
        self.commands = Commands()
        clock = Clock()
        self.store = RecordingStore(clock)
        for kind in (Kind.RELEASE, Kind.LEASE):
            self.store.set_source(str(kind), synced=True, alive_at=clock.now)
        cluster = FakeCluster(self.store)
        leases = FakeLeases()
        records = FakeRecords(cluster, FakeHelm(cluster))
        past = FakePast()
        past.manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: there}\n"
        past.volume_claims = None  # which may not be listed: any name is believed
        operations = Operations(
            self.store,
            leases,
            records,
            FORMS.rules,
            holder="portal-1",
            fields=form_fields,
            clock=clock,
        )
        ports = ReleasePorts(
            helm(self.commands),
            records,
            past,
            FakeReplicas([]),
            Guardrails(FakeAdmission()),
            FakeApis(),
        )
        self.rights = KnownRights(Policy(FORMS.rules))
        self.actions = Actions(
            self.store,
            ports,
            operations,
            self.rights,
            FORMS,
            CHART,
            clock=clock,
            load_tests=LoadTests(
                self.store, NoJobs(), LoadTestLimits(50, 60, 30), lambda state: None, clock
            ),
        )
        leases.registries.append(self.actions.operations.registry)
        self.cluster = cluster

    async def command(self, asked: Coroutine[Any, Any, Operation]) -> Command:
        """The command that an action comes to; what it raises is raised."""
        (made,) = await self.commands_of(asked, 1)
        return made

    async def commands_of(
        self, asked: Coroutine[Any, Any, Operation], number: int
    ) -> list[Command]:
        """So many commands, and no more."""
        operation = await asked
        made = self.commands.made
        await until(
            self.store, lambda: len(made) >= number or self._operation(operation).phase.terminal
        )
        assert len(made) == number, self._operation(operation)
        await self.actions.operations.drain(0)
        return made

    def _operation(self, operation: Operation) -> Operation:
        found = self.store.snapshot.app(operation.key).operation
        return found or operation


def finish(asked: Coroutine[Any, Any, Answer]) -> Answer:
    """Run to the end, on a loop of its own."""
    return asyncio.run(asked)
