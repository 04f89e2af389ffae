"""The versions in which a cluster serves a kind."""

from __future__ import annotations

from typing import Any

import pytest

from portal.cluster.served_apis import ServedApis
from portal.domain.errors import ClusterUnavailable, NotFound


class Api:
    """Answers by path."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/api/v1": {"resources": [{"name": "pods", "kind": "Pod"}]},
            "/apis/example.com": {
                "versions": [
                    {"groupVersion": "example.com/v2alpha1"},
                    {"groupVersion": "example.com/v1"},
                    {"groupVersion": "example.com/v1beta1"},
                ],
                "preferredVersion": {"groupVersion": "example.com/v1"},
            },
            "/apis/example.com/v2alpha1": {"resources": [{"name": "widgets", "kind": "Widget"}]},
            "/apis/example.com/v1": {
                "resources": [
                    {"name": "widgets", "kind": "Widget"},
                    {"name": "widgets/scale", "kind": "Scale"},
                ]
            },
            "/apis/example.com/v1beta1": {"resources": []},
        }

    async def get(self, path: str) -> dict[str, Any]:
        if path not in self.answers:
            raise NotFound(path)
        if isinstance(self.answers[path], Exception):
            raise self.answers[path]
        return self.answers[path]


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.mark.parametrize(
    ("group", "kind", "found"),
    [
        ("", "Pod", ("v1",)),
        ("", "Widget", ()),
        ("example.com", "Widget", ("example.com/v1", "example.com/v2alpha1")),
        ("example.com", "Scale", ()),
        ("nowhere.com", "Widget", ()),
        ("../../api", "Pod", ()),
    ],
)
async def test_the_preferred_version_comes_first(
    api: Api, group: str, kind: str, found: tuple[str, ...]
) -> None:
    assert await ServedApis(api).versions(group, kind) == found  # type: ignore[arg-type]


async def test_a_server_that_does_not_answer_may_still_have_the_kind(api: Api) -> None:
    api.answers["/apis/example.com/v1"] = ClusterUnavailable("503")
    with pytest.raises(ClusterUnavailable):
        await ServedApis(api).versions("example.com", "Widget")  # type: ignore[arg-type]
