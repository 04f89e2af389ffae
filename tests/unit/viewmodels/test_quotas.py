from __future__ import annotations

import pytest

from portal.domain.keys import Key
from portal.domain.objects import Quota
from portal.viewmodels.app import app_view
from portal.viewmodels.quotas import left_words, quota_notice, quota_uses
from tests.unit.viewmodels import make


def quota(**limits: tuple[str, str]) -> Quota:
    """used of hard, by name; "_" stands for a dot."""
    named = {name.replace("_", "."): pair for name, pair in limits.items()}
    return Quota(
        Key("apps", "team"),
        hard={name: hard for name, (_, hard) in named.items()},
        used={name: used for name, (used, _) in named.items()},
    )


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"pods": ("10", "10")}, "pods 10"),
        ({"requests_cpu": ("4000m", "4")}, "CPU requests 4"),
        ({"limits_memory": ("1Gi", "1Gi"), "pods": ("1", "9")}, "memory limits 1 GiB"),
    ],
)
def test_a_limit_that_is_reached(limits: dict[str, tuple[str, str]], words: str) -> None:
    found = quota_notice([quota(**limits)])
    assert found is not None
    assert words in found.body
    assert "team" in found.body


@pytest.mark.parametrize(
    "limits", [{}, {"pods": ("9", "10")}, {"services": ("5", "5")}, {"pods": ("odd", "much")}]
)
def test_a_limit_that_is_not_or_does_not_matter(limits: dict[str, tuple[str, str]]) -> None:
    assert quota_notice([quota(**limits)]) is None


@pytest.mark.parametrize(("desired", "told"), [(1, False), (2, True)])
def test_it_is_told_to_an_app_that_lacks_pods(desired: int, told: bool) -> None:
    state = make.state(workloads=(make.deployment(desired, 1),), pods=(make.pod(),))
    full = [quota(pods=("10", "10"))]
    view = app_view(state, make.sources(), make.NOW, quotas=full)
    assert any("quota" in each.title for each in view.notices) is told


def test_what_a_project_has_left_is_said_in_words() -> None:
    quotas = (
        Quota(
            Key("sales", "project"),
            {"pods": "4", "requests.cpu": "2", "requests.memory": "4Gi", "limits.cpu": "8"}
            | {"services.loadbalancers": "0", "requests.storage": "10Gi", "odd": "many"},
            {"pods": "4", "requests.cpu": "500m", "requests.memory": "1Gi"},
        ),
    )
    assert left_words(quotas) == "left: 1.5 CPU, 3 GiB memory and 0 pods"
    uses = {each.what: (each.used, each.hard, each.full) for each in quota_uses(quotas)}
    assert uses == {
        "pods": ("4", "4", True),
        "CPU requests": ("0.5", "2", False),
        "memory requests": ("1 GiB", "4 GiB", False),
        "CPU limits": ("0", "8", False),
        "storage": ("0 bytes", "10 GiB", False),
    }
    assert left_words(()) == ""
