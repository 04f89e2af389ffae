"""Errors as Helm 4.3 printed them, and the messages that users get instead."""

from __future__ import annotations

import time

import pytest

from portal.domain.errors import (
    ChartError,
    ClusterUnavailable,
    Conflict,
    FieldConflict,
    Forbidden,
    HelmError,
    HelmTimeout,
    NotFound,
    PortalError,
    ReleaseBusy,
    RemovedApi,
    SourceUnavailable,
    UnknownKind,
)
from portal.domain.keys import Key
from portal.helm_service.errors import busy, conflicting_fields, explain
from portal.helm_service.redaction import MAX_OUTPUT

KEY = Key("apps", "sales")

SCHEMA = """Error: values don't meet the specifications of the schema(s) in the following chart(s):
dash-app:
- at '/resources/requests/memory': value must be 'an amount of memory, such as 200Mi'
- at '': additional properties 'bogus' not allowed
"""
EXECUTION = """Error: execution error at (dash-app/templates/deployment.yaml:1:4): values that \
cannot work together:
- at '/autoscaling': set targetCPU or targetMemory, or there is nothing to scale on


Use --debug flag to render out invalid YAML
"""
CONFLICT_ONE = (
    "Error: UPGRADE FAILED: conflict occurred while applying object apps/sales apps/v1, "
    'Kind=Deployment: Apply failed with 1 conflict: conflict with "kube-controller-manager" with '
    'subresource "scale" using apps/v1: .spec.replicas'
)
CONFLICT_MANY = """Error: UPGRADE FAILED: conflict occurred while applying object apps/sales \
apps/v1, Kind=Deployment: Apply failed with 2 conflicts: conflicts with \
"kubectl-client-side-apply" using apps/v1:
- .spec.replicas
- .spec.template.spec.containers[name="app"].image
"""
HOOK = "Error: failed pre-install: resource Job/apps/sales-prepare not ready. status: "
TEMPLATE = """Error: c/templates/settings.yaml:6:4
  executing "c/templates/settings.yaml" at <include "c.colour" .>:
    error calling include:
c/templates/_helpers.tpl:3:15
  executing "c.colour" at <.Values.theme.colour>:
    nil pointer evaluating interface {}.colour
"""
IMMUTABLE = (
    "Error: UPGRADE FAILED: server-side apply failed for object apps/sales apps/v1, "
    'Kind=Deployment: Deployment.apps "sales" is invalid: spec.selector: Invalid value: '
    '{"matchLabels":{"role":"other"}}: field is immutable'
)
STATEFUL = (
    'Error: UPGRADE FAILED: StatefulSet.apps "db" is invalid: spec: Forbidden: updates to '
    "statefulset spec for fields other than 'replicas', 'template' are forbidden"
)


@pytest.mark.parametrize(
    ("output", "kind", "words"),
    [
        (
            f"{HOOK}InProgress, message: Job in progress\ncontext deadline exceeded",
            HelmTimeout,
            "(Job sales-prepare) did not end in time",
        ),
        (
            f"{HOOK}Failed, message: Job Failed. failed: 1/1",
            HelmError,
            "an administrator can read it",
        ),
        (
            TEMPLATE,
            ChartError,
            "nil pointer evaluating interface {}.colour, at .Values.theme.colour "
            "(c/templates/_helpers.tpl, line 3)",
        ),
        (
            'Error: template: c/templates/x.yaml:1:3: executing "c/templates/x.yaml" at '
            "<.Values.a.b>: nil pointer evaluating interface {}.b",
            ChartError,
            "at .Values.a.b (c/templates/x.yaml, line 1)",
        ),
        (IMMUTABLE, HelmError, "change spec.selector of the Deployment sales once it exists"),
        (STATEFUL, HelmError, "change spec of the StatefulSet db once it exists"),
        (
            'Error: create: failed to create: secrets "sh.helm.release.v1.sales.v1" is forbidden: '
            "unable to create new content in namespace apps because it is being terminated",
            Conflict,
            "The namespace apps is being deleted",
        ),
        (
            'Error: resource mapping not found: no matches for kind "Widget" in version "e.com/v1"',
            UnknownKind,
            "install what brings e.com/v1",
        ),
        (
            "Error: UPGRADE FAILED: unable to build kubernetes objects from current release "
            'manifest: [resource mapping not found for name: "a" namespace: "" from "": no matches '
            'for kind "Widget" in version "e.com/v1beta1"\nensure CRDs are installed first, '
            'resource mapping not found for name: "b" namespace: "" from "": no matches for kind '
            '"Ingress" in version "extensions/v1beta1"\nensure CRDs are installed first]',
            RemovedApi,
            "names Ingress in extensions/v1beta1, Widget in e.com/v1beta1, which this cluster no",
        ),
        (
            "Error: uninstallation completed with 1 error(s): resource Job/apps/sales-clean not "
            "ready. status: Failed, message: Job Failed",
            HelmError,
            "sales is removed, but the chart's hook (Job sales-clean) did not succeed",
        ),
        (SCHEMA, ChartError, "an amount of memory, such as 200Mi"),
        (EXECUTION, ChartError, "set targetCPU or targetMemory"),
        ("Error: template: c/templates/x.yaml:1:3: executing", ChartError, "could not be rendered"),
        ('Error: path "/x" not found', ChartError, "chart was not found"),
        (
            'Error: resource mapping not found: no matches for kind "HTTPRoute" in version "x"',
            UnknownKind,
            "no Gateway API",
        ),
        (
            "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
            ReleaseBusy,
            "offers to unlock the release",
        ),
        (
            'Error: kubernetes cluster unreachable: Get "http://localhost:8080/version": dial tcp '
            "127.0.0.1:8080: connect: connection refused",
            ClusterUnavailable,
            "did not answer",
        ),
        ("Error: query: etcdserver: request timed out; release: not found", ClusterUnavailable, ""),
        (
            "Error: the server has asked for the client to provide credentials",
            ClusterUnavailable,
            "credentials",
        ),
        ("Error: uninstall: Release not loaded: sales: release: not found", NotFound, "sales"),
        (
            'Error: create: failed to create: namespaces "apps" not found',
            NotFound,
            "namespace apps",
        ),
        (
            'Error: query: failed to query: secrets is forbidden: User "system:serviceaccount:p:p" '
            'cannot list resource "secrets" in API group "" in the namespace "apps"',
            Forbidden,
            "system:serviceaccount:p:p may not list secrets in the namespace apps",
        ),
        (
            'Error: services "sales" is forbidden: exceeded quota: q, requested: services=1, used: '
            "services=1, limited: services=1",
            HelmError,
            "quota of the namespace apps does not allow this: q, requested: services=1",
        ),
        (
            'Error: admission webhook "policy.example.com" denied the request: no latest tags',
            HelmError,
            "(policy.example.com) says no: no latest tags",
        ),
        (
            'Error: Service "sales" in namespace "apps" exists and cannot be imported into the '
            "current release: invalid ownership metadata",
            Conflict,
            "A Service named sales exists already in apps",
        ),
        (
            'Error: ClusterRole "viewer" in namespace "" exists and cannot be imported into the '
            "current release: invalid ownership metadata; annotation validation error: key "
            '"meta.helm.sh/release-name" must equal "sales": current value is "first"; annotation '
            'validation error: key "meta.helm.sh/release-namespace" must equal "apps": current '
            'value is "lab"',
            Conflict,
            "A ClusterRole named viewer exists already in the cluster and belongs to the release "
            "first in lab.",
        ),
        (
            "Error: chart requires kubeVersion: >=1.99 which is incompatible with Kubernetes v1.37",
            ChartError,
            "The chart is for Kubernetes >=1.99, and this cluster has v1.37.",
        ),
        (
            "Error: an error occurred while checking for chart dependencies: found in Chart.yaml, "
            "but missing in charts/ directory: cache, store",
            ChartError,
            "subcharts are missing in it: cache, store",
        ),
        (
            'Error: parse error at (c/templates/x.yaml:3): function "foo" not defined',
            ChartError,
            'mistake in c/templates/x.yaml, line 3: function "foo" not defined',
        ),
        (
            "Error: execution error at (c/templates/x.yaml:1:3): VALUES VALIDATION:\n\ncache: "
            "choose one\n  - this\n  - that\n\nUse --debug flag to render out invalid YAML\n",
            ChartError,
            "these values: VALUES VALIDATION: cache: choose one - this - that.",
        ),
        (
            "Error: UPGRADE FAILED: cannot patch:\nfirst line\nthe cause",
            HelmError,
            "first line the cause",
        ),
        (
            'Error: Deployment.apps "sales" is invalid: spec.replicas: Invalid value: -1',
            HelmError,
            "refused the Deployment sales: spec.replicas: Invalid value: -1",
        ),
        (
            'level=WARN error="services \\"x\\" is forbidden: exceeded quota: q"'
            "\nError: release has no 17 version",
            NotFound,
            "does not keep revision 17 of sales",
        ),
        (CONFLICT_ONE, FieldConflict, ".spec.replicas was last set by kube-controller-manager"),
        (CONFLICT_MANY, FieldConflict, "kubectl-client-side-apply"),
        ('Error: path "/nowhere/chart" not found', ChartError, "chart was not found"),
        ("Error: repo nosuchrepo not found", ChartError, "chart was not found"),
        (
            'Error: looks like "http://me:pw@charts.example.com/x" is not a valid chart repository '
            'or cannot be reached: Get "http://charts.example.com/x/index.yaml": dial tcp '
            "192.0.2.1:80: connect: connection refused",
            SourceUnavailable,
            "charts.example.com, where the chart comes from, does not answer",
        ),
        (
            'Error: Get "https://r.example.com/v2/charts/x/tags/list": dial tcp 192.0.2.1:443: '
            "connect: connection refused",
            SourceUnavailable,
            "r.example.com, where the chart",
        ),
        (
            'Error: GET "http://localhost:5000/v2/nosuch/chart/tags/list": response status code '
            "404: name unknown: repository name not known to registry",
            ChartError,
            "not found in localhost:5000",
        ),
        (
            "Error: YAML parse error on dash-app/templates/bad.yaml: error converting YAML to JSON",
            ChartError,
            "with these values dash-app/templates/bad.yaml becomes no YAML",
        ),
        (
            "Error: unable to build kubernetes objects from release manifest: resource mapping not "
            'found for name: "x" namespace: "" from "": no matches for kind "Nope" in version '
            '"nope.io/v1"\nensure CRDs are installed first',
            UnknownKind,
            "does not know the kind Nope",
        ),
        (
            'Error: create: failed to create: Secret "sh.helm.release.v1.big.v1" is invalid: data: '
            "Too long: may not be more than 1048576 bytes",
            HelmError,
            "larger than the 1 MiB",
        ),
        (
            "Error: INSTALLATION FAILED: release name check failed: cannot reuse a name that is "
            "still in use",
            Conflict,
            "has been taken in the meantime",
        ),
        ("Error: something new", HelmError, "could not upgrade sales: something new"),
        ("", HelmError, "gave no reason"),
    ],
)
def test_errors_are_told_apart(output: str, kind: type[PortalError], words: str) -> None:
    error = explain(output, "upgrade", KEY)

    assert type(error) is kind
    assert words in str(error)


def test_the_chart_says_which_value_is_wrong() -> None:
    error = explain(SCHEMA, "upgrade", KEY)

    assert isinstance(error, ChartError)
    assert error.values == {
        "resources.requests.memory": "an amount of memory, such as 200Mi",
        "": "additional properties 'bogus' not allowed",
    }


def test_subcharts_complain_with_their_own_paths() -> None:
    told = """Error: values don't meet the specifications of the schema(s) in the chart(s):
web:
- at '/mode': 'oneOf' failed, none matched
  - at '/mode': value must be 'a'
  - at '/mode': got string, want integer
- at '/port': got string, want integer
store:
- at '/port': got boolean, want integer
"""
    error = explain(told, "upgrade", KEY, "web")
    assert isinstance(error, ChartError)
    assert error.values == {
        "mode": "'oneOf' failed, none matched (a) (got string, want integer)",
        "port": "got string, want integer",
        "store.port": "got boolean, want integer",
    }
    alone = explain(told.replace("web:\n", "other:\n"), "upgrade", KEY, "web")
    assert isinstance(alone, ChartError)
    assert "other.port" in alone.values


def test_every_field_in_conflict_is_found() -> None:
    assert conflicting_fields(CONFLICT_ONE) == {".spec.replicas": "kube-controller-manager"}
    assert conflicting_fields(CONFLICT_MANY) == {
        ".spec.replicas": "kubectl-client-side-apply",
        '.spec.template.spec.containers[name="app"].image': "kubectl-client-side-apply",
    }
    assert conflicting_fields("Error: conflict of interest") == {}


def test_a_revision_to_go_back_to_may_name_an_api_that_is_gone() -> None:
    error = explain(
        "Error: unable to build kubernetes objects from new release manifest: resource mapping not "
        'found: no matches for kind "Widget" in version "e.com/v1beta1"',
        "roll back",
        KEY,
    )
    assert isinstance(error, RemovedApi)
    assert "revision to go back to names Widget in e.com/v1beta1" in error.message


def test_no_rollback_is_advised_to_what_is_being_removed() -> None:
    error = busy(KEY, "uninstalling")
    assert "rollback" not in str(error)
    assert "without its hooks" in error.advice


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "a.", "a/", "0", " ", "\n", '"', "a:1:", "- at '", 'get "a://', "/v2/", "Error: "),
        *("chart requires kubeVersion: ", 'conflict with "a"', 'x "y" is invalid: ', "a[0]"),
    ],
)
def test_whatever_a_chart_prints_is_read_in_proportion_to_it(unit: str) -> None:
    """What is counted is the time of this thread, with a generous bound: patterns took minutes."""
    text = "Error: " + unit * (MAX_OUTPUT // len(unit))
    began = time.thread_time()
    error = explain(text + "!", "upgrade", KEY)
    assert time.thread_time() - began < 1
    assert len(error.message) < 2_000
    assert explain(f"Error: {text}\nUse --debug flag to see it", "upgrade", KEY)
