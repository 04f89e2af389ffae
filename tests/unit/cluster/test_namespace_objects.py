"""The objects of a namespace that may outlive a release."""

from __future__ import annotations

from typing import Any

from portal.cluster.client import METADATA_LIST
from portal.cluster.namespace_objects import PAGES, namespace_objects
from portal.domain.errors import Forbidden
from portal.domain.proposals import NamespaceObject

SPACE = "/api/v1/namespaces/apps"


class Api:
    """Answers with the pages of a path; what it has none of is forbidden."""

    def __init__(self) -> None:
        self.pages: dict[str, list[list[dict[str, Any]]]] = {
            f"{SPACE}/secrets": [[]],
            f"{SPACE}/configmaps": [[]],
            f"{SPACE}/pods": [[]],
        }
        self.selectors: dict[str, str] = {}

    async def get(self, path: str, params: dict[str, str], accept: str) -> dict[str, Any]:
        assert accept == METADATA_LIST
        if path not in self.pages:
            raise Forbidden(path)
        self.selectors[path] = params.get("labelSelector", "")
        pages, at = self.pages[path], int(params.get("continue", "0"))
        more = {"continue": str(at + 1)} if at + 1 < len(pages) else {}
        return {"metadata": more, "items": [{"metadata": each} for each in pages[at]]}


async def test_who_made_an_object_and_with_what_it_goes() -> None:
    api = Api()
    api.pages[f"{SPACE}/secrets"] = [
        [
            {
                "name": "tls",
                "labels": {"team": "a"},
                "annotations": {"cert-manager.io/certificate-name": "web"},
            },
            {"name": "token", "annotations": {"kubernetes.io/service-account.name": "web"}},
        ],
        [{"name": "kept", "annotations": {"meta.helm.sh/release-name": "web"}}],
    ]
    owner = {"kind": "Job", "name": "tidy", "controller": True}
    api.pages[f"{SPACE}/pods"] = [
        [
            {"name": "tidy-1", "ownerReferences": [owner]},
            {"name": "going", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        ]
    ]
    found = await namespace_objects(api, "apps")  # type: ignore[arg-type]
    assert found.found == (
        NamespaceObject(
            "Secret",
            "tls",
            labels=frozenset({"a"}),
            maker="cert-manager for the Certificate web",
        ),
        NamespaceObject("Secret", "token", owner="ServiceAccount web"),
        NamespaceObject("Secret", "kept", release="web"),
        NamespaceObject("Pod", "tidy-1", owner="Job tidy"),
    )
    assert found.unlisted == ("Job",), "which may not be listed"
    assert api.selectors[f"{SPACE}/secrets"] == "owner!=helm"


async def test_very_many_are_told_as_unlisted() -> None:
    api = Api()
    api.pages[f"{SPACE}/configmaps"] = [[{"name": str(each)}] for each in range(PAGES + 1)]
    found = await namespace_objects(api, "apps")  # type: ignore[arg-type]
    assert len(found.found) == PAGES
    assert found.unlisted == ("ConfigMap", "Job")
