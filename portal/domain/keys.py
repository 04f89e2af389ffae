"""Names, labels and annotations that all parts of the portal share."""

from __future__ import annotations

from typing import NamedTuple

LAUNCHED_BY = "dash-portal.io/launched-by"
"""Annotation on an app's Deployment with the name of the user who launched it (any string).

Also a label on Helm's record, which takes precedence: see ``owners``."""

OPERATION_LABEL = "dash-portal.io/operation"
"""Label on Helm's record of a revision with the operation that made it: ``made_by``."""

ORIGIN_LABEL = "dash-portal.io/chart-source"
"""Label on Helm's record of a revision with the chart's source: ``charts.note_of``."""

RESOURCE_POLICY = "helm.sh/resource-policy"
"""Annotation by which a chart has Helm keep an object (``keep``)."""

ENV_OF = "dash-portal.io/env-of"
"""Label on a Secret with variables of an app, with the name of its release."""

LOAD_TEST_OF = "dash-portal.io/load-test-of"
"""Label on the Job of a load test, and on its pod, with the name of the release."""

LOAD_TEST_PLAN = "dash-portal.io/load-test"
"""Annotation on the Job of a load test with its ``LoadTestPlan`` as JSON."""

LOAD_TEST_STOPPED = "dash-portal.io/load-test-stopped-by"
"""Annotation on the Job of a load test with the user who has stopped it."""

SHARED_LABEL = "dash-portal.io/shared"
"""Label, with the value ``true``, of Secrets and ConfigMaps that apps of the namespace may use."""

HELM_RELEASE_NAME = "meta.helm.sh/release-name"
"""Annotation that Helm writes on every object of a release."""


HELM_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
"""Annotation that Helm writes on every object of a release, with the release's namespace."""


class Key(NamedTuple):
    """A namespaced name: of an object, or of a Helm release."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def made_by(operation: str, revision: int) -> str:
    """Return the value of ``OPERATION_LABEL`` for a revision that an operation makes.

    It contains the revision, since Helm copies labels to the next one.
    """
    return f"{operation}.{revision}"


def operation_of(label: str, revision: int) -> str:
    """Return the operation that made a revision; "" if its label is invalid or a copied one."""
    operation = label.partition(".")[0]
    return operation if label == made_by(operation, revision) else ""
