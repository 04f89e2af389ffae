"""Another version of a release's chart, from a real registry that requires a sign-in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.catalog.catalog import Catalog
from portal.catalog.sources import Source, SourceKind
from portal.domain.charts import BUILT_IN
from portal.domain.keys import Key
from portal.domain.release import ReleaseRevision
from portal.registry.fetch import HttpFetch
from portal.releases.request import ReleaseRequest
from portal.viewmodels.preview import preview_view
from portal.viewmodels.versions import version_view
from tests.cluster.test_actions import ANN, CHART, IMAGE, Portal, portal, sample
from tests.cluster.test_operations import kubectl

pytestmark = pytest.mark.cluster

WEB = Path(__file__).resolve().parents[1] / "fixtures" / "charts" / "web-server"
USER, PASSWORD = "ann", "open sesame"
HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n"

CONFIGURATION = """version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/storage}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: here, path: {folder}/htpasswd}}}}
"""

VALUES = {
    "image": {"registry": IMAGE.partition("/")[0], "repository": "dash-sample", "tag": "1.0"},
    "containerPort": 8050,
    "replicaCount": 2,
}


def helm(*words: str, **environment: str) -> str:
    program = os.environ.get("HELM_BIN") or "helm"
    done = subprocess.run(
        [program, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Registry:
    """A registry with htpasswd, and the Secret that signs in to it."""

    host: str
    folder: Path
    secret: Path

    def push(self, version: str, label: str) -> None:
        """Pack the web server's chart as one version, and push it as Helm does."""
        chart = self.folder / version / "web-server"
        shutil.copytree(WEB, chart)
        about = (chart / "Chart.yaml").read_text()
        (chart / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*", f"version: {version}", about))
        service = chart / "templates" / "service.yaml"
        service.write_text(
            service.read_text().replace("metadata:", f"metadata:\n  annotations: {{made: {label}}}")
        )
        helm("package", str(chart), "--destination", str(self.folder))
        archive = self.folder / f"web-server-{version}.tgz"
        self.helm("push", str(archive), f"oci://{self.host}/charts")

    def helm(self, *words: str) -> str:
        """Helm, signed in."""
        login = self.folder / "login.json"
        host = self.host
        if not login.exists():
            given = ("--username", USER, "--password", PASSWORD, "--plain-http")
            helm("registry", "login", host, *given, HELM_REGISTRY_CONFIG=str(login))
        return helm(*words, "--plain-http", HELM_REGISTRY_CONFIG=str(login))

    def source(self, credentials: Path | None = None) -> Source:
        return Source(
            "team",
            SourceKind.OCI,
            f"oci://{self.host}/charts",
            charts=("web-server",),
            plain_http=True,
            credentials=credentials,
        )


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    program = shutil.which("docker-registry")
    assert program, "the local cluster's packages have it"
    folder = tmp_path / "registry"
    secret = folder / "secret"
    secret.mkdir(parents=True)
    (secret / "username").write_text(USER)
    (secret / "password").write_text(PASSWORD)
    (folder / "htpasswd").write_text(HTPASSWD)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = folder / "config.yml"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "serve", str(configuration)],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"},
        )
    try:
        until_it_answers(port, process)
        yield Registry(f"localhost:{port}", folder, secret)
    finally:
        process.terminate()
        process.wait(10)


def until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    """It answers when it takes connections: who is asking it wants to know even then."""
    for _ in range(200):
        assert process.poll() is None, "the registry ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2):
            return
        time.sleep(0.1)
    pytest.fail("the registry does not answer")


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"upgrades-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def detail(here: Portal, key: Key) -> ReleaseRevision:
    found = here.app(key).detail
    assert found
    assert not found.damaged
    return found


async def read(here: Portal, key: Key, revision: int) -> ReleaseRevision:
    """The record of a revision, once it has been read."""

    def known() -> bool:
        found = here.app(key).detail
        return found is not None and found.revision == revision

    await here.until(known, f"the record of revision {revision}")
    return detail(here, key)


def pods(here: Portal, key: Key) -> set[str]:
    return {pod.uid for pod in here.app(key).pods if pod.ready}


async def test_a_release_moves_to_another_version_and_back(
    namespace: str, registry: Registry, tmp_path: Path
) -> None:
    for version, label in (("1.2.0", "old"), ("1.4.0", "new"), ("2.0.0-rc.1", "early")):
        await asyncio.to_thread(registry.push, version, label)
    fetch = HttpFetch()
    refused = Catalog([registry.source()], fetch, tmp_path / "none")
    await refused.refresh()
    assert "the source names no credentials" in refused.sources[0].error
    catalog = Catalog([registry.source(registry.secret)], fetch, tmp_path / "cache")
    await catalog.refresh()
    assert catalog.sources[0].error == ""
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("web")
        old = await catalog.chart("team", "web-server", "1.2.0")
        await here.ended(await actions.launch(ANN, ReleaseRequest(key, old, VALUES)))
        made = await read(here, key, 1)
        assert made.source == "team"
        view = version_view(made, catalog.listings)
        assert view
        assert view.sentence == "Chart 1.2.0; 1.4.0 is available."
        before = pods(here, key)
        assert len(before) == 2

        # Editing values keeps the chart, and so does whoever upgrades from a terminal.
        more = {**VALUES, "commonLabels": {}}
        again = ReleaseRequest(key, old, more)
        await here.ended(await actions.launch(ANN, again, expected_revision=1))
        assert (await read(here, key, 2)).chart_version == "1.2.0"

        new = await catalog.chart("team", "web-server", "1.4.0")
        proposal = await actions.previews.version(ANN, key, new)
        shown = preview_view(proposal)
        assert "No pod is restarted." in [each.title for each in shown.words]
        assert shown.values == ()
        assert [each.title for each in shown.objects] == [f"Service {key.name}"]
        await here.ended(
            await actions.change_version(ANN, key, new, expected_revision=proposal.since)
        )
        made = await read(here, key, 3)
        assert (made.chart_version, made.source) == ("1.4.0", "team")
        assert dict(made.values) == more
        assert made.description == f"Upgraded to chart 1.4.0 by {ANN.user}"
        assert pods(here, key) == before
        assert annotation(namespace, "web") == "new"
        newest = version_view(made, catalog.listings)
        assert newest
        assert newest.newer == ""

        await here.ended(await actions.change_version(ANN, key, old, expected_revision=3))
        made = await read(here, key, 4)
        assert (made.chart_version, made.source) == ("1.2.0", "team")
        assert made.description == f"Downgraded to chart 1.2.0 by {ANN.user}"
        assert pods(here, key) == before
        assert annotation(namespace, "web") == "old"

        # Back to revision 3, with what was noted then.
        await here.ended(await actions.rollback(ANN, key, 3, expected_revision=4))
        made = await read(here, key, 5)
        assert (made.chart_version, made.source) == ("1.4.0", "team")
    await fetch.close()


async def test_a_release_from_a_terminal_is_recognised_by_its_chart(
    namespace: str, registry: Registry, tmp_path: Path
) -> None:
    for version in ("1.2.0", "1.4.0"):
        await asyncio.to_thread(registry.push, version, "same")
    fetch = HttpFetch()
    catalog = Catalog([registry.source(registry.secret)], fetch, tmp_path / "cache")
    await catalog.refresh()
    chart = f"oci://{registry.host}/charts/web-server"
    values = ("--set", "replicaCount=0", "--namespace", namespace)
    await asyncio.to_thread(
        registry.helm, "install", "theirs", chart, "--version", "1.2.0", *values
    )
    async with portal(namespace, tmp_path) as here:
        key = here.key("theirs")
        made = await read(here, key, 1)
        assert made.source == ""
        assert version_view(made, catalog.listings) is None
        origin = await catalog.identify(made)
        assert origin
        assert origin.source == "team"
        view = version_view(made, catalog.listings)
        assert view
        assert view.newer == "1.4.0"

        new = await catalog.chart("team", "web-server", "1.4.0")
        await here.ended(await here.actions.change_version(ANN, key, new, expected_revision=1))
        made = await read(here, key, 2)
        assert (made.chart_version, made.source, dict(made.values)) == (
            "1.4.0",
            "team",
            {"replicaCount": 0},
        )

        # Helm passes the portal's note on to another chart of the same name: it does not count.
        other = tmp_path / "other"
        shutil.copytree(WEB, other)
        about = (other / "Chart.yaml").read_text()
        (other / "Chart.yaml").write_text(about.replace("A web server", "Another web server"))
        await asyncio.to_thread(helm, "upgrade", "theirs", str(other), *values)
        made = await read(here, key, 3)
        assert made.source == ""
        assert await catalog.identify(made) is None
    await fetch.close()


async def test_the_built_in_chart_moves_to_what_the_portal_ships(
    namespace: str, tmp_path: Path
) -> None:
    older = tmp_path / "dash-app"
    shutil.copytree(CHART, older)
    about = (older / "Chart.yaml").read_text()
    (older / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*", "version: 0.0.9", about))
    async with portal(namespace, tmp_path, older) as here:
        key = here.key("app")
        await here.ended(await here.actions.launch(ANN, sample(key, replicas=2)))
        before = await read(here, key, 1)
        assert (before.source, before.chart_version) == (BUILT_IN, "0.0.9")
    catalog = Catalog([Source(BUILT_IN, SourceKind.BUILTIN, path=CHART)], HttpFetch(), tmp_path)
    await catalog.refresh()
    async with portal(namespace, tmp_path) as here:
        view = version_view(await read(here, key, 1), catalog.listings)
        assert view
        newest = catalog.sources[0].charts[0].newest.version
        assert view.newer == newest
        chart = await catalog.chart(view.source, view.chart, newest)
        await here.ended(await here.actions.change_version(ANN, key, chart, expected_revision=1))
        after = await read(here, key, 2)
        assert (after.chart_version, after.source) == (newest, BUILT_IN)
        assert dict(after.values) == dict(before.values)
        assert len(pods(here, key)) == 2


def annotation(namespace: str, service: str) -> str:
    path = "jsonpath={.metadata.annotations.made}"
    return kubectl("get", "service", service, "-n", namespace, "-o", path)
