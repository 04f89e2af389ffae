"""An app runs as root where an administrator, and the namespace, allow it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.errors import InvalidInput
from portal.guardrails.rules import Level
from portal.releases.root import RootRules
from tests.unit.releases.test_actions import ANN, SPEC, World

AS_ROOT = replace(SPEC, fields={**SPEC.fields, "runs_as": "root"})


class Enforcing:
    """Namespaces that all enforce one level."""

    def __init__(self, level: str) -> None:
        self.level = level

    async def kubernetes(self) -> str:
        return ""

    async def missing(self, name: str) -> bool:
        return False

    async def enforced_level(self, name: str) -> str:
        return self.level


@pytest.mark.parametrize(
    ("allowed", "enforced", "words"),
    [
        (Level.RESTRICTED, "", "an administrator can set an exception"),
        (Level.BASELINE, "restricted", "enforces Pod Security restricted"),
        (Level.BASELINE, "baseline", ""),
        (Level.PRIVILEGED, "", ""),
    ],
)
async def test_who_may_be_root(allowed: Level, enforced: str, words: str) -> None:
    rules = RootRules(lambda _: allowed, Enforcing(enforced))
    found = (await rules.problems(AS_ROOT)).get("runs_as", "")
    assert (words in found) if words else not found
    assert await rules.problems(SPEC) == {}


async def test_a_launch_as_root_is_refused_before_anything_begins() -> None:
    world = World()
    with pytest.raises(InvalidInput) as refused:
        await world.actions.launch(ANN, AS_ROOT)
    assert refused.value.fields.keys() == {"runs_as"}
    assert not world.helm.calls
    await world.close()
