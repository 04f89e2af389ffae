"""The check that an app may run as root in a namespace."""

from __future__ import annotations

from collections.abc import Callable

from portal.catalog.launch_contents import ROOT
from portal.domain.launch import LaunchSpec
from portal.guardrails.rules import Level
from portal.releases.ports import NamespaceLookup

FIELD = "runs_as"


class RootRules:
    """Asks the guardrails, then the namespace itself.

    ``level`` is the Pod Security level that an administrator allows in a namespace.
    """

    def __init__(self, level: Callable[[str], Level], namespaces: NamespaceLookup | None) -> None:
        self._level = level
        self._namespaces = namespaces

    async def problems(self, spec: LaunchSpec) -> dict[str, str]:
        """Return why the app may not run as root, by field; empty if it may, or does not."""
        if spec.fields.get(FIELD) != ROOT:
            return {}
        namespace = spec.key.namespace
        if self._level(namespace) is Level.RESTRICTED:
            return {
                FIELD: f"Apps in {namespace} may not run as root. Many images made for root run as "
                "1001 with writable folders; else an administrator can set an exception for this "
                "namespace (guardrails, pod_security: baseline)."
            }
        enforced = await self._namespaces.enforced_level(namespace) if self._namespaces else ""
        if enforced == Level.RESTRICTED:
            return {
                FIELD: f"The namespace {namespace} enforces Pod Security restricted, which admits "
                "no pod that runs as root. An administrator can set another level for it."
            }
        return {}
