"""Every way out of a release that is known, and what is said of it; and what is none."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from portal.domain.charts import BUILT_IN
from portal.domain.errors import ChartError, ClusterUnavailable, Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import ENV_OF, Key
from portal.domain.manifests import Tree
from portal.domain.projects import AppLimits
from portal.domain.reviews import ResourceAttributes
from portal.guardrails.manifest import pod_specs, read, with_owned_hooks
from portal.guardrails.review import Guardrails, GuardrailViolations, as_pod
from portal.guardrails.rules import UNLIFTABLE, GuardrailException, Level, Rule, allowances
from portal.guardrails.subject import GuardrailSettings
from tests.unit.releases.fakes import FakeAdmission

KEY = Key("apps", "sales")
ANN = Identity("ann")

SAFE = """
automountServiceAccountToken: false
containers: [{name: app, image: registry.example.com/team/app:1}]
"""


def workload(
    pod: str = SAFE, kind: str = "Deployment", version: str = "apps/v1", *, at: str = ""
) -> str:
    """An object with a pod template."""
    lines = "\n".join(f"      {line}" for line in pod.strip().splitlines())
    return (
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: sales}}\n"
        f"spec:\n  {at or 'template'}:\n    spec:\n{lines}\n"
    )


def plain(kind: str, version: str = "v1", name: str = "sales", **more: object) -> str:
    meta = {"name": name, **more.pop("metadata", {})}  # type: ignore[dict-item]
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": meta, **more})


async def found(
    manifest: str, *exceptions: GuardrailException, images: tuple[str, ...] = (), source: str = ""
) -> set[tuple[str, str]]:
    """The rules broken, with the fields that break them."""
    guardrails = Guardrails(FakeAdmission(), exceptions, GuardrailSettings(images))
    try:
        await guardrails.check(KEY, source, manifest, {})
    except GuardrailViolations as error:
        return {(each.rule.value, each.field) for each in error.violations}
    return set()


async def test_an_ordinary_release_breaks_no_rule() -> None:
    manifest = "\n---\n".join(
        [
            workload(),
            plain("Service", spec={"type": "LoadBalancer"}),
            plain("ConfigMap", data={"a": "{{ lookup }}"}),
            plain("Ingress", "networking.k8s.io/v1", metadata={"annotations": {"a/b": "c"}}),
            plain(
                "HorizontalPodAutoscaler",
                "autoscaling/v2",
                spec={"scaleTargetRef": {"kind": "Deployment", "name": "sales"}},
            ),
        ]
    )
    assert await found(manifest) == set()
    assert await found("") == set()
    assert await found("# nothing\n---\n") == set()


CASES = {
    "a role": (plain("Role", "rbac.authorization.k8s.io/v1"), "rbac", "kind"),
    "a role for the cluster": (
        plain("ClusterRole", "rbac.authorization.k8s.io/v1beta1"),
        "cluster-wide",
        "kind",
    ),
    "a namespace": (plain("Namespace"), "cluster-wide", "kind"),
    "a webhook": (
        plain("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"),
        "webhooks",
        "kind",
    ),
    "an API": (plain("APIService", "apiregistration.k8s.io/v1"), "webhooks", "kind"),
    "a kind": (plain("CustomResourceDefinition", "apiextensions.k8s.io/v1"), "crds", "kind"),
    "elsewhere": (
        plain("ConfigMap", metadata={"namespace": "kube-system"}),
        "other-namespaces",
        "metadata.namespace",
    ),
    "a token": (
        plain(
            "Secret",
            type="kubernetes.io/service-account-token",
            metadata={"annotations": {"kubernetes.io/service-account.name": "builder"}},
        ),
        "special-secrets",
        "type",
    ),
    "a forged release": (plain("Secret", type="helm.sh/release.v1"), "special-secrets", "type"),
    "a release by its label": (
        plain("Secret", type="Opaque", metadata={"labels": {"owner": "helm", "name": "other"}}),
        "special-secrets",
        "metadata.labels[owner]",
    ),
    "a release in a ConfigMap": (
        plain("ConfigMap", metadata={"labels": {"owner": "helm"}}),
        "special-secrets",
        "metadata.labels[owner]",
    ),
    "a forged operation": (
        plain("Lease", "coordination.k8s.io/v1", name="dash-portal.other"),
        "special-secrets",
        "metadata.name",
    ),
    "another's autoscaler": (
        plain(
            "HorizontalPodAutoscaler",
            "autoscaling/v2",
            spec={"scaleTargetRef": {"kind": "Deployment", "name": "other"}},
        ),
        "autoscaler-targets",
        "spec.scaleTargetRef",
    ),
    "others' traffic": (
        plain("Service", spec={"externalIPs": ["192.0.2.1"]}),
        "external-ips",
        "spec.externalIPs",
    ),
    "inside the controller": (
        plain(
            "Ingress",
            "networking.k8s.io/v1",
            metadata={"annotations": {"nginx.ingress.kubernetes.io/server-snippet": "x"}},
        ),
        "ingress-snippets",
        "metadata.annotations[nginx.ingress.kubernetes.io/server-snippet]",
    ),
    "a list's second object": (
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "List",
                "items": [
                    {"apiVersion": "v1", "kind": "List", "items": []},
                    {
                        "apiVersion": "v1",
                        "kind": "List",
                        "items": [json.loads(plain("ConfigMap")), json.loads(plain("Namespace"))],
                    },
                ],
            }
        ),
        "cluster-wide",
        "kind",
    ),
    "a namespace of somebody else": (
        plain("ConfigMap", metadata={"namespace": "theirs"}),
        "other-namespaces",
        "metadata.namespace",
    ),
    "a bootstrap token": (
        plain("Secret", type="bootstrap.kubernetes.io/token"),
        "special-secrets",
        "type",
    ),
    "a release's very record": (
        plain("Secret", name="sh.helm.release.v1.other.v2"),
        "special-secrets",
        "metadata.name",
    ),
    "another's vertical autoscaler": (
        plain(
            "VerticalPodAutoscaler",
            "autoscaling.k8s.io/v1",
            spec={"targetRef": {"kind": "Deployment", "name": "other"}},
        ),
        "autoscaler-targets",
        "spec.targetRef",
    ),
    "another's scaled object": (
        plain("ScaledObject", "keda.sh/v1alpha1", spec={"scaleTargetRef": {"name": "other"}}),
        "autoscaler-targets",
        "spec.scaleTargetRef",
    ),
    "several snippets": (
        plain(
            "Ingress",
            "networking.k8s.io/v1",
            metadata={"annotations": {"example.com/snippets": "x"}},
        ),
        "ingress-snippets",
        "metadata.annotations[example.com/snippets]",
    ),
    "a quota": (plain("ResourceQuota"), "namespace-wide", "kind"),
    "a policy for everybody": (
        plain("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}}),
        "namespace-wide",
        "kind",
    ),
    "a way to another's Service": (
        plain(
            "Ingress",
            "networking.k8s.io/v1",
            spec={"rules": [{"http": {"paths": [{"backend": {"service": {"name": "other"}}}]}}]},
        ),
        "traffic",
        "spec.rules[0].http.paths[0].backend.service",
    ),
    "a route to another's Service": (
        plain(
            "HTTPRoute",
            "gateway.networking.k8s.io/v1",
            spec={"rules": [{"backendRefs": [{"name": "other"}]}]},
        ),
        "traffic",
        "spec.rules[0].backendRefs",
    ),
    "a priority over others": (
        workload(SAFE + "priorityClassName: system-node-critical\n"),
        "scheduling",
        "spec.template.spec.priorityClassName",
    ),
    "a node by name": (
        workload(SAFE + "nodeName: one\n"),
        "scheduling",
        "spec.template.spec.nodeName",
    ),
    "another document of the same name": (
        plain("Service", spec={"externalIPs": ["192.0.2.1"]}) + "\n---\n" + plain("Service"),
        "external-ips",
        "spec.externalIPs",
    ),
    "another's account": (
        workload(SAFE + "serviceAccountName: builder\n"),
        "service-accounts",
        "spec.template.spec.serviceAccountName",
    ),
    "another's account by its old name": (
        workload(SAFE + "serviceAccount: builder\n"),
        "service-accounts",
        "spec.template.spec.serviceAccountName",
    ),
    "the default account's token": (
        workload(SAFE.replace("false", "true")),
        "service-accounts",
        "spec.template.spec.serviceAccountName",
    ),
    "the default account's token by default": (
        workload("containers: [{name: app, image: a}]"),
        "service-accounts",
        "spec.template.spec.serviceAccountName",
    ),
    "a projected token": (
        workload(SAFE + "volumes: [{projected: {sources: [{serviceAccountToken: {path: t}}]}}]\n"),
        "service-accounts",
        "spec.template.spec.serviceAccountName",
    ),
    "a projected certificate": (
        workload(SAFE + "volumes: [{projected: {sources: [{podCertificate: {path: t}}]}}]\n"),
        "service-accounts",
        "spec.template.spec.serviceAccountName",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_is_no_business_of_a_release(case: str) -> None:
    manifest, rule, field = CASES[case]
    assert (rule, field) in await found(manifest)
    # A hook is an object like any other, and an exception is for one rule, in one place.
    allowed = tuple(each for each in Rule if each not in UNLIFTABLE)
    everything = GuardrailException("all", namespaces=("apps",), allow=allowed)
    elsewhere = GuardrailException("all", namespaces=("other",), allow=allowed)
    assert await found(manifest, everything) == set()
    assert (rule, field) in await found(manifest, elsewhere)


REFERENCES = {
    "containers: [{name: a, image: b, env: [{valueFrom: {secretKeyRef: {name: N}}}]}]",
    "containers: [{name: a, image: b, env: [{valueFrom: {configMapKeyRef: {name: N}}}]}]",
    "containers: [{name: a, image: b, envFrom: [{secretRef: {name: N}}]}]",
    "initContainers: [{name: a, image: b, envFrom: [{configMapRef: {name: N}}]}]",
    "ephemeralContainers: [{name: a, image: b, envFrom: [{secretRef: {name: N}}]}]",
    "{containers: [{name: a, image: b}], volumes: [{secret: {secretName: N}}]}",
    "{containers: [{name: a, image: b}], volumes: [{configMap: {name: N}}]}",
    "{containers: [{name: a, image: b}], volumes: [{projected: {sources: [{secret: {name: N}}]}}]}",
    "{containers: [{name: a, image: b}], volumes: [{csi: {nodePublishSecretRef: {name: N}}}]}",
    "{containers: [{name: a, image: b}], volumes: [{azureFile: {secretName: N}}]}",
    "{containers: [{name: a, image: b}], imagePullSecrets: [{name: N}]}",
}


@pytest.mark.parametrize("pod", sorted(REFERENCES))
async def test_secrets_and_config_maps_are_the_releases_own_or_shared(pod: str) -> None:
    pod = pod.replace("N}", "login}")
    manifest = workload(pod)
    admission = FakeAdmission()
    guardrails = Guardrails(admission)

    async def rules() -> set[Rule]:
        try:
            await guardrails.check(KEY, "", manifest, {})
        except GuardrailViolations as error:
            return {each.rule for each in error.violations}
        return set()

    assert Rule.REFERENCES in await rules(), "there is none of that name, yet"
    for kind in ("Secret", "ConfigMap"):
        admission.shared[kind, "login"] = False
    assert Rule.REFERENCES in await rules()
    for kind in ("Secret", "ConfigMap"):
        admission.shared[kind, "login"] = True
    assert Rule.REFERENCES not in await rules()
    admission.shared.clear()
    manifest += (
        "---\n" + plain("Secret", name="login") + "\n---\n" + plain("ConfigMap", name="login")
    )
    assert Rule.REFERENCES not in await rules()


async def test_secrets_with_variables_are_for_their_release_alone() -> None:
    env = "[{name: T, valueFrom: {secretKeyRef: {name: login, key: T}}}]"
    manifest = workload(
        "{automountServiceAccountToken: false, containers: [{name: a, image: b, env: " + env + "}]}"
    )
    admission = FakeAdmission()
    guardrails = Guardrails(admission)
    admission.live["Secret", "login"] = {"labels": {ENV_OF: KEY.name}}
    await guardrails.check(KEY, "", manifest, {})
    admission.live["Secret", "login"] = {"labels": {ENV_OF: "other"}}
    with pytest.raises(GuardrailViolations) as refused:
        await guardrails.check(KEY, "", manifest, {})
    assert {each.rule for each in refused.value.violations} == {Rule.REFERENCES}
    admission.live.clear()
    await guardrails.check(KEY, "", manifest, {}, ("login",))


async def test_what_a_person_may_not_make_is_refused_before_anything_is_made() -> None:
    hook = plain("Job", "batch/v1", metadata={"annotations": {"helm.sh/hook": "pre-install"}})
    test = plain("Pod", metadata={"annotations": {"helm.sh/hook": "test"}}, spec={})
    manifest = "\n---\n".join((workload(), plain("Ingress", "networking.k8s.io/v1"), hook, test))
    admission = FakeAdmission()
    admission.live["Deployment", "sales"] = {
        "annotations": {
            "meta.helm.sh/release-name": "sales",
            "meta.helm.sh/release-namespace": "apps",
        }
    }
    guardrails = Guardrails(admission)
    await guardrails.check(KEY, "", manifest, {}, identity=ANN)
    assert {(each.kind, each.verbs, who) for each, who in admission.touched} == {
        ("Deployment", frozenset({"get", "patch"}), ANN),
        ("Ingress", frozenset({"get", "patch", "create"}), ANN),
        ("Job", frozenset({"get", "create", "delete"}), ANN),
    }
    admission.denials = frozenset({ResourceAttributes("create", "ingresses", "networking.k8s.io")})
    with pytest.raises(Forbidden, match=r"permission to create ingresses\.networking"):
        await guardrails.check(KEY, "", manifest, {}, identity=ANN)


async def test_what_every_namespace_has_is_shared() -> None:
    pod = SAFE + "volumes: [{configMap: {name: kube-root-ca.crt}}]\n"
    assert await found(workload(pod)) == set()


async def test_a_release_may_have_an_account_of_its_own() -> None:
    own = "---\n" + plain("ServiceAccount", name="builder")
    pod = "serviceAccountName: builder\ncontainers: [{name: app, image: a}]"
    assert await found(workload(pod) + own) == set()
    pulling = plain("ServiceAccount", name="builder", imagePullSecrets=[{"name": "login"}])
    assert await found(workload(pod) + "---\n" + pulling) == {("references", "imagePullSecrets[0]")}


@pytest.mark.parametrize("where", ["initContainers", "containers", "ephemeralContainers"])
async def test_images_are_those_that_are_rendered(where: str) -> None:
    pod = SAFE + f"{where}: [{{name: x, image: evil.example.com/x:1}}]\n"
    allowed = ("registry.example.com/team/*",)
    field = f"spec.template.spec.{where}[0].image"
    assert ("images", field) in await found(workload(pod), images=allowed)
    assert await found(workload(), images=allowed) == set()
    volume = SAFE + "volumes: [{image: {reference: evil.example.com/x}}]\n"
    assert await found(workload(volume), images=allowed) == {
        ("images", "spec.template.spec.volumes[0].image.reference")
    }


async def limited(images: tuple[str, ...] = (), charts: tuple[str, ...] = ()) -> Guardrails:
    """Guardrails of a portal that allows team/*, in a project with limits of its own."""

    async def limits(namespace: str) -> AppLimits:
        return AppLimits(images, charts)

    site = GuardrailSettings(("registry.example.com/team/*",))
    every = GuardrailException("all", namespaces=("apps",), allow=tuple({*Rule} - UNLIFTABLE))
    return Guardrails(FakeAdmission(), (every,), site, limits)


async def test_a_project_only_narrows_what_may_run() -> None:
    narrow = await limited(("registry.example.com/team/other",))
    with pytest.raises(GuardrailViolations, match="not among those that this project allows"):
        await narrow.check(KEY, "", workload(), {})  # whatever exceptions there are
    await (await limited(("registry.example.com/team/*",))).check(KEY, "", workload(), {})
    # What the project names is no way past the portal's own setting.
    wide = Guardrails(
        FakeAdmission(), (), GuardrailSettings(("registry.example.com/other/*",)), narrow._limits
    )
    with pytest.raises(GuardrailViolations) as refused:
        await wide.check(KEY, "", workload(), {})
    assert {each.rule for each in refused.value.violations} == {Rule.IMAGES, Rule.PROJECT}


@pytest.mark.parametrize(
    ("source", "chart", "fine"),
    [("team", "web", True), ("other", "web", False), ("", "web", False), (BUILT_IN, "web", False)],
)
async def test_a_project_names_its_charts(
    source: str, chart: str, fine: bool, tmp_path: Path
) -> None:
    (tmp_path / "Chart.yaml").write_text(f"apiVersion: v2\nname: {chart}\nversion: 1.0.0\n")
    guardrails = await limited(charts=("team/*",))
    if fine:
        await guardrails.check_values(KEY, source, tmp_path, {})
        return
    with pytest.raises(ChartError, match="not allowed in this project"):
        await guardrails.check_values(KEY, source, tmp_path, {})


async def test_limits_that_are_not_known_allow_nothing() -> None:
    async def away(namespace: str) -> AppLimits:
        raise ClusterUnavailable("It does not answer.")

    with pytest.raises(ClusterUnavailable):
        await Guardrails(FakeAdmission(), limits=away).check(KEY, "", workload(), {})


PODS = {
    "Deployment": workload(),
    "Pod": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: a}]}",
    "CronJob": json.dumps(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "a"},
            "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{}]}}}}},
        }
    ),
    "a kind of somebody else": json.dumps(
        {
            "apiVersion": "example.com/v1",
            "kind": "Cluster",
            "metadata": {"name": "a"},
            "spec": {"groups": [{"template": {"spec": {"containers": [{"image": "a"}]}}}]},
        }
    ),
    "a hook": workload().replace("{name: sales}", "{name: a, annotations: {helm.sh/hook: test}}"),
}


@pytest.mark.parametrize("case", PODS)
async def test_every_pod_is_tried_by_kubernetes(case: str) -> None:
    admission = FakeAdmission()
    admission.problems = ["Pod Security: privileged"]
    with pytest.raises(GuardrailViolations, match="Pod Security: privileged") as refused:
        await Guardrails(admission).check(KEY, "", PODS[case], {})
    assert Rule.POD_SECURITY in {each.rule for each in refused.value.violations}
    assert [level for _, level in admission.tried] == ["restricted"]


async def test_the_level_is_the_exceptions() -> None:
    for level, tried in ((Level.BASELINE, ["baseline"]), (Level.PRIVILEGED, [])):
        admission = FakeAdmission()
        exception = GuardrailException("gpu", sources=("team",), pod_security=level)
        await Guardrails(admission, (exception,)).check(KEY, "team", workload(), {})
        assert [each for _, each in admission.tried] == tried


async def test_no_exception_lifts_what_the_namespace_enforces() -> None:
    admission = FakeAdmission()
    admission.enforced = "restricted"
    admission.problems = ["Pod Security: privileged"]
    for level in (Level.BASELINE, Level.PRIVILEGED):
        guardrails = Guardrails(
            admission, [GuardrailException("gpu", sources=("team",), pod_security=level)]
        )
        with pytest.raises(GuardrailViolations, match="the namespace itself enforces") as refused:
            await guardrails.check(KEY, "team", workload(), {})
        assert {each.rule for each in refused.value.violations} == {Rule.POD_SECURITY}
        admission.problems = ["Pod Security: privileged"]
    assert {level for _, level in admission.tried} == {"restricted"}


def test_a_pod_is_tried_without_what_it_needs_not_have_elsewhere() -> None:
    manifest = json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "db"},
            "spec": {
                "template": {
                    "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
                    "spec": {
                        "serviceAccountName": "own",
                        "serviceAccount": "own",
                        "priorityClassName": "high",
                        "runtimeClassName": "kata",
                        "nodeName": "one",
                        "hostNetwork": True,
                        "volumes": [{"name": "tmp", "emptyDir": {}}],
                        "containers": [{"name": "db", "image": "a"}],
                    },
                },
                "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            },
        }
    )
    (rendered,) = read(manifest, "apps")
    (pod,) = pod_specs(rendered)
    assert as_pod(pod) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "guardrail-",
            "labels": {"a": "b"},
            "annotations": {"c": "d"},
        },
        "spec": {
            "hostNetwork": True,
            "automountServiceAccountToken": False,
            "volumes": [
                {"name": "tmp", "emptyDir": {}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
            ],
            "containers": [{"name": "db", "image": "a"}],
        },
    }


@pytest.mark.parametrize(
    "manifest",
    [
        "kind: !!binary Um9sZQ==",
        "a: [",
        "just text",
        "{kind: Secret, apiVersion: v1, metadata: {name: a}, items: []}",
        "{kind: Secret, apiVersion: v1, metadata: {name: a}, items: null}",
        "{kind: List, apiVersion: v1, items: {}}",
        "{kind: Pod, Metadata: {annotations: {helm.sh/hook: test}}, metadata: {name: a}}",
        "{kind: Pod, apiVersion: v1, metadata: {name: a, Annotations: {helm.sh/hook: test}}}",
        "[1, 2]",
        "a: &a [*a]",
        "kind: !!python/object:os.system x",
        "a: " + "[" * 500 + "]" * 500,
        "a: " + "[" * 50_000,
        "a0: &a0 [1]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(2_000)),
        "a: &a [1, 2, 3, 4, 5, 6, 7, 8]\n"
        + "".join(f"{n}: &{n} [{', '.join([f'*{b}'] * 8)}]\n" for b, n in pairwise("abcdefghij")),
    ],
)
async def test_what_cannot_be_read_for_sure_is_not_applied(manifest: str) -> None:
    with pytest.raises(ChartError, match="cannot be read"):
        await Guardrails(FakeAdmission()).check(KEY, "", manifest, {})


async def test_an_unknown_kind_is_told_as_such() -> None:
    with pytest.raises(ChartError, match="does not know the kind Widget"):
        await Guardrails(FakeAdmission()).check(
            KEY, "", plain("Widget", "unknown.example.com/v1"), {}
        )


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        ('{{ (lookup "v1" "Secret" "kube-system" "x").data }}', False),
        ('{{- include "common.secrets.get" . }}', False),
        ('{{ tpl (printf "{{ %s" "look") . }}', False),
        ("{{ repeat 150000000 `a` }}", False),
        ('{{ fail "x" }}', False),
        ("{{ template", False),
        ("` }}", False),
        ("{{ .Release.Name }}-db {{", False),
        ("{{ .Release.Name | lookup }}", False),
        ("{{ . }}", False),
        ("{{ .Release.Name }}-db", True),
        ("{{- .Values.global.name | quote -}}", True),
        ("lookup table", True),
        ("a { b } c", True),
    ],
)
async def test_values_have_no_chart_read_the_cluster(
    value: str, fine: bool, tmp_path: Path
) -> None:
    rendering, still = tmp_path / "rendering", tmp_path / "still"
    for chart, text in ((rendering, "{{ tpl .Values.a . }}"), (still, "{{ .Values.template }}")):
        inner = chart / "charts" / "inner" / "templates"
        inner.mkdir(parents=True)
        (inner / "a.yaml").write_text(text)
        for folder in (chart, inner.parent):
            metadata = f"apiVersion: v2\nname: {folder.name}\nversion: 1.0.0\n"
            (folder / "Chart.yaml").write_text(metadata)
    guardrails = Guardrails(FakeAdmission())
    for values in ({"a": {"b": [value]}}, {value: 1}):
        await guardrails.check_values(KEY, "team", still, values)
        await guardrails.check_values(KEY, "built-in", rendering, values)
        if fine:
            await guardrails.check_values(KEY, "team", rendering, values)
            continue
        with pytest.raises(ChartError, match="value-templates") as refused:
            await guardrails.check_values(KEY, "team", rendering, values)
        assert list(refused.value.values)
    trusted = GuardrailException("team", sources=("team",), allow=(Rule.VALUE_TEMPLATES,))
    allowed = Guardrails(FakeAdmission(), (trusted,))
    await allowed.check_values(KEY, "team", rendering, {"a": value})


async def test_a_refusal_names_the_value_that_caused_it() -> None:
    manifest = workload(SAFE + "serviceAccountName: builder\n")
    values = {"serviceAccount": {"name": "builder"}, "image": {"repository": "team/app"}}
    with pytest.raises(GuardrailViolations) as refused:
        await Guardrails(FakeAdmission(), site=GuardrailSettings(("none",))).check(
            KEY, "", manifest, values
        )
    assert set(refused.value.values) == {"serviceAccount.name", "image.repository"}
    message = refused.value.message
    assert "Deployment sales, spec.template.spec.serviceAccountName" in message
    assert "[service-accounts]" in message


def test_exceptions_are_for_something_named() -> None:
    for wrong in (
        {"name": ""},
        {"name": "all"},
        {"name": "all", "namespaces": ("*",)},
        {"name": "x", "namespaces": ("a",), "allow": (Rule.POD_SECURITY,)},
        {"name": "x", "namespaces": ("a",), "allow": (Rule.READABLE,)},
        {"name": "x", "namespaces": ("a",), "allow": (Rule.PROJECT,)},
    ):
        with pytest.raises(ValueError, match=":"):
            GuardrailException(**wrong)  # type: ignore[arg-type]


def test_exceptions_add_up_where_they_all_apply() -> None:
    exceptions = (
        GuardrailException("a", namespaces=("gpu",), pod_security=Level.BASELINE),
        GuardrailException("b", sources=("team",), allow=(Rule.RBAC,)),
        GuardrailException("c", ("gpu",), ("team",), (Rule.CRDS,), Level.PRIVILEGED),
    )
    assert allowances(exceptions, "apps", "").rules == frozenset()
    assert allowances(exceptions, "apps", "").pod_security is Level.RESTRICTED
    assert allowances(exceptions, "gpu", "").pod_security is Level.BASELINE
    assert allowances(exceptions, "apps", "team").rules == {Rule.RBAC}
    both = allowances(exceptions, "gpu", "team")
    assert (both.rules, both.pod_security) == ({Rule.RBAC, Rule.CRDS}, Level.PRIVILEGED)


def test_trees_are_read_as_kubernetes_reads_them() -> None:
    text = "kind: A\nspec: {a: yes, b: 0644, c: 1:30, a: no}\n"
    (only,) = read(text, "apps")
    spec: Tree = only.tree["spec"]  # type: ignore[assignment]
    assert spec == {"a": False, "b": 420, "c": "1:30"}, "of a key that is there twice, the last"


HOOK_JOB = plain(
    "Job",
    "batch/v1",
    name="sales-prepare",
    metadata={"annotations": {"helm.sh/hook": "pre-install"}},
)


def owned(release: str, namespace: str = "apps") -> dict[str, dict[str, str]]:
    return {
        "annotations": {
            "meta.helm.sh/release-name": release,
            "meta.helm.sh/release-namespace": namespace,
        }
    }


@pytest.mark.parametrize(
    ("live", "hook", "refused"),
    [
        (None, True, False),
        (None, False, False),
        ({}, True, True),
        ({}, False, False),  # which Helm refuses itself
        ({"annotations": {"helm.sh/hook": "pre-install"}}, True, True),
        (owned("other"), True, True),
        (owned("other"), False, True),
        (owned("sales", "theirs"), True, True),
        (owned("sales", "theirs"), False, True),
        (owned("sales"), True, False),
        (owned("sales"), False, False),
    ],
)
async def test_what_is_there_and_another_s_is_not_replaced(
    live: Tree | None, hook: bool, refused: bool
) -> None:
    admission = FakeAdmission()
    if live is not None:
        admission.live["Job", "sales-prepare"] = live
    job = HOOK_JOB if hook else HOOK_JOB.replace("helm.sh/hook", "example.com/hook")
    check = Guardrails(admission).check(KEY, "", job, {})
    if not refused:
        await check
        return
    with pytest.raises(GuardrailViolations, match="it would replace what is there") as error:
        await check
    assert {each.rule for each in error.value.violations} == {Rule.OWNERSHIP}


def test_hooks_carry_the_name_of_their_release() -> None:
    text = plain("ConfigMap", data={"a": "1e3", "b": "on"})
    assert with_owned_hooks(text, read(text, "apps"), KEY) == text, "to the letter"
    forged = HOOK_JOB.replace('"pre-install"', '"pre-install", "meta.helm.sh/release-name": "x"')
    both = f"{forged}\n---\n{text}"
    job, other = read(with_owned_hooks(both, read(both, "apps"), KEY), "apps")
    annotations = job.tree["metadata"]["annotations"]  # type: ignore[index]
    assert annotations == {"helm.sh/hook": "pre-install", **owned("sales")["annotations"]}
    assert other.tree == json.loads(text)


ACCOUNT = plain("ServiceAccount", name="builder")
USER = "serviceAccountName: builder\ncontainers: [{name: app, image: a}]"


def hooked(manifest: str, moments: str) -> str:
    tree = json.loads(manifest)
    tree["metadata"]["annotations"] = {"helm.sh/hook": moments}
    return json.dumps(tree)


async def test_what_only_seems_to_be_made_is_not() -> None:
    """A hook makes its objects at moments of its own, or never."""
    for moments in ("test", "pre-install", "nonsense", ""):
        assert ("service-accounts", "spec.template.spec.serviceAccountName") in await found(
            f"{workload(USER)}---\n{hooked(ACCOUNT, moments)}"
        ), moments

    def job(moments: str) -> str:
        return workload(USER, "Job", "batch/v1").replace(
            "{name: sales}", "{name: sales, annotations: {helm.sh/hook: '" + moments + "'}}"
        )

    both = hooked(ACCOUNT, "pre-install,pre-upgrade")
    assert await found(f"{job('pre-install')}---\n{both}") == set()
    assert await found(f"{job('pre-install, pre-upgrade')}---\n{ACCOUNT}") == set()
    assert await found(f"{job('pre-install,test')}---\n{both}") != set()
    token = json.loads(CASES["a token"][0])
    token["metadata"]["annotations"]["kubernetes.io/service-account.name"] = "builder"
    assert await found(f"{json.dumps(token)}\n---\n{ACCOUNT}") == set()
    assert await found(f"{json.dumps(token)}\n---\n{hooked(ACCOUNT, 'test')}") != set()
    listed = plain("ServiceAccount", name="builder", secrets=[{"name": "login"}])
    assert await found(listed) == {("references", "secrets[0]")}


@pytest.mark.parametrize(
    ("live", "fine"),
    [
        (None, True),
        ({}, True),
        ({"labels": {"app.kubernetes.io/instance": "sales"}}, True),
        ({"labels": {"app.kubernetes.io/instance": "other"}}, False),
        (owned("other"), False),
        (owned("sales"), True),
        (owned("other") | {"labels": {"dash-portal.io/shared": "true"}}, True),
    ],
)
async def test_volumes_of_other_apps_are_their_own(live: Tree | None, fine: bool) -> None:
    admission = FakeAdmission()
    if live is not None:
        admission.live["PersistentVolumeClaim", "data"] = live
    pod = SAFE + "volumes: [{persistentVolumeClaim: {claimName: data}}]\n"
    check = Guardrails(admission).check(KEY, "", workload(pod), {})
    if fine:
        await check
        return
    with pytest.raises(GuardrailViolations, match="belongs to other"):
        await check


async def test_no_pod_passes_for_another_s() -> None:
    admission = FakeAdmission()
    manifest = json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "a"},
            "spec": {
                "template": {
                    "metadata": {"labels": {"app": "web", "tier": "front"}},
                    "spec": {
                        "automountServiceAccountToken": False,
                        "containers": [{"image": "a"}],
                    },
                }
            },
        }
    )
    for metadata, selector, fine in (
        (owned("other"), {"app": "web"}, False),
        ({}, {"app": "web", "tier": "front"}, False),
        (owned("sales"), {"app": "web"}, True),
        (owned("other"), {"app": "web", "tier": "back"}, True),
        (owned("other"), {}, True),
    ):
        admission.selectors = [(metadata, selector)]
        check = Guardrails(admission).check(KEY, "", manifest, {})
        if fine:
            await check
            continue
        with pytest.raises(GuardrailViolations, match="traffic"):
            await check


async def test_the_portals_own_names_are_not_taken() -> None:
    guardrails = Guardrails(
        FakeAdmission(), site=GuardrailSettings(hosts=frozenset({"portal.example.com"}))
    )
    for host, fine in (("Portal.example.com.", False), ("app.example.com", True)):
        ingress = plain("Ingress", "networking.k8s.io/v1", spec={"rules": [{"host": host}]})
        route = plain("HTTPRoute", "gateway.networking.k8s.io/v1", spec={"hostnames": [host]})
        for manifest in (ingress, route):
            check = guardrails.check(KEY, "", manifest, {})
            if fine:
                await check
                continue
            with pytest.raises(GuardrailViolations, match="the portal's own"):
                await check


async def test_so_many_objects_are_not_asked_about() -> None:
    admission = FakeAdmission()
    keys = [{"secretKeyRef": {"name": f"s{number}"}} for number in range(501)]
    for manifest in (
        "\n---\n".join([plain("ConfigMap")] * 501),
        workload(SAFE + f"affinity: {json.dumps({'a': [{'containers': [{}]}] * 501})}\n"),
        workload(SAFE + f"x: {json.dumps(keys)}\n"),
    ):
        with pytest.raises(ChartError, match="more than 500"):
            await Guardrails(admission).check(KEY, "", manifest, {})
    assert admission.tried == []


async def test_of_two_objects_of_one_name_both_are_tried() -> None:
    admission = FakeAdmission()
    admission.problems = ["Pod Security: privileged", ""]
    with pytest.raises(GuardrailViolations, match="privileged"):
        await Guardrails(admission).check(KEY, "", f"{workload()}---\n{workload()}", {})


async def test_what_cannot_be_asked_is_said_as_it_is() -> None:
    class Silent(FakeAdmission):
        async def pod_problem(self, pod: Tree, level: str) -> str:
            raise ClusterUnavailable("no answer")

    with pytest.raises(ClusterUnavailable, match="no answer"):
        await Guardrails(Silent()).check(KEY, "", workload(), {})


async def test_another_makers_secret_is_no_secret_of_the_release() -> None:
    pod = SAFE + "volumes: [{secret: {secretName: login}}]\n"
    made = plain("Secret", "example.com/v1", name="login")
    assert ("references", "spec.template.spec.volumes[0].secret") in await found(
        f"{workload(pod)}---\n{made}"
    )
