"""A project of one's own at the first sign-in."""

from __future__ import annotations

import asyncio

import pytest

from portal.domain.errors import ClusterUnavailable, InvalidInput
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.projects import PERSONAL_OF
from portal.projects.names import personal_name
from portal.projects.personal import AGAIN, PersonalProjects
from tests.unit.projects.fakes import ANN, Cluster, namespace_path, projects
from tests.unit.recorder import Kept

NAME = personal_name("user-{user}", ANN.user)


class Home:
    """Personal projects over a cluster, with a clock."""

    def __init__(self) -> None:
        self.cluster, self.kept, self.now = Cluster(), Kept(), 1000.0
        self.personal = PersonalProjects(
            projects(self.cluster, self.kept),
            self.cluster,
            "user-{user}",
            clock=lambda: self.now,
        )

    async def settle(self) -> None:
        """Let what waits be done."""
        task = asyncio.create_task(self.personal.run())
        for _ in range(200):
            await asyncio.sleep(0)
        task.cancel()


async def test_it_is_made_once_by_the_portal_for_the_person() -> None:
    home = Home()
    for _ in range(3):
        home.personal.welcome(ANN)
    await home.settle()
    namespace = home.cluster.objects[namespace_path(NAME)]
    assert namespace["metadata"]["annotations"][PERSONAL_OF] == ANN.user
    assert {who for who, _ in home.cluster.applied} == {""}
    assert home.kept.told() == [
        ("project-create", "begun", ""),
        ("project-create", "succeeded", ""),
    ]
    assert home.kept.events[0].detail["members"] == {"administrator": [f"user:{ANN.user}"]}
    applied = len(home.cluster.applied)
    home.now += 2 * AGAIN
    home.personal.welcome(ANN)
    await home.settle()
    assert len(home.cluster.applied) == applied


async def test_a_namespace_of_somebody_else_is_never_given_away() -> None:
    home = Home()
    home.cluster.put(namespace_path(NAME), annotations={PERSONAL_OF: "mallory"})
    with pytest.raises(InvalidInput, match="already"):
        await home.personal.ensure(ANN.user)
    assert not home.cluster.applied


async def test_one_that_was_left_half_made_is_finished_later() -> None:
    home = Home()
    home.cluster.failing["RoleBinding"] = ClusterUnavailable("It does not answer.")
    home.personal.welcome(ANN)
    await home.settle()
    home.cluster.failing.clear()
    home.personal.welcome(ANN)  # too soon
    await home.settle()
    assert not any("rolebindings" in path for path in home.cluster.objects)
    home.now += 2 * AGAIN
    home.personal.welcome(ANN)
    await home.settle()
    assert any("rolebindings" in path for path in home.cluster.objects)


@pytest.mark.parametrize("who", [ANONYMOUS, Identity("system:serviceaccount:apps:default")])
async def test_programs_and_nobody_get_none(who: Identity) -> None:
    home = Home()
    home.personal.welcome(who)
    await home.settle()
    assert not home.cluster.objects
