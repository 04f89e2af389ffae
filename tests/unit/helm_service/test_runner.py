from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from portal.domain.errors import Forbidden, HelmError, HelmTimeout
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.impersonation import Impersonation
from portal.domain.request import enter_operation
from portal.domain.secrets import HIDDEN
from portal.helm_service.process import NICENESS, Process
from portal.helm_service.redaction import redact, secrets_in
from portal.helm_service.runner import (
    CommandFailed,
    Runner,
    RunningProgram,
    helm_environment,
    processors,
)
from portal.turns import Turns
from tests.unit.helm_service.stub import Stub, gone, make
from tests.waiting import settled

SOURCES = Path(__file__).resolve().parents[3]


@pytest.fixture
def stub(tmp_path: Path) -> Stub:
    return make(tmp_path)


def runner(stub: Stub, deadline: float = 60.0, grace: float = 10.0, limit: int = 4) -> Runner:
    return Runner({}, executable=str(stub.path), deadline=deadline, grace=grace, limit=limit)


def late(stub: Stub, deadline: float = 0.1, grace: float = 0.1) -> Runner:
    """A runner whose deadline begins when the program runs, however long its start takes."""

    def start(
        argv: Sequence[str], environment: Mapping[str, str], given: bytes | None
    ) -> RunningProgram:
        process = Process.start(argv, environment, given)
        stub.wait()
        return process

    path = str(stub.path)
    return Runner({}, executable=path, deadline=deadline, grace=grace, start=start)


async def test_arguments_arrive_as_they_are(stub: Stub) -> None:
    stub.tell(stdout="out", stderr="warning")
    hostile = ["--x=$(id)", "a b", "'; rm -rf /", '"', "\\", "*", "-", "", "é\n"]

    assert await runner(stub).run(["status", 3, *hostile]) == b"out"

    assert stub.seen["argv"] == ["status", "3", *hostile]
    assert stub.seen["stdin"] == ""


async def test_input_arrives_whole(stub: Stub) -> None:
    stub.tell()
    text = "values: 'é'\n" * 50_000

    await runner(stub).run(["upgrade"], text.encode())

    assert stub.seen["stdin"] == text


async def test_the_environment_is_its_own(stub: Stub, tmp_path: Path) -> None:
    inherited = {
        "PATH": "/bin:/usr/bin",
        "HOME": "/home/x",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "HELM_DRIVER": "memory",
        "KUBECONFIG": "/not/this",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    environment = helm_environment(inherited, tmp_path, Path("/a/kubeconfig"))

    await Runner(environment, executable=str(stub.path)).run(["version"])

    seen = {name: value for name, value in stub.seen["env"].items() if not name.startswith("LC_")}
    assert seen == {
        "PATH": "/bin:/usr/bin",
        "HOME": "/home/x",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "HELM_NO_PLUGINS": "1",
        "HELM_PLUGINS": str(SOURCES / "portal" / "helm_service" / "plugins"),
        "DASH_PORTAL_PYTHON": sys.executable,
        "HELM_CACHE_HOME": f"{tmp_path}/cache",
        "HELM_CONFIG_HOME": f"{tmp_path}/config",
        "HELM_DATA_HOME": f"{tmp_path}/data",
        "KUBECONFIG": "/a/kubeconfig",
        "DASH_PORTAL_PROCESS": str(os.getpid()),
    }
    assert "KUBECONFIG" not in helm_environment(inherited, tmp_path)


async def test_a_failure_carries_what_was_printed_without_secrets(stub: Stub) -> None:
    stub.tell(status=7, stdout="o", stderr="no: hunter22 at https://me:pw@host/ Bearer abcdefghijk")
    values = b'{"extraEnvVars": [{"name": "A", "value": "hunter22"}]}'

    with pytest.raises(CommandFailed) as failed:
        await runner(stub).run(["upgrade"], values)

    assert failed.value.status == 7
    assert failed.value.stderr == f"no: {HIDDEN} at https://me:{HIDDEN}@host/ Bearer {HIDDEN}"


async def test_the_deadline_ends_helm_gently(stub: Stub) -> None:
    stub.tell(hang=True)

    with pytest.raises(HelmTimeout, match="within 1 seconds"):
        await late(stub, deadline=0.51, grace=10.0).run(["upgrade"])

    assert stub.terminated
    await gone(stub.seen["pid"])


async def test_the_whole_group_is_killed_when_it_does_not_listen(stub: Stub) -> None:
    stub.tell(hang=True, ignore_term=True, child=True)

    with pytest.raises(HelmTimeout):
        await late(stub).run(["upgrade"])

    assert stub.seen["group"] == stub.seen["pid"]
    await gone(stub.seen["pid"])
    await gone(stub.seen["child"])


async def test_helm_gives_way_to_the_portal(stub: Stub) -> None:
    stub.tell(hang=True)
    process = Process.start([str(stub.path)], {}, b"")
    await stub.started()
    pid, own = stub.seen["pid"], os.getpriority(os.PRIO_PROCESS, 0)

    assert os.getpriority(os.PRIO_PROCESS, pid) == max(own, NICENESS)
    assert os.getsid(pid) == os.getsid(0)  # else Linux may compare it with no other program

    await process.end(10.0)
    await gone(pid)


async def test_what_has_left_the_group_is_not_waited_for(stub: Stub) -> None:
    stub.tell(hang=True, child=True, escapes=True)

    with pytest.raises(HelmTimeout):
        await late(stub).run(["upgrade"])

    assert stub.terminated
    os.kill(stub.seen["child"], signal.SIGKILL)  # it held the pipes until now


async def test_cancelling_ends_helm_before_it_goes_on(stub: Stub) -> None:
    stub.tell(hang=True)
    task = asyncio.create_task(runner(stub).run(["upgrade"]))
    await stub.started()

    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # a second one must not leave Helm behind
    with pytest.raises(asyncio.CancelledError):
        await task

    assert stub.terminated
    await gone(stub.seen["pid"])


async def test_only_so_many_run_at_once(stub: Stub) -> None:
    stub.tell(hang=True)
    both = runner(stub, limit=1)
    first = asyncio.create_task(both.run(["first"]))
    await stub.started()
    stub.tell()
    second = asyncio.create_task(both.run(["second"]))
    await asyncio.sleep(0.1)
    assert not stub.seen_file.exists()

    first.cancel()
    await second

    assert stub.seen["argv"] == ["second"]
    await asyncio.wait([first])


class Told:
    """A program that ends when it is told to."""

    def __init__(self) -> None:
        self.status = 0
        self.over = asyncio.Event()

    async def output(self) -> tuple[bytes, bytes]:
        await self.over.wait()
        return b"", b""

    async def end(self, grace: float) -> None:
        self.over.set()


async def test_one_persons_commands_take_turns() -> None:
    """Another's do not wait for them, nor those of people who cannot be told apart."""
    running: dict[str, Told] = {}

    def start(argv: Sequence[str], environment: Mapping[str, str], given: bytes | None) -> Told:
        return running.setdefault(argv[1], Told())

    every = Runner({}, start=start, turns=lambda: Turns(1, longest=60))
    who = {"b": Identity("bob"), "a": Identity("ann"), "x": ANONYMOUS, "p": None}
    tasks: list[asyncio.Task[bytes]] = []
    for command in ("b1", "b2", "b3", "a1", "x1", "x2", "p1", "p2"):
        tasks.append(asyncio.create_task(every.acting_for(who[command[0]]).run([command])))
        await settled()
    assert list(running) == ["b1", "a1", "x1", "x2", "p1", "p2"]
    for ended, begun in (("b1", "b2"), ("b2", "b3")):
        running[ended].over.set()
        await settled()
        assert list(running)[-1] == begun
    for each in running.values():
        each.over.set()
    await asyncio.gather(*tasks)
    await settled()
    assert not every._turns, "nothing is kept of who has no command"


@pytest.mark.parametrize(
    ("limit", "found"), [("100000 100000", 1), ("max 100000", 99), ("50000 100000", 1), ("", 99)]
)
def test_a_limit_of_processors_counts(
    limit: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(99), raising=False)
    quota = tmp_path / "cpu.max"
    quota.write_text(limit)
    assert processors(quota) == found
    assert processors(tmp_path / "none") == 99


async def test_a_missing_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(HelmError, match="could not be started"):
        await Runner({}, executable=str(tmp_path / "none")).run(["version"])


async def test_logs_hold_no_values(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    stub.tell(stdout='{"version": 1}', stderr="")
    caplog.set_level(logging.DEBUG)
    command = ["upgrade", "app", "/chart", "--namespace", "apps", "--set", "password=hunter2"]

    await runner(stub).run(command, b'{"extraEnvVars": [{"name": "A", "value": "hunter2"}]}')

    logged = [each.getMessage() for each in caplog.records if each.name.startswith("portal")]
    assert len(logged) == 1
    assert logged[0].startswith("helm upgrade app in apps ended with 0 after")
    assert "hunter2" not in caplog.text


def test_secrets_are_found_in_values() -> None:
    values = b'{"extraEnvVars": [{"value": "longer-one"}, {"value": "ab"}, {"valueFrom": {}}, 3]}'
    assert secrets_in(values) == ("longer-one",)
    other = (
        b'{"auth": {"rootPassword": "hunter22", "username": "admin-user"}, "env": {"A": "bcdefg"}}'
    )
    assert secrets_in(other) == ("admin-user", "hunter22")
    for odd in (None, b"", b"not json", b"[]", b'{"extraEnvVars": {}}'):
        assert secrets_in(odd) == ()


def test_tokens_are_hidden() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
    assert redact(f"token {token}!") == f"token {HIDDEN}!"


async def test_a_failure_quotes_no_value(stub: Stub) -> None:
    """In whichever field a password was put, and however Helm, Go or the API server quotes it."""
    secret, plain = 'pa"ss\\wörd-1', "looks-harmless"
    encoded = base64.b64encode(f"ada:{secret}".encode()).decode()
    said = [
        "Error: values don't meet the specifications of the schema(s) in the following chart(s):",
        f"- at '/image': '{plain}' does not match pattern '^x$'",
        f'spec.x: Invalid value: "{plain}": must be lower case',
        f"admission webhook said {json.dumps(secret)} and {quote(secret)} and {encoded}",
        f'execution error at (x/templates/a.yaml:1:2): "{plain}" is weak, so is {plain}',
        f'strconv.Atoi: parsing "{plain}": invalid syntax; release "app" in "apps"',
        "postgres://ada:of-somebody@db/x",
    ]
    stub.tell(status=1, stderr="\n".join(said))
    values = json.dumps({"auth": {"password": secret}, "image": plain, "name": "app"}).encode()

    with pytest.raises(CommandFailed) as failed:
        await runner(stub).run(["upgrade", "app", "--namespace", "apps"], values)

    assert failed.value.stderr.splitlines() == [
        said[0],
        "- at '/image': value does not match pattern '^x$'",
        "spec.x: Invalid value: (hidden): must be lower case",
        f'admission webhook said "{HIDDEN}" and {HIDDEN} and YWRhOn{HIDDEN}',
        f'execution error at (x/templates/a.yaml:1:2): "{HIDDEN}" is weak, so is {HIDDEN}',
        'strconv.Atoi: parsing: invalid syntax; release "app" in "apps"',
        f"postgres://ada:{HIDDEN}@db/x",
    ]


def test_of_a_long_output_the_end_is_kept_in_whole_lines() -> None:
    secret = "s" * 100
    shown = redact(f"{'x' * 2**18}{secret}\nError: no", ["s" * 100])
    assert shown == "Error: no"


def config_of(stub: Stub) -> dict[str, Any]:
    """The kubeconfig that the program had; it must have been removed since."""
    assert not Path(stub.seen["env"]["KUBECONFIG"]).exists()
    return json.loads(stub.seen["kubeconfig"])


async def test_a_person_is_named_to_helm_in_a_kubeconfig_of_its_command(
    stub: Stub, tmp_path: Path
) -> None:
    stub.tell()
    hostile = "--kube-context=other,'; rm -rf /\"}: é"
    pod = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    acting = Runner(
        pod,
        executable=str(stub.path),
        impersonation=Impersonation(frozenset({"a,b", "-x"})),
        folder=tmp_path,
    )
    who = Identity(hostile, ("a,b", "-x", "not-listed"))
    await acting.acting_for(who).with_arguments("--labels", "a=b").run(["upgrade", "x"])
    assert stub.seen["argv"] == ["upgrade", "x", "--labels", "a=b"]
    config = config_of(stub)
    assert config["users"][0]["user"] == {
        "tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "as": hostile,
        "as-groups": ["-x", "a,b"],
    }
    assert config["clusters"][0]["cluster"]["server"] == "https://[fd00::1]:443"
    assert Path(stub.seen["env"]["KUBECONFIG"]).parent == tmp_path
    enter_operation("0a1b")
    await acting.acting_for(who).run(["upgrade", "x"])
    user = config_of(stub)["users"][0]["user"]
    assert user["as-user-extra"] == {"dash-portal.io/operation": ["0a1b"]}
    with pytest.raises(Forbidden):
        acting.acting_for(Identity("system:admin"))
    await acting.acting_for(None).run(["list"])
    assert "KUBECONFIG" not in stub.seen["env"], "for itself the portal uses its own account"


async def test_outside_of_a_pod_the_portals_own_kubeconfig_is_what_it_acts_with(
    stub: Stub, tmp_path: Path
) -> None:
    stub.tell()
    own = tmp_path / "kubeconfig"
    own.write_text(
        """
        clusters:
          - {name: one, cluster: {server: "https://one", certificate-authority: ca.crt}}
          - {name: two, cluster: {server: "https://two"}}
        users:
          - {name: me, user: {client-certificate: /abs/me.crt, client-key: sub/me.key}}
        contexts: [{name: here, context: {cluster: one, user: me, namespace: a}}]
        current-context: here
        """
    )
    given = {"KUBECONFIG": str(own)}
    acting = Runner(given, executable=str(stub.path), impersonation=Impersonation())
    await acting.acting_for(Identity("ann")).run(["list"])
    config = config_of(stub)
    assert config["clusters"] == [
        {
            "name": "portal",
            "cluster": {"server": "https://one", "certificate-authority": f"{tmp_path}/ca.crt"},
        }
    ]
    assert config["users"][0]["user"] == {
        "client-certificate": "/abs/me.crt",
        "client-key": f"{tmp_path}/sub/me.key",
        "as": "ann",
        "as-groups": [],
    }


@pytest.mark.parametrize("given", ["", "[]", "a: [", "current-context: x", None])
async def test_without_credentials_nobody_is_acted_for(
    stub: Stub, tmp_path: Path, given: str | None
) -> None:
    path = tmp_path / "kubeconfig"
    if given is not None:
        path.write_text(given)
    for environment in ({"KUBECONFIG": str(path)}, {}):
        acting = Runner(environment, executable=str(stub.path), impersonation=Impersonation())
        with pytest.raises(HelmError, match="own kubeconfig"):
            await acting.acting_for(Identity("ann")).run(["list"])
    assert not stub.seen_file.exists()


async def test_without_impersonation_everybody_is_the_portal(stub: Stub) -> None:
    stub.tell()
    await runner(stub).acting_for(Identity("ann", ("a",))).run(["list"])
    assert "KUBECONFIG" not in stub.seen["env"]
