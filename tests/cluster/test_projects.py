"""A project from its making to its end, on the real cluster, where Kubernetes decides."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.domain.errors import InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import OperationPhase
from portal.projects.form import DEFAULTS
from portal.projects.manifests import OBJECT
from portal.projects.names import personal_name
from portal.settings import Settings
from tests.cluster.test_actions import CHART as APP_CHART
from tests.cluster.test_actions import sample
from tests.cluster.test_kubernetes_rights import CHART, HELM, kubectl, limited_kubeconfig, serving

pytestmark = pytest.mark.cluster

ROOT, ANN, CAROL = Identity("root"), Identity("ann+test@example.org"), Identity("carol")


class Site:
    """A portal for the whole cluster that is installed and does not run."""

    def __init__(self, folder: Path) -> None:
        tag = uuid.uuid4().hex[:6]
        self.own, self.project = f"projects-{tag}", f"projects-{tag}-team"
        self.prefix = f"{self.own}-portal-dash-portal"
        self.personal = f"{self.own}-own-{{user}}"
        self.folder = folder
        self.kubeconfig, self.secret = folder / "kubeconfig", folder / "secret"
        self.secret.write_text("sesame")

    def install(self) -> None:
        kubectl("create", "namespace", self.own)
        values = {
            "image": {"repository": "localhost:5000/dash-portal", "tag": "dev"},
            "serviceAccount": {"name": "portal"},
            "nodeSelector": {"nowhere": "here"},  # its roles are what counts
            "clusterWide": True,
            "auth": {"mode": "header", "existingSecret": "none"},
            "authorization": {"mode": "kubernetes"},
            "projects": {"enabled": True, "personal": True},
        }
        given = self.folder / "values.json"
        given.write_text(json.dumps(values))
        subprocess.run(
            [HELM, "install", "portal", str(CHART), "-n", self.own, "-f", str(given)],
            check=True,
            capture_output=True,
            timeout=120,
        )
        # All that an administrator of projects needs: nothing else is root's.
        role = f"{self.prefix}-project-administrator"
        kubectl("create", "clusterrolebinding", self.own, f"--clusterrole={role}", "--user=root")
        token = kubectl("create", "token", "portal", "-n", self.own).strip()
        self.kubeconfig.write_text(json.dumps(limited_kubeconfig(token)))

    def remove(self) -> None:
        subprocess.run(
            [HELM, "uninstall", "portal", "-n", self.own, "--ignore-not-found"],
            check=False,
            capture_output=True,
        )
        kubectl("delete", "clusterrolebinding", self.own, "--ignore-not-found")
        found = kubectl("get", "namespaces", "-o", "name").split()
        mine = [each for each in found if each.startswith(f"namespace/{self.own}")]
        if mine:
            kubectl("delete", *mine, "--ignore-not-found", "--wait=false")

    def settings(self) -> Settings:
        return Settings.from_env(
            {
                "DASH_PORTAL_CLUSTER_WIDE": "true",
                "DASH_PORTAL_AUTH_MODE": "header",
                "DASH_PORTAL_AUTH_SECRET_FILE": str(self.secret),
                "DASH_PORTAL_AUTHORIZATION": "kubernetes",
                "DASH_PORTAL_OWN_NAMESPACE": self.own,
                "DASH_PORTAL_KUBECONFIG": str(self.kubeconfig),
                "DASH_PORTAL_POD_SECURITY_NAMESPACE": f"{self.prefix}-restricted",
                "DASH_PORTAL_CHART_PATH": str(APP_CHART),
                "DASH_PORTAL_HELM": HELM,
                "DASH_PORTAL_PROJECTS": "true",
                "DASH_PORTAL_PROJECTS_ROLE_PREFIX": self.prefix,
                "DASH_PORTAL_PROJECTS_PERSONAL": "true",
                "DASH_PORTAL_PROJECTS_PERSONAL_NAME": self.personal,
            }
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    assert shutil.which("kubectl")
    site = Site(tmp_path)
    try:
        site.install()
        yield site
    finally:
        site.remove()


async def test_a_project_from_its_making_to_its_end(site: Site) -> None:
    name = site.project
    form = {**DEFAULTS, "name": name, "launchers": f"user:{ANN.user}", "quota_pods": "1"}
    async with serving(site.settings()) as portal:
        projects: Any = portal.web._projects  # pyright: ignore[reportPrivateUsage]
        personal: Any = portal.web._personal  # pyright: ignore[reportPrivateUsage]

        # It is made as root, who has none of the rights that the roles give.
        await projects.create(ROOT, form)
        opened = (await projects.open(ROOT, name)).found
        assert (opened.missing, opened.others, opened.incomplete) == ((), {}, False)
        assert opened.project.members["launcher"][0].name == ANN.user
        labels = json.loads(kubectl("get", "namespace", name, "-o", "json"))["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
        kinds = "networkpolicies,resourcequotas,limitranges,rolebindings"
        made = kubectl("get", kinds, "-n", name, "-o", "name").split()
        assert len([each for each in made if OBJECT in each]) == 7

        # A person in it launches, and is told that there is no room for more.
        async def seen() -> bool:
            return name in ((await portal.rights.ask_again(ANN)).namespaces or ())

        await portal.until_asked(seen, "the role of ann")
        key = Key(name, "sales")
        done = await portal.ended(await portal.actions.launch(ANN, sample(key)))
        assert done.phase is OperationPhase.SUCCEEDED, (done.error, done.steps)
        await portal.actions.launch(ANN, sample(key, replicas=3))

        def refused() -> bool:
            view = portal.web._context.app(ANN, key)  # pyright: ignore[reportPrivateUsage]
            return any("quota is used up" in each.title for each in view.notices)

        await portal.until(refused, "the sentence about the quota")
        ((row),) = [each for each in await projects.own(ANN) if each.name == name]
        assert row.quotas[0].used["pods"] == "1"

        # To others it does not exist.
        assert await projects.own(CAROL) == ()
        with pytest.raises(NotFound):
            await projects.open(CAROL, name)

        # What somebody changes elsewhere is theirs, and is said beside its field.
        kubectl(
            *("patch", "resourcequota", OBJECT, "-n", name, "--field-manager=editor"),
            *("--type=merge", "-p", '{"spec":{"hard":{"pods":"9"}}}'),
        )
        with pytest.raises(InvalidInput) as conflict:
            await projects.change(ROOT, name, {**form, "quota_pods": "5"})
        assert "editor manages this field" in conflict.value.fields["quota_pods"]

        # Deleted with its name, and not taken again while it ends.
        assert (await projects.open(ROOT, name)).releases == ("sales",)
        await projects.delete(ROOT, name, name)
        if (await projects._cluster.read(f"/api/v1/namespaces/{name}", identity=None)) is not None:
            with pytest.raises(InvalidInput, match="still being deleted"):
                await projects.create(ROOT, form)

        # The portal's own account has made what is the person's, with what the chart gives it.
        own = personal_name(site.personal, ANN.user)

        async def at_home() -> bool:
            return own in ((await portal.rights.ask_again(ANN)).namespaces or ())

        await portal.until_asked(at_home, "the personal project")
        assert await personal.ensure(ANN.user) == own
        subjects = kubectl(
            *("get", "rolebinding", f"{OBJECT}-administrator", "-n", own),
            *("-o", "jsonpath={.subjects[0].name} {.roleRef.name}"),
        )
        assert subjects == f"{ANN.user} {site.prefix}-administrator"
