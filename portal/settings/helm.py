"""The settings of Helm, and of how the cluster is reached."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from portal.settings.part import Part


class HelmSettings(Part):
    """The settings of Helm, and of how the cluster is reached."""

    helm: Annotated[str, Field(description="The helm binary.")] = "helm"
    helm_timeout: Annotated[
        float, Field(gt=0, description="Seconds after which a helm command is ended.")
    ] = 120.0
    helm_concurrency: Annotated[
        int,
        Field(ge=1, description="Most helm commands that run at once; each takes about 30 MiB."),
    ] = 20
    kubeconfig: Annotated[
        Path | None,
        Field(description="A kubeconfig, for running outside a cluster. Inside, leave it unset."),
    ] = None
