"""The namespaces that the portal works in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portal.domain.namespaces import NamespaceRules, listed_problem, pattern_problem
from portal.settings.part import PREFIX, Names, Part


class NamespaceSettings(Part):
    """The namespaces that the portal works in."""

    namespaces: Annotated[
        Names,
        Field(
            description="Comma-separated namespaces the portal works in. Either these or "
            "`DASH_PORTAL_CLUSTER_WIDE` must be set."
        ),
    ] = ()
    cluster_wide: Annotated[bool, Field(description="Work in all namespaces.")] = False
    excluded_namespaces: Annotated[
        Names,
        Field(
            description="Comma-separated names and patterns, such as `infra-*`, of namespaces in "
            "which the portal changes nothing. Its own namespace and `kube-*` are always excluded."
        ),
    ] = ()
    own_namespace: Annotated[
        str, Field(description="The namespace that the portal runs in. Empty outside a cluster.")
    ] = ""
    default_namespace: Annotated[
        str, Field(description="The namespace that the launch form starts with.")
    ] = "default"

    def where_problem(self) -> str:
        """The error in the choice of namespaces; "" if there is none."""
        if self.namespaces and self.cluster_wide:
            return (
                f"{PREFIX}NAMESPACES and {PREFIX}CLUSTER_WIDE: set one of them. With a list the "
                "portal works in those namespaces alone."
            )
        if not (self.namespaces or self.cluster_wide):
            return (
                f"{PREFIX}NAMESPACES: list the namespaces that the portal may work in, or set "
                f"{PREFIX}CLUSTER_WIDE to true for all of them."
            )
        if problem := listed_problem(self.namespaces, self.own_namespace):
            return f"{PREFIX}NAMESPACES: {problem}"
        for pattern in self.excluded_namespaces:
            if problem := pattern_problem(pattern):
                return f"{PREFIX}EXCLUDED_NAMESPACES: {problem}"
        return ""

    def rules(self) -> NamespaceRules:
        """The namespaces that the portal works in, and those in which it changes nothing."""
        return NamespaceRules(self.namespaces, self.own_namespace, self.excluded_namespaces)
