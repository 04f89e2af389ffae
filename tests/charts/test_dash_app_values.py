"""Values that charts/dash-app accepts and refuses, and its error messages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from dev import chart_docs
from tests.charts.helm import Helm
from tests.charts.test_dash_app import CHART, IMAGE

# The article's own commands, apart from the name of its chart. Memory of 200m is the one thing
# that they got wrong; see test_memory_in_thousandths_of_a_byte_is_refused_and_explained.
ARTICLE = {
    "launch": "image.repository=123.dkr.ecr.us-east-1.amazonaws.com/dash,image.tag=1.0,"
    "containerPort=8050",
    "replicas": "replicaCount=3",
    "autoscaling": "autoscaling.enabled=true,autoscaling.minReplicas=2,autoscaling.maxReplicas=3,"
    "autoscaling.targetCPU=1,autoscaling.targetMemory=1",
    "resources": "resources.requests.cpu=200m,resources.requests.memory=200Mi,"
    "resources.limits.cpu=200m,resources.limits.memory=200Mi",
}

WHERE = re.compile(r"^- at '(/[^']*)?': (.+)$", re.MULTILINE)
"""The form of every message, the schema's and the templates'."""

REFUSED = [
    # path, --set flags, what the sentence says
    ("/image/repository", "image.repository=", "name the image"),
    ("/image/repository", "image.repository=Team/App", "in lower case"),
    ("/image/repository", "image.repository=team/app:1.0", "without its tag"),
    ("/image/repository", "image.repository=https://a/b", "without its tag"),
    ("/image/tag", "image.tag=1", "put it in quotes"),
    ("/image/tag", "image.tag=-a", "up to 128"),
    ("/image/registry", "image.registry=a/b", "a host name"),
    ("/image/digest", "image.digest=md5:1", "sha256: and 64"),
    ("/image/pullPolicy", "image.pullPolicy=Sometimes", "one of"),
    ("/image/pullSecrets/0", "image.pullSecrets[0]=A_B", "a name of Kubernetes"),
    ("/containerPort", "containerPort=0", "minimum"),
    ("/containerPort", "containerPort=65536", "maximum"),
    ("/containerPort", "containerPort=http", "want null or integer"),
    ("/containerPort", "containerPort=80,containerPorts.http=81", "set only one"),
    ("/containerPorts/http", "containerPorts.http=70000", "maximum"),
    ("/service/port", "service.port=0", "minimum"),
    ("/service/nodePort", "service.nodePort=70000", "maximum"),
    ("/service/nodePort", "service.type=ClusterIP,service.nodePort=30000", "no node port"),
    ("/service/type", "service.type=ExternalName", "one of"),
    ("/service/loadBalancerSourceRanges/0", "service.loadBalancerSourceRanges[0]=all", "CIDR"),
    ("/sessionAffinity", "sessionAffinity=yes", "one of"),
    ("/replicaCount", "replicaCount=-1", "minimum"),
    ("/replicaCount", "replicaCount=1.5", "want integer"),
    ("/autoscaling/enabled", "autoscaling.enabled=maybe", "want boolean"),
    ("/autoscaling/minReplicas", "autoscaling.minReplicas=0", "minimum"),
    (
        "/autoscaling/minReplicas",
        "autoscaling.enabled=true,autoscaling.minReplicas=5",
        "5 is more than autoscaling.maxReplicas, which is 4",
    ),
    ("/autoscaling/targetCPU", "autoscaling.targetCPU=0", "minimum"),
    ("/autoscaling/targetCPU", "autoscaling.targetCPU=50%", "want"),
    ("/autoscaling", "autoscaling.enabled=true,autoscaling.targetCPU=null", "nothing to scale on"),
    (
        "/autoscaling/targetCPU",
        "autoscaling.enabled=true,resources.requests.cpu=null",
        "needs resources.requests.cpu",
    ),
    (
        "/autoscaling/targetMemory",
        "autoscaling.enabled=true,autoscaling.targetMemory=50,resources.requests.memory=null",
        "needs resources.requests.memory",
    ),
    (
        "/autoscaling/behavior/scaleDown/stabilizationWindowSeconds",
        "autoscaling.behavior.scaleDown.stabilizationWindowSeconds=4000",
        "maximum",
    ),
    ("/resources/requests/cpu", "resources.requests.cpu=200Mi", "an amount of CPU"),
    ("/resources/requests/cpu", "resources.requests.cpu=0", "an amount of CPU"),
    ("/resources/limits/cpu", "resources.limits.cpu=0.0001", "an amount of CPU"),
    ("/resources/limits/cpu", "resources.limits.cpu=50m", "is less than resources.requests.cpu"),
    ("/resources/requests/memory", "resources.requests.memory=200", "without a unit is bytes"),
    ("/resources/requests/memory", "resources.requests.memory=200MB", "with a unit"),
    ("/resources/limits/memory", "resources.limits.memory=64Mi", "is less than"),
    ("/resources/limits/memory", "resources.limits.memory=0.1G", "is less than"),
    ("/resources/limits", "resources.limits.gpu=1", "'gpu' not allowed"),
    ("/ingress/hostname", "ingress.hostname=http://a.example.com", "without http://"),
    ("/ingress/hostname", "ingress.hostname=-a.example.com", "a host name"),
    ("/ingress/hostname", f"ingress.hostname={'a' * 64}.example.com", "a host name"),
    ("/ingress/hostname", "ingress.enabled=true,ingress.tls=true", "needs the host name"),
    ("/ingress/path", "ingress.path=app", "begins with /"),
    ("/httpRoute/hostnames/0", "httpRoute.hostnames[0]=A.example.com", "a host name"),
    ("/httpRoute/parentRefs", "httpRoute.enabled=true", "name the Gateway"),
    ("/persistence/mountPath", "persistence.mountPath=data", "begins with /"),
    (
        "/persistence/mountPath",
        "persistence.existingClaim=a,persistence.mountPath=/tmp/",
        "scratch space",
    ),
    ("/writableFolders/0/path", "writableFolders[0].path=data", "begins with /"),
    ("/writableFolders/0/path", "writableFolders[0].path=/", "name folders in it"),
    ("/writableFolders/0/path", "writableFolders[0].path=/tmp/x", "lie one in the other"),
    ("/writableFolders/0/path", "writableFolders[0].path=/dev/shm", "is shared memory"),
    (
        "/writableFolders/1/path",
        "writableFolders[0].path=/a,writableFolders[1].path=/a/",
        "another writable folder",
    ),
    (
        "/writableFolders/1/path",
        "writableFolders[0].path=/a/b,writableFolders[1].path=/a",
        "lie one in the other",
    ),
    (
        "/writableFolders/0/path",
        "writableFolders[0].path=/data/x,persistence.existingClaim=c",
        "where the volume is mounted",
    ),
    ("/scratch/sizeLimit", "scratch.sizeLimit=200m", "an amount of memory"),
    ("/sharedMemory/sizeLimit", "sharedMemory.sizeLimit=lots", "with a unit"),
    ("/timezone", "timezone=over there", "the name of a time zone"),
    ("/extraEnvVars/0/name", "extraEnvVars[0].name=1A", "not beginning with a digit"),
    ("/extraEnvVars/0/value", "extraEnvVars[0].name=A,extraEnvVars[0].value=1", "in quotes"),
    ("/extraEnvVars/1/name", "extraEnvVars[0].name=A,extraEnvVars[1].name=A", "set twice"),
    ("/commonAnnotations/a", "commonAnnotations.a=true", "in quotes"),
    ("/commonLabels/a", "commonLabels.a=a b", "the value of a label"),
    ("/preStopSleepSeconds", "preStopSleepSeconds=45", "leave nothing"),
    (
        "/updateStrategy/rollingUpdate",
        "updateStrategy.rollingUpdate.maxSurge=0%",
        "could ever be replaced",
    ),
    ("/pdb/maxUnavailable", "pdb.maxUnavailable=101%", "percentage"),
    ("/startupProbe/path", "startupProbe.path=healthz", "begins with /"),
    (None, "replicas=3", "'replicas' not allowed"),
    ("/image", "image.name=a", "'name' not allowed"),
    ("/autoscaling", "autoscaling.targetCPUUtilizationPercentage=80", "not allowed"),
]


def set_flags(*assignments: str) -> list[str]:
    return [part for assignment in assignments for part in ("--set", assignment)]


def refusal(helm: Helm, *assignments: str) -> list[tuple[str, str]]:
    """Return (path, sentence) of each message that helm prints for these --set flags."""
    flags = set_flags("image.repository=team/app", *assignments)
    rendered = helm.template(CHART, None, *flags)
    assert rendered.error, f"{assignments} was accepted"
    return WHERE.findall(rendered.error)


@pytest.mark.parametrize("step", ARTICLE)
def test_the_articles_commands_work(helm, step):
    flags = set_flags(ARTICLE["launch"], ARTICLE[step])
    rendered = helm.template(CHART, None, *flags, release="dash")
    assert not rendered.error
    (app,) = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"]
    assert app["image"] == "123.dkr.ecr.us-east-1.amazonaws.com/dash:1.0"
    assert app["ports"][0]["containerPort"] == 8050
    assert rendered.one("Service")["spec"]["type"] == "LoadBalancer"


def test_memory_in_thousandths_of_a_byte_is_refused_and_explained(helm):
    """The article's cpu=200m,memory=200m, given for requests and limits alike."""
    found = refusal(
        helm,
        "resources.requests.cpu=200m,resources.requests.memory=200m",
        "resources.limits.cpu=200m,resources.limits.memory=200m",
    )
    paths = [path for path, _ in found]
    assert sorted(paths) == ["/resources/limits/memory", "/resources/requests/memory"]
    for _, sentence in found:
        assert "200m of memory is 0.2 bytes" in sentence
        assert "you probably mean 200Mi" in sentence


@pytest.mark.parametrize(("path", "assignment", "says"), REFUSED, ids=lambda value: str(value))
def test_bad_values_are_refused_with_their_path_and_a_reason(helm, path, assignment, says):
    found = refusal(helm, assignment)
    assert [where for where, _ in found] == [path or ""]
    assert says in found[0][1]


def test_everything_that_is_wrong_is_told_at_once(helm):
    found = refusal(
        helm, "autoscaling.enabled=true,autoscaling.minReplicas=9,preStopSleepSeconds=99"
    )
    assert [where for where, _ in found] == ["/autoscaling/minReplicas", "/preStopSleepSeconds"]


@pytest.mark.parametrize("release", ["3d-app", "my.app"])
def test_a_release_name_that_cannot_name_a_service_is_refused(helm, release):
    rendered = helm.template(CHART, {"image": IMAGE}, release=release)
    assert "also names a Service" in rendered.error


@pytest.mark.parametrize(
    "assignment",
    [
        "image.repository=localhost:5000/dash-sample",
        "image.repository=registry.example.com/a__b/c.d-e",
        "image.tag=v1.2.3_rc-1",
        "resources.limits.cpu=0.5",
        "resources.limits.cpu=1",
        "resources.limits.memory=1.5Gi",
        "resources.limits.memory=1e9",
        "resources.limits.memory=268435456",
        "resources.limits.ephemeral-storage=1G",
        "replicaCount=0",
        "autoscaling.targetCPU=null",
        "containerPort=80,containerPorts.http=80",
        "ingress.hostname=a.b-c.example.com",
        "service.nodePort=null",
        "pdb.maxUnavailable=50%",
    ],
)
def test_good_values_are_accepted(helm, assignment):
    rendered = helm.template(CHART, None, *set_flags("image.repository=team/app", assignment))
    assert not rendered.error


def test_a_number_for_a_tag_in_a_file_is_refused(helm):
    """``tag: 1.0`` in a file is the number 1: the image would be another one."""
    rendered = helm.template(CHART, {"image": {"repository": "team/app", "tag": 1.0}})
    assert WHERE.findall(rendered.error)[0][0] == "/image/tag"


def test_the_chart_passes_lint(helm):
    result = helm.run("lint", "--strict", str(CHART), "--set", "image.repository=team/app")
    assert result.returncode == 0, result.stdout + result.stderr


def test_generated_documents_are_up_to_date():
    for file, wanted in chart_docs.generate(CHART).items():
        assert file.read_text() == wanted, f"run python -m dev.chart_docs {file.parent}"


def test_the_schema_is_closed():
    """Every object that lists its properties refuses others, but for the security contexts."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    open_objects = {
        path for path, node in _objects(schema, "") if node.get("additionalProperties") is not False
    }
    assert open_objects == {"/podSecurityContext", "/containerSecurityContext"}


def _objects(node: object, path: str):
    if not isinstance(node, dict):
        return
    if isinstance(node.get("properties"), dict):
        yield path, node
        for name, child in node["properties"].items():
            yield from _objects(child, f"{path}/{name}")
    yield from _objects(node.get("items"), f"{path}/items")


def test_a_value_without_documentation_is_an_error(tmp_path: Path):
    with pytest.raises(chart_docs.DocsError, match=r"image\.tag"):
        chart_docs.read_values("image:\n  tag: a\n")


def test_a_value_that_the_schema_lacks_is_an_error():
    values = chart_docs.read_values("# -- Documented.\na: 1\n")
    with pytest.raises(chart_docs.DocsError, match="lacks a"):
        chart_docs.document_schema({"properties": {}}, values)


def test_a_value_that_only_the_schema_knows_is_an_error():
    with pytest.raises(chart_docs.DocsError, match="the schema knows b"):
        chart_docs.document_schema({"properties": {"b": {"type": "string"}}}, [])


def test_comments_become_descriptions_with_their_section():
    text = "# Head\n# of the file\n\n# Part\n\na:\n  # -- One\n  # two.\n  b: 1\n"
    (value,) = chart_docs.read_values(text)
    assert (value.name, value.default, value.description, value.section) == (
        "a.b",
        1,
        "One two.",
        "Part",
    )
