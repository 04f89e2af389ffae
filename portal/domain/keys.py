"""Identifiers shared by every room."""

from __future__ import annotations

from typing import NamedTuple

LAUNCHED_BY = "dash-portal.io/launched-by"
"""Annotation, on an app's Deployment, that names who launched it (any string).

Also a label on Helm's record, which decides: see ``owners``."""

OPERATION_LABEL = "dash-portal.io/operation"
"""Label, on Helm's record of a revision, that says which operation made it: ``made_by``."""

ORIGIN_LABEL = "dash-portal.io/chart-source"
"""Label, on Helm's record of a revision, that says where its chart is from: ``charts.note_of``."""

HELM_RELEASE_NAME = "meta.helm.sh/release-name"
"""Annotation that Helm writes on every object of a release."""


HELM_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
"""Annotation beside it, with the release's namespace."""


class Key(NamedTuple):
    """A namespaced name: of an object, or of a Helm release."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def made_by(operation: str, revision: int) -> str:
    """The label of a revision that an operation makes.

    With its revision, since Helm passes labels on to whatever is made of a release next.
    """
    return f"{operation}.{revision}"


def operation_of(label: str, revision: int) -> str:
    """The operation that made a revision; "" if its label is none, or came from the one before."""
    operation = label.partition(".")[0]
    return operation if label == made_by(operation, revision) else ""
