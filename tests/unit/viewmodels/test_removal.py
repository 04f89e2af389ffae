from __future__ import annotations

from typing import Any

import yaml

from portal.domain.keys import Key
from portal.domain.proposals import Removal, VolumeClaim
from portal.viewmodels.model import Severity
from portal.viewmodels.removal import removal_words

KEEP = {"annotations": {"helm.sh/resource-policy": "keep"}}
STATEFUL: dict[str, Any] = {
    "kind": "StatefulSet",
    "metadata": {"name": "db"},
    "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
}


def claim(name: str, release: str = "", size: str = "8Gi", *, owned: bool = False) -> VolumeClaim:
    return VolumeClaim(Key("apps", name), release, size, owned)


def words(objects: list[dict[str, Any]], claims: tuple[VolumeClaim, ...] | None) -> list[str]:
    removal = Removal(Key("apps", "demo"), yaml.safe_dump_all(objects), claims)
    return [each.title for each in removal_words(removal)]


def pvc(name: str, **meta: Any) -> dict[str, Any]:
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name, **meta}}


def test_nothing_is_left_of_most_apps() -> None:
    assert words([{"kind": "Deployment", "metadata": {"name": "demo"}}], ()) == []
    assert words([], None) == []


def test_volumes_of_stateful_sets_outlive_them() -> None:
    there = (claim("data-db-0"), claim("data-db-1"), claim("data-db-x"), claim("other"))
    assert words([STATEFUL], there) == [
        "2 volume claims will be kept: data-db-0 (8Gi) and data-db-1 (8Gi)."
    ]
    assert words([STATEFUL], None) == [
        "Volume claims are kept, with their data: data-db of each pod."
    ]
    assert words([STATEFUL], ()) == []


def test_a_stateful_set_may_take_them_along() -> None:
    policy = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}
    going = {**STATEFUL, "spec": {**STATEFUL["spec"], **policy}}
    assert words([going], (claim("data-db-0", "demo", owned=True),)) == []


def test_a_volume_with_the_release_name_on_it_is_left_unless_the_chart_deletes_it() -> None:
    there = (claim("a", "demo", ""), claim("b", "demo"), claim("c", "else"))
    assert words([pvc("b")], there) == [
        "Deleted with its data: PersistentVolumeClaim b.",
        "1 volume claim will be kept: a.",
    ]


def test_what_the_chart_keeps() -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "c", **KEEP}}
    assert words([config, pvc("p", **KEEP)], (claim("p"),)) == [
        "1 volume claim will be kept: p (8Gi).",
        "Kept in the cluster (resource policy keep): ConfigMap c.",
    ]


def test_how_to_delete_what_is_left_is_said() -> None:
    removal = Removal(Key("apps", "demo"), yaml.safe_dump(STATEFUL), (claim("data-db-0"),))
    (notice,) = removal_words(removal)
    assert notice.severity is Severity.WARN
    assert "kubectl delete pvc -n apps" in notice.advice
