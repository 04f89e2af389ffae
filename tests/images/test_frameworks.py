"""Real images of Streamlit, Gradio, Jupyter and the like become ready at the first launch.

Their packages come from a package index, some 200 MB each, so this is a stage of its own.
"""

from __future__ import annotations

import asyncio
import os

import pytest

from dev.cluster import images as builds
from dev.cluster import settings
from tests.images.frameworks import FRAMEWORKS
from tests.images.harness import Seen, launched, restricted_namespace, words

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not os.environ.get("FRAMEWORKS"), reason="run by `make frameworks`"),
]


WITHIN = 600.0
"""Seconds for images of several hundred MB on a busy machine."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The images, by name; those that are there already are not built again."""
    made: dict[str, str] = {}
    for name, framework in FRAMEWORKS.items():
        context = tmp_path_factory.mktemp(name)
        (context / framework.file).write_text(framework.app)
        (context / "Dockerfile").write_text(framework.dockerfile)
        made[name] = f"{settings.REGISTRY}/frameworks/{name}:1.0"
        base = {"BASE": settings.PYTHON_BASE_IMAGE}
        builds.build_image(context, context / "Dockerfile", made[name], base)
    return made


@pytest.fixture(scope="module")
def seen(built: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """What became of all of them."""
    cases = {name: each.case for name, each in FRAMEWORKS.items()}
    with restricted_namespace() as namespace:
        home = tmp_path_factory.mktemp("helm")
        return asyncio.run(launched(cases, lambda _: built, namespace, home, WITHIN))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework(name: str, seen: dict[str, Seen]) -> None:
    came = seen[name]
    print(f"{name}: {came.seconds:.1f} s\n{words(came.view)}")
    print([f"{each.kind.value}: {each.message}" for each in came.advice])
    assert came.met, f"{words(came.view)}\nafter {came.said}"
