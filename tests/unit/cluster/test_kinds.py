from __future__ import annotations

from portal.cluster.kinds import RESOURCES
from portal.cluster.leases import LEASES
from portal.domain.objects import Kind


def test_every_kind_is_watched_by_one_module_and_has_a_title_for_people() -> None:
    found = [*RESOURCES, LEASES]
    assert sorted(each.kind for each in found) == sorted(Kind)
    titles = {each.title for each in found}
    assert len(titles) == len(found)
    assert "" not in titles
