"""The tool that manages an object, from its labels and annotations."""

from __future__ import annotations

import pytest

from portal.domain.management import UNSAID, management


@pytest.mark.parametrize(
    ("labels", "annotations", "manager"),
    [
        ({}, {}, ""),
        ({"app.kubernetes.io/managed-by": "Helm"}, {}, ""),
        ({"app.kubernetes.io/managed-by": "Terraform"}, {}, "Terraform"),
        (
            {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "flux"},
            {},
            "Flux HelmRelease flux/web",
        ),
        ({"kustomize.toolkit.fluxcd.io/name": "all"}, {}, "Flux Kustomization all"),
        ({"argocd.argoproj.io/instance": "web"}, {}, "Argo CD application web"),
        (
            {"app.kubernetes.io/managed-by": "Helm"},
            {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:apps/web"},
            "Argo CD application shop",
        ),
        ({}, {"fleet.cattle.io/bundle-id": "site"}, "Fleet bundle site"),
    ],
)
def test_the_manager(labels: dict[str, str], annotations: dict[str, str], manager: str) -> None:
    assert management(labels, annotations).manager == manager


def test_a_name_of_any_length_is_cut() -> None:
    assert len(management({"app.kubernetes.io/managed-by": "x" * 5000}, {}).manager) == 120


def test_what_outlives_its_release_and_what_is_going() -> None:
    kept = management({}, {"helm.sh/resource-policy": " Keep "})
    assert (kept.kept, kept.deleting) == (True, False)
    assert management({}, {}, deleting=True).deleting
    assert management({}, {}) is UNSAID
