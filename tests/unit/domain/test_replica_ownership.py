from __future__ import annotations

import pytest
import yaml

from portal.domain import yaml_text
from portal.domain.manifests import objects
from portal.domain.replica_ownership import ReplicaOwnership, replica_ownership, without_replicas

HPA = """---
kind: HorizontalPodAutoscaler
metadata: {name: any}
spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 2}
"""
WEB = """---
# Source: é/𝄞.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: "web"   # its name
spec:
  # how many
  replicas: 3
  selector: {matchLabels: {app: web}}
"""


def deployment(spec: str, name: str = "web") -> str:
    return f"---\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def test_an_autoscaler_decides_about_what_it_targets() -> None:
    def owned(manifest: str, *others: str) -> ReplicaOwnership:
        return replica_ownership(objects(manifest, "apps"), others)

    assert owned(WEB) == ReplicaOwnership()
    web = frozenset({"Deployment/web"})
    assert owned(HPA + WEB) == ReplicaOwnership(web, web)
    assert owned(HPA + deployment("{a: 1}")) == ReplicaOwnership(web)
    assert owned(HPA + deployment("{replicas: 2}", "db")) == ReplicaOwnership(web)
    assert owned(WEB, "Deployment/web") == ReplicaOwnership(web, web)


def test_only_that_number_goes_and_all_else_stays_to_the_letter() -> None:
    manifest = HPA + WEB + deployment("{replicas: 5}", "db")
    assert without_replicas(manifest, ()) == manifest
    assert without_replicas(manifest, {"Deployment/other"}) == manifest
    assert without_replicas(manifest, {"Deployment/web"}) == manifest.replace(
        "  replicas: 3\n  selector", "  selector"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "manifest",
    [
        WEB,
        deployment("{replicas: 3, selector: s}"),
        deployment("{selector: s, replicas: 3}"),
        deployment("\n  selector: s\n  replicas: 3"),
        deployment('\n  selector: s\n  "replicas": 3 # many\n  template:\n    replicas: 9'),
        "kind: List\nitems:\n- kind: Deployment\n  metadata: {name: web}\n"
        "  spec:\n    replicas: 3\n    a: b",
        "kind: DeploymentList\nitems: [{kind: Deployment, metadata: {name: web}, spec: {replicas: "
        "1, selector: s}}, {kind: Service, metadata: {name: web}, spec: {replicas: 4}}]",
    ],
)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml_text.LOADER])
def test_however_it_is_written(
    manifest: str, end: str, loader: type[yaml.SafeLoader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_text, "LOADER", loader)
    manifest = manifest.replace("\n", end)
    wanted = list(yaml.safe_load_all(manifest))
    for tree in wanted:
        for each in tree.get("items", [tree]):
            if each["kind"] == "Deployment":
                del each["spec"]["replicas"]
    assert list(yaml.safe_load_all(without_replicas(manifest, {"Deployment/web"}))) == wanted


@pytest.mark.parametrize(
    "odd", ["", "---\n", "a\n", "[]\n", "kind: Deployment\n", "kind: [a]\nmetadata: []\nspec: 3\n"]
)
def test_what_is_no_workload_passes(odd: str) -> None:
    assert without_replicas(odd, {"Deployment/web", "/"}) == odd
