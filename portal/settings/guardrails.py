"""The settings of the guardrails."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from portal.guardrails.rules import GuardrailException, Level
from portal.settings.part import PREFIX, Part, SettingsError, unquoted


class GuardrailSettings(Part):
    """The settings of the guardrails."""

    pod_security_namespace: Annotated[
        str,
        Field(
            description="A namespace that enforces Pod Security `restricted`, in which nothing "
            "runs: the guardrails create pods there by server-side dry run. Required."
        ),
    ] = ""
    pod_security_baseline_namespace: Annotated[
        str,
        Field(description="The same for `baseline`. Required if an exception sets that level."),
    ] = ""
    guardrails_file: Annotated[
        Path | None, Field(description="YAML list of exceptions to the guardrails.")
    ] = None

    def guardrail_exceptions(self) -> tuple[GuardrailException, ...]:
        """Read the file of exceptions to the guardrails.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        if self.guardrails_file is None:
            return ()
        try:
            entries: object = yaml.safe_load(self.guardrails_file.read_text()) or []
            listed = TypeAdapter(tuple[GuardrailException, ...]).validate_python(entries)
        except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
            raise SettingsError(f"{PREFIX}GUARDRAILS_FILE: {unquoted(error)}") from None
        lowered = any(each.pod_security is Level.BASELINE for each in listed)
        if lowered and not self.pod_security_baseline_namespace:
            raise SettingsError(
                f"{PREFIX}POD_SECURITY_BASELINE_NAMESPACE: needed, since an exception in "
                f"{PREFIX}GUARDRAILS_FILE sets the level baseline."
            )
        return listed

    def pod_security_namespaces(self) -> dict[str, str]:
        """The namespaces that enforce Pod Security, by level.

        Raises:
            SettingsError: the one for ``restricted`` is not set.
        """
        if not self.pod_security_namespace:
            raise SettingsError(
                f"{PREFIX}POD_SECURITY_NAMESPACE: needed. Make one that enforces the Pod Security "
                "Standards: kubectl create namespace NAME && kubectl label namespace NAME "
                "pod-security.kubernetes.io/enforce=restricted"
            )
        return {
            Level.RESTRICTED: self.pod_security_namespace,
            Level.BASELINE: self.pod_security_baseline_namespace,
        }
