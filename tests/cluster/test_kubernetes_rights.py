"""A portal whose account only reads, and people whom Kubernetes lets do more: what each may do,
what is done as whom, and what becomes of open pages when a role is taken away.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dev import demo
from dev.cluster import registry
from dev.cluster.choose import How
from portal.auth.kubernetes import ROLES
from portal.cluster.client import ClusterClient
from portal.cluster.leases import RECORD, SEALED
from portal.cluster_sync import ClusterSync, running
from portal.domain.errors import Conflict, Forbidden, NotFound
from portal.domain.identity import Identity
from portal.domain.impersonation import OPERATION
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import Exposure
from portal.domain.operations import Operation, OperationPhase
from portal.domain.owners import label_of
from portal.domain.permissions import Permission
from portal.releases.new_owner import ROLES_KEPT, HandOverRequest
from portal.releases.people import People
from portal.settings import Settings
from portal.web_app import WebApp
from tests.cluster.test_actions import CHART as APP_CHART
from tests.cluster.test_actions import sample
from tests.cluster.test_operations import HOLD, helms_of
from tests.unit.recorder import Kept
from tests.waiting import until

pytestmark = pytest.mark.cluster

CHART = Path(__file__).resolve().parents[2] / "helm" / "portal"
HELM = os.environ.get("HELM_BIN") or shutil.which("helm") or "helm"
SLOW = 180.0
"""Seconds that a condition may take on a busy machine with two cores."""
GONE_WITHIN = 30.0
"""Seconds within which a role that is taken away empties pages, and ends streams and shells."""
SECRET = "sesame" * 6
NEWS_WITHIN = 10.0
"""Seconds within which a role that is given or taken away is known, with a watch of roles."""
TEAM = "rbac-team"
ANN, BOB = Identity("ann@example.org"), Identity("bób", (TEAM, "another-team"))
MEG, DAN, CAROL, KIM, ROOT = (Identity(each) for each in ("meg", "dan", "carol", "kim", "root"))
WRITTEN = "example.org/written-by"
LIST = {"apiVersion": "v1", "kind": "List"}
WRITES = {"create", "update", "patch", "delete", "deletecollection", "*"}


def kubectl(*arguments: str, given: object = None) -> str:
    done = subprocess.run(
        ["kubectl", *arguments],
        input=json.dumps(given) if given is not None else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def limited_kubeconfig(token: str) -> dict[str, object]:
    """A kubeconfig with only the server of the tests' own one, and none of its rights."""
    admin = json.loads(kubectl("config", "view", "--raw", "-o", "json"))
    current = next(
        each["context"]["cluster"]
        for each in admin["contexts"]
        if each["name"] == admin["current-context"]
    )
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [each for each in admin["clusters"] if each["name"] == current],
        "users": [{"name": "portal", "user": {"token": token}}],
        "contexts": [{"name": "portal", "context": {"cluster": current, "user": "portal"}}],
        "current-context": "portal",
    }


class Site:
    """Names of what a portal for two namespaces is installed as, with its account's kubeconfig."""

    def __init__(self, folder: Path) -> None:
        tag = uuid.uuid4().hex[:6]
        self.own, self.apps, self.other = (f"rbac-{tag}{each}" for each in ("", "-apps", "-other"))
        self.account = f"system:serviceaccount:{self.own}:portal"
        self.prefix = f"{self.own}-portal-dash-portal"
        self.kubeconfig = folder / "kubeconfig"
        self.secret = folder / "secret"
        self.secret.write_text(SECRET)

    def install(self) -> None:
        for name in (self.own, self.apps, self.other):
            kubectl("create", "namespace", name)
        values = {
            "image": {"repository": "localhost:5000/dash-portal", "tag": "dev"},
            "serviceAccount": {"name": "portal"},
            "nodeSelector": {"nowhere": "here"},  # its roles are what counts
            "namespaces": [self.apps, self.other],
            "auth": {"mode": "header", "existingSecret": "none"},
            "authorization": {"mode": "kubernetes", "groups": [TEAM], "grantRoles": True},
            "settings": {"allowExec": True, "shell": True},
        }
        self.kubeconfig.with_name("values.json").write_text(json.dumps(values))
        self.upgrade("--install")
        token = kubectl("create", "token", "portal", "-n", self.own).strip()
        self.kubeconfig.write_text(json.dumps(limited_kubeconfig(token)))

    def upgrade(self, *more: str) -> None:
        given = str(self.kubeconfig.with_name("values.json"))
        command = [HELM, "upgrade", "portal", str(CHART), "-n", self.own, "-f", given, *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def remove(self) -> None:
        subprocess.run(
            [HELM, "uninstall", "portal", "-n", self.own, "--ignore-not-found"],
            check=False,
            capture_output=True,
        )
        policies = "mutatingadmissionpolicies,mutatingadmissionpolicybindings"
        kubectl("delete", policies, self.own, "--ignore-not-found")
        kubectl(
            *("delete", "namespace", self.own, self.apps, self.other),
            *("--ignore-not-found", "--wait=false"),
        )

    def bind(self, name: str, role: str, kind: str, subject: str) -> None:
        kubectl(
            *("create", "rolebinding", name, "-n", self.apps),
            *(f"--clusterrole={self.prefix}-{role}", f"--{kind}={subject}"),
        )

    def sign_writes(self) -> None:
        """Have the API server note on what is written who wrote it, and in which operation."""
        resources = {
            "": ["secrets", "services"],
            "apps": ["deployments"],
            "rbac.authorization.k8s.io": ["rolebindings"],
        }
        operation = f"request.userInfo.extra[{json.dumps(OPERATION)}][0]"
        noted = f'{{"{WRITTEN}": request.userInfo.username + " in " + {operation}}}'
        annotated = f"Object{{metadata: Object.metadata{{annotations: {noted}}}}}"
        policy = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": self.own},
            "spec": {
                "reinvocationPolicy": "Never",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": [group],
                            "apiVersions": ["v1"],
                            "resources": plurals,
                            "operations": ["CREATE", "UPDATE"],
                        }
                        for group, plurals in resources.items()
                    ]
                },
                "matchConditions": [
                    {
                        "name": "for-an-operation",
                        "expression": "has(request.userInfo.extra) && "
                        f"{json.dumps(OPERATION)} in request.userInfo.extra",
                    }
                ],
                "mutations": [
                    {
                        "patchType": "ApplyConfiguration",
                        "applyConfiguration": {"expression": annotated},
                    }
                ],
            },
        }
        binding = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": self.own},
            "spec": {
                "policyName": self.own,
                "matchResources": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.apps}}
                },
            },
        }
        kubectl("create", "-f", "-", given={**LIST, "items": [policy, binding]})

    def signs_writes(self) -> bool:
        """Return True once the API server does so, which takes it a second or two."""
        tried = kubectl(
            *("create", "secret", "generic", "tried", "--dry-run=server", "-n", self.apps),
            *("--as=root", "--as-group=system:masters", f"--as-user-extra={OPERATION}=0"),
            *("-o", "json"),
        )
        return WRITTEN in json.loads(tried)["metadata"].get("annotations", {})

    def written(self, kind: str, name: str) -> str:
        """Return who has last written an object, and in which operation."""
        found = json.loads(kubectl("get", kind, name, "-n", self.apps, "-o", "json"))
        return found["metadata"]["annotations"][WRITTEN]

    def environment(self) -> dict[str, str]:
        return {
            "DASH_PORTAL_NAMESPACES": f"{self.apps},{self.other}",
            "DASH_PORTAL_AUTH_MODE": "header",
            "DASH_PORTAL_AUTH_SECRET_FILE": str(self.secret),
            "DASH_PORTAL_AUTHORIZATION": "kubernetes",
            "DASH_PORTAL_IMPERSONATED_GROUPS": TEAM,
            "DASH_PORTAL_ROLE_PREFIX": self.prefix,
            "DASH_PORTAL_KUBECONFIG": str(self.kubeconfig),
            "DASH_PORTAL_POD_SECURITY_NAMESPACE": f"{self.prefix}-restricted",
            "DASH_PORTAL_CHART_PATH": str(APP_CHART),
            "DASH_PORTAL_HELM": HELM,
            "DASH_PORTAL_ALLOW_EXEC": "true",
            "DASH_PORTAL_SHELL": "true",
        }

    def settings(self) -> Settings:
        return Settings.from_env(self.environment())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    try:
        site.install()
        yield site
    finally:
        site.remove()


async def test_an_upgrade_leaves_the_control_plane_its_rules(site: Site):
    role = f"{site.prefix}-viewer"

    def rules() -> list[object]:
        return json.loads(kubectl("get", "clusterrole", role, "-o", "json")).get("rules") or []

    await until(lambda: bool(rules()))
    filled = rules()
    site.upgrade("--set", "settings.allowExec=false,settings.shell=false")
    assert rules() == filled


class Portal:
    """The whole portal, served at ``port``; ``web`` is asked as a page's callbacks ask it."""

    def __init__(self, web: WebApp, sync: ClusterSync, port: int) -> None:
        self.web = web
        self.rights = web._rights  # pyright: ignore[reportPrivateUsage]
        self.actions = web._actions  # pyright: ignore[reportPrivateUsage]
        self.store = sync.store
        self.port = port

    @property
    def people(self) -> People:
        people = self.web._context.people  # pyright: ignore[reportPrivateUsage]
        assert people is not None
        return people

    async def until(self, condition: Callable[[], bool], what: str, within: float = SLOW) -> None:
        try:
            async with asyncio.timeout(within):
                while not condition():  # noqa: ASYNC110 - rights and health change, too
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pytest.fail(f"{what} did not come about within {within:.0f} s")

    async def until_asked(
        self, condition: Callable[[], Awaitable[bool]], what: str, within: float = SLOW
    ) -> None:
        try:
            async with asyncio.timeout(within):
                while not await condition():  # noqa: ASYNC110 - asked of the cluster
                    await asyncio.sleep(0.5)
        except TimeoutError:
            pytest.fail(f"{what} did not come about within {within:.0f} s")

    async def ended(self, operation: Operation) -> Operation:
        def newest() -> Operation | None:
            return self.store.snapshot.app(operation.key).operation

        def over() -> bool:
            now = newest()
            return now is not None and now.id == operation.id and now.phase.terminal

        await self.until(over, f"the end of {operation.verb}")
        last = newest()
        assert last is not None
        return last

    @asynccontextmanager
    async def socket(
        self, who: Identity, path: str, **query: str
    ) -> AsyncGenerator[ClientConnection]:
        async with connect(
            f"ws://127.0.0.1:{self.port}{path}?{urlencode(query)}",
            origin=f"http://127.0.0.1:{self.port}",  # type: ignore[arg-type]
            additional_headers=headers(who),
        ) as browser:
            yield browser

    async def get(self, who: Identity, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}", headers=headers(who)) as answer,
        ):
            return answer.status, await answer.text()


def headers(who: Identity) -> dict[str, str]:
    return {
        "X-Portal-Secret": SECRET,
        "X-Forwarded-User": who.user,
        "X-Forwarded-Groups": ",".join(who.groups),
    }


def phase_of(portal: Portal, key: Key) -> OperationPhase | None:
    found = portal.store.snapshot.app(key).operation
    return found.phase if found else None


@asynccontextmanager
async def serving(settings: Settings) -> AsyncGenerator[Portal]:
    def failed(task: asyncio.Task[None]) -> None:
        raise AssertionError(f"{task.get_name()} has ended")

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            ClusterClient.connect(settings.kubeconfig, settings.impersonation())
        )
        sync = ClusterSync(client, settings)
        await stack.enter_async_context(running(sync.tasks(), failed))
        web = WebApp(settings, os.environ, sync, stack)
        await stack.enter_async_context(running(web.tasks(), failed))
        app = Starlette()
        app.mount("/", await asyncio.to_thread(web.site))
        web.hub.start()
        stack.push_async_callback(web.drain)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            task = asyncio.create_task(server.serve(sockets=[listener]))
            portal = Portal(web, sync, listener.getsockname()[1])
            try:
                await portal.until(lambda: not sync.store.snapshot.loading, "the first lists")
                yield portal
            finally:
                await web.drain()
                server.should_exit = True
                await task


def may_write(account: str, namespace: str) -> set[str]:
    """What ``kubectl auth can-i --list`` says that an account may write in a namespace."""
    groups = ("system:serviceaccounts", "system:authenticated")
    told = kubectl(
        *("auth", "can-i", "--list", "-n", namespace, "--no-headers", f"--as={account}"),
        *(f"--as-group={group}" for group in groups),
    )
    found = set[str]()
    for line in told.splitlines():
        resource, verbs = line.split()[0], line[line.rindex("[") + 1 : line.rindex("]")].split()
        if WRITES & set(verbs) and not resource.startswith(("[", "selfsubject")):
            found.add(resource)
    return found


async def last_words(browser: ClientConnection) -> str:
    """Read until the connection is closed; return all that was told."""
    told = ""
    with suppress(ConnectionClosed):
        while True:
            message = await browser.recv()
            told += message if isinstance(message, str) else message.decode(errors="replace")
    return told


async def shown(browser: ClientConnection, text: str, within: float = SLOW) -> None:
    """Read until ``text`` is shown."""
    told = ""
    async with asyncio.timeout(within):
        while text not in told:
            message = await browser.recv()
            told += message if isinstance(message, str) else message.decode(errors="replace")


def leave(key: Key, forged: bool) -> None:
    """Leave a finished launch as a portal that was killed would: pending, with a Lease of its own.

    With ``forged`` the Lease names who began it, and no portal has sealed that.
    """
    where = ("-n", key.namespace)
    record = f"sh.helm.release.v1.{key.name}.v1"
    kubectl("label", "--overwrite", "secret", record, "status=pending-install", *where)
    lease = json.loads(kubectl("get", "lease", f"dash-portal.{key.name}", *where, "-o", "json"))
    notes = lease["metadata"]["annotations"]
    notes[RECORD] = json.dumps({**json.loads(notes[RECORD]), "phase": "running"})
    if forged:
        notes[SEALED] = notes[SEALED].swapcase()
    lease["spec"]["holderIdentity"] = "killed"
    kubectl("replace", "-f", "-", given=lease)


async def killed_at_work(site: Site, folder: Path, key: Key, who: Identity) -> str:
    """Kill a portal, with its Helm, in the middle of a launch; return the operation's id."""
    chart = folder / "dash-app"
    shutil.copytree(APP_CHART, chart)
    (chart / "templates" / "hold.yaml").write_text(HOLD)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.cluster.person_process"),
        *(key.namespace, key.name, who.user),
        cwd=CHART.parents[1],
        env={**os.environ, **site.environment(), "DASH_PORTAL_CHART_PATH": str(chart)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(SLOW):
            operation = (await process.stdout.readline()).decode().strip()
            held = ("--for=create", f"job/{key.name}-hold", "-n", key.namespace, "--timeout=60s")
            await asyncio.to_thread(kubectl, "wait", *held)
        return operation
    finally:
        process.kill()
        for helm in helms_of(process.pid):
            os.kill(helm, signal.SIGKILL)
        await process.wait()


@pytest.fixture
def demo_paused() -> Iterator[None]:
    """No other portal: the demo's works in all namespaces, and would finish what one has left."""
    demo = ("-n", "dash-portal", "deployment/portal")
    kubectl("scale", "--replicas=0", *demo)
    try:
        gone = ("--for=delete", "--timeout=60s", "-l", "app.kubernetes.io/instance=portal")
        kubectl("wait", "pod", "-n", "dash-portal", *gone)
        yield
    finally:
        kubectl("scale", "--replicas=1", *demo)
        kubectl("rollout", "status", "--timeout=90s", *demo)


@pytest.mark.usefixtures("demo_paused")
async def test_people_do_what_kubernetes_lets_them_and_the_portal_itself_reads(
    site: Site, tmp_path: Path
) -> None:
    # What `can-i --list` says of the account: before (the demo's, which does all itself) and here.
    before = may_write("system:serviceaccount:dash-portal:portal", "apps")
    assert {"secrets", "deployments.apps", "services"} <= before
    assert may_write(site.account, site.apps) == {"leases.coordination.k8s.io"}

    site.bind("ann", "viewer", "user", ANN.user)
    site.bind("team", "launcher", "group", TEAM)
    site.bind("meg", "maintainer", "user", MEG.user)
    site.bind("kim", "maintainer", "user", KIM.user)
    site.bind("root", "administrator", "user", "root")
    rules = json.loads(kubectl("get", "clusterrole", f"{site.prefix}-launcher", "-o", "json"))
    kubectl(
        *("create", "-n", site.apps, "-f", "-"),
        given={
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "no-ingresses"},
            "rules": [each for each in rules["rules"] if "ingresses" not in each["resources"]]
            + [
                {
                    "apiGroups": ["networking.k8s.io"],
                    "resources": ["ingresses"],
                    "verbs": ["get", "list"],
                }
            ],
        },
    )
    kubectl("create", "rolebinding", "dan", "-n", site.apps, "--role=no-ingresses", "--user=dan")
    site.sign_writes()

    async with serving(site.settings()) as portal:
        rights, actions = portal.rights, portal.actions
        people = {"viewer": ANN, "launcher": BOB, "maintainer": MEG, "administrator": ROOT}
        for role, who in people.items():
            answer: Any = await rights.ask_again(who)
            assert answer.namespaces == {site.apps}, role
            assert answer.granted(site.apps) == ROLES[role], role
        assert (await rights.ask(CAROL)).namespaces == frozenset()
        for nobody in (Identity("system:admin"), Identity("eve", ("system:masters",))):
            refusal = (await rights.ask(nobody)).refusal(Permission.SEE, Key(site.apps, "x"), None)
            assert refusal is not None
            assert "Kubernetes' own" in str(refusal)

        # A launch is the launcher's: the portal's account could not have made any of it.
        async def signs() -> bool:
            return await asyncio.to_thread(site.signs_writes)

        await portal.until_asked(signs, "the policy that signs what is written")
        key = Key(site.apps, "sales")
        done = await portal.ended(await actions.launch(BOB, sample(key)))
        assert done.phase is OperationPhase.SUCCEEDED, (done.error, done.steps)
        # Of all that Helm has written, and the portal itself, the API server knows the operation.
        for kind, name in (
            ("deployment", "sales"),
            ("service", "sales"),
            ("secret", "sh.helm.release.v1.sales.v1"),
        ):
            assert site.written(kind, name) == f"{BOB.user} in {done.id}"
        with pytest.raises(Forbidden, match="Kubernetes permission to"):
            await actions.launch(ANN, sample(key, replicas=2))
        with pytest.raises(Forbidden, match="There is no namespace"):
            await actions.launch(CAROL, sample(key))
        assert [each.revision for each in await actions.previews.history(BOB, key)] == [1]

        # What a portal that was killed has left; it takes the others a while to see that.
        left_over = {name: Key(site.apps, name) for name in ("left", "forged")}
        begun = [await actions.launch(BOB, sample(each, replicas=0)) for each in left_over.values()]
        assert {(await portal.ended(each)).phase for each in begun} == {OperationPhase.SUCCEEDED}
        for name, each in left_over.items():
            await asyncio.to_thread(leave, each, name == "forged")
        # And one that really was killed, with its Helm, in the middle of a maintainer's launch.
        left_over["killed"] = Key(site.apps, "killed")
        killed = await killed_at_work(site, tmp_path, left_over["killed"], KIM)

        # Who may not make an Ingress is told so before anything is made.
        web = Key(site.apps, "web")
        exposed = replace(sample(web), exposure=Exposure.INGRESS, hostname="web.example.org")
        refused = await portal.ended(await actions.launch(DAN, exposed))
        assert refused.phase is OperationPhase.FAILED
        assert "permission to create, patch ingresses.networking.k8s.io" in refused.error
        made = kubectl("get", "deployments,secrets", "-n", site.apps, "-o", "name")
        assert "web" not in made
        assert "sh.helm.release.v1.sales.v1" in made

        # What may not be seen is not there.
        for path in ("/", f"/apps/{site.apps}/sales", "/admin", "/launch"):
            status, page = await portal.get(CAROL, path)
            assert status == 200
            assert site.apps not in page.replace(path, ""), path
        for topic in (f"app/{site.apps}/sales", "admin", "apps", f"objects/{site.apps}/sales"):
            _, frame = await portal.get(CAROL, f"/live/frame?{urlencode({'view': topic})}")
            _, nowhere = await portal.get(
                CAROL, f"/live/frame?{urlencode({'view': topic.replace('sales', 'nothing')})}"
            )
            assert frame.replace("sales", "nothing") == nowhere, topic
            assert BOB.user not in frame

        # A role that is taken away: the page empties, log and shell end.
        await rights.ask_again(MEG)
        (pod,) = (each.key.name for each in portal.store.snapshot.app(key).pods if each.ready)
        place = {"namespace": key.namespace, "name": key.name, "pod": pod}
        async with (
            portal.socket(ANN, "/live") as page,
            portal.socket(ANN, "/live/logs", **place) as log,
            portal.socket(MEG, "/live/shell", **place, container="") as shell,
        ):
            await page.send(json.dumps({"view": f"app/{key.namespace}/{key.name}"}))
            await shown(page, "sales")
            await shown(log, '"lines"')
            await shown(shell, '"shell"')
            kubectl("delete", "rolebinding", "ann", "meg", "-n", site.apps)
            async with asyncio.timeout(GONE_WITHIN):
                _, log_end, shell_end = await asyncio.gather(
                    shown(page, "There is no release named sales"),
                    last_words(log),
                    last_words(shell),
                )
            assert "There is no namespace" in log_end
            assert "There is no namespace" in shell_end

        # The record was repaired as the launcher, if a portal has noted that it was the launcher.
        for name, each in left_over.items():
            await portal.until(
                lambda key=each: phase_of(portal, key) is OperationPhase.INTERRUPTED, name
            )
            record = f"sh.helm.release.v1.{name}.v1"
            labels = ("-o", "jsonpath={.metadata.labels.status}")
            status = kubectl("get", "secret", record, "-n", site.apps, *labels)
            assert status == ("pending-install" if name == "forged" else "failed")
        record = "sh.helm.release.v1.killed.v1"
        assert site.written("secret", record) == f"{KIM.user} in {killed}"
        error = portal.store.snapshot.app(left_over["forged"]).operation.error  # type: ignore[union-attr]
        assert "with its own account" in error

        # And the launcher goes on: the release is removed as the launcher.
        gone = await portal.ended(await actions.uninstall(BOB, key))
        assert gone.phase is OperationPhase.SUCCEEDED, (gone.error, gone.steps)


IN_A_POD = """
import asyncio, os, sys
from pathlib import Path
from portal.domain.identity import Identity
from portal.domain.impersonation import Impersonation
from portal.helm_service.runner import CommandFailed, Runner, helm_environment

async def listed(namespace, user):
    runner = Runner(helm_environment(os.environ, Path("/tmp")), impersonation=Impersonation())
    try:
        return (await runner.acting_for(Identity(user)).run(["list", "-n", namespace])).decode()
    except CommandFailed as error:
        return error.stderr

print(asyncio.run(listed(*sys.argv[1:])))
"""
"""Has Helm list the releases of a namespace as a person; the arguments are both names."""


def in_a_pod(site: Site, user: str) -> str:
    """Return what Helm answers a person in a pod of the portal's image, with its own account."""
    values = demo.values(How.LOCAL, registry.digest(demo.PORTAL_IMAGE) or "")
    image: Any = values["image"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"helm-for-{user}", "namespace": site.own},
        "spec": {
            "serviceAccountName": "portal",
            "automountServiceAccountToken": True,
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "helm",
                    "image": f"{image['registry']}/{image['repository']}@{image['digest']}",
                    "command": ["/app/venv/bin/python", "-c", IN_A_POD, site.apps, user],
                }
            ],
        },
    }
    kubectl("create", "-f", "-", given=pod)
    where = (f"helm-for-{user}", "-n", site.own)
    ended = "--for=jsonpath={.status.containerStatuses[0].state.terminated.reason}"
    kubectl("wait", "pod", *where, ended, "--timeout=90s")
    return kubectl("logs", *where)


def test_helm_acts_for_a_person_from_within_a_pod(site: Site) -> None:
    site.bind("meg", "maintainer", "user", MEG.user)
    assert "NAME" in in_a_pod(site, MEG.user)
    refused = in_a_pod(site, CAROL.user)
    assert 'User "carol" cannot list' in refused, refused


def owner_of(key: Key) -> str:
    """Return the owner in the label of a release's first record."""
    record = f"sh.helm.release.v1.{key.name}.v1"
    found = json.loads(kubectl("get", "secret", record, "-n", key.namespace, "-o", "json"))
    return found["metadata"]["labels"][LAUNCHED_BY]


async def test_roles_are_given_as_whoever_gives_them_and_no_more_than_they_have(
    site: Site,
) -> None:
    site.bind("root", "administrator", "user", ROOT.user)
    site.bind("meg", "maintainer", "user", MEG.user)
    site.bind("dan", "viewer", "user", DAN.user)
    binder = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "binder"},
        "rules": [
            {
                "apiGroups": ["rbac.authorization.k8s.io"],
                "resources": ["rolebindings"],
                "verbs": ["list", "create"],
            }
        ],
    }
    kubectl("create", "-n", site.apps, "-f", "-", given=binder)
    kubectl("create", "rolebinding", "binder", "-n", site.apps, "--role=binder", "--user=dan")
    key = Key(site.apps, "sales")
    site.sign_writes()
    async with serving(site.settings()) as portal:
        rights, people = portal.rights, portal.people

        async def signs() -> bool:
            return await asyncio.to_thread(site.signs_writes)

        await portal.until_asked(signs, "the policy that signs what is written")
        kept = people._recorder = Kept()
        await people.grant(ROOT, key, "viewer", f"user: {ANN.user}")

        async def views() -> bool:
            answer: Any = await rights.ask(ANN)
            return answer.granted(site.apps) == ROLES["viewer"]

        await portal.until_asked(views, "the role that was given", within=NEWS_WITHIN)
        (held,) = [each for each in await people.listed(ROOT, key) if each.made]
        assert (str(held.subject), held.role) == (f"user:{ANN.user}", "viewer")
        made = json.loads(
            kubectl("get", "rolebinding", held.binding, "-n", site.apps, "-o", "json")
        )
        assert made["roleRef"]["name"] == f"{site.prefix}-viewer"
        id = kept.events[0].operation
        assert site.written("rolebinding", held.binding) == f"{ROOT.user} in {id}"
        with pytest.raises(Conflict, match="already"):
            await people.grant(ROOT, key, "viewer", f"user:{ANN.user}")
        # Kubernetes refuses who may not write RoleBindings, and who has less than they give.
        for who in (ANN, MEG):
            with pytest.raises(Forbidden):
                await people.listed(who, key)
            with pytest.raises(Forbidden):
                await people.grant(who, key, "viewer", "user:carol")
        with pytest.raises(Forbidden):
            await people.grant(DAN, key, "maintainer", "user:dan")
        await people.grant(DAN, key, "viewer", "user:carol")
        with pytest.raises(NotFound):
            await people.revoke(ROOT, key, "meg")  # not made by the portal
        await people.revoke(ROOT, key, held.binding)
        assert (await rights.ask_again(ANN)).namespaces == frozenset()

        # An app is given away with a role; who may not give roles changes nothing.
        actions, given = portal.actions, Key(site.apps, "given")
        done = await portal.ended(await actions.launch(ROOT, sample(given, replicas=0)))
        assert done.phase is OperationPhase.SUCCEEDED, (done.error, done.steps)
        terms = HandOverRequest(ANN.user, ROLES_KEPT, "launcher")
        with pytest.raises(Forbidden):
            await actions.hand_over(MEG, given, terms)
        assert owner_of(given) == label_of(ROOT.user)
        assert await actions.preview_hand_over(ROOT, given, terms)
        done = await portal.ended(await actions.hand_over(ROOT, given, terms))
        assert done.phase is OperationPhase.SUCCEEDED, (done.error, done.steps)
        assert owner_of(given) == label_of(ANN.user)
        hers: Any = await rights.ask_again(ANN)
        assert hers.granted(site.apps) == ROLES["launcher"]
