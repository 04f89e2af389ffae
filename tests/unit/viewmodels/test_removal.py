from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from portal.domain.keys import Key
from portal.domain.proposals import NamespaceObject, NamespaceObjects, Removal, VolumeClaim
from portal.domain.removals import remains, summary
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
    assert "An administrator can delete those" in notice.advice


def hook(events: str, policy: str = "", kind: str = "Job", name: str = "tidy") -> dict[str, Any]:
    notes = {"helm.sh/hook": events}
    if policy:
        notes["helm.sh/hook-delete-policy"] = policy
    return {"kind": kind, "metadata": {"name": name, "annotations": notes}}


def left(
    *objects: dict[str, Any],
    hooks: Sequence[dict[str, Any]] = (),
    there: Sequence[NamespaceObject] = (),
    unlisted: tuple[str, ...] = (),
    crds: tuple[str, ...] = (),
) -> list[str]:
    removal = Removal(
        Key("apps", "demo"),
        yaml.safe_dump_all(objects),
        (),
        yaml.safe_dump_all(hooks),
        crds,
        NamespaceObjects(tuple(there), unlisted),
    )
    return [each.title for each in removal_words(removal)]


def test_jobs_of_hooks_are_named_with_their_pods() -> None:
    there = [
        NamespaceObject("Job", "tidy"),
        NamespaceObject("Pod", "tidy-x1", owner="Job tidy"),
        NamespaceObject("Pod", "tidy-x2", owner="Job tidy"),
    ]
    words = ["Left by its hooks: Job tidy with its 2 pods."]
    assert left(hooks=[hook("pre-install")], there=there) == words
    assert left(hooks=[hook("pre-install")]) == [], "it is not there"
    # Without the right to list Jobs its pods tell.
    found = left(hooks=[hook("test")], there=there[1:2], unlisted=("Job",))
    assert found == ["Left by its hooks: Job tidy with its pod.", "Not checked: Jobs."]


def test_a_hook_of_the_removal_is_there_afterwards() -> None:
    assert left(hooks=[hook("pre-delete")]) == ["Left by its hooks: Job tidy."]
    assert left(hooks=[hook("post-delete", "hook-succeeded,hook-failed")]) == []
    removal = Removal(Key("apps", "demo"), "", (), yaml.safe_dump(hook("pre-delete")))
    assert remains(removal, hooks=False).hooks == ()


def test_hooks_that_cannot_be_listed_stay_as_their_policy_says() -> None:
    made = hook("pre-install,pre-upgrade", kind="ServiceAccount", name="tidy")
    assert left(hooks=[made]) == ["Left by its hooks: ServiceAccount tidy."]
    gone = hook("pre-install", "hook-succeeded", kind="ServiceAccount", name="tidy")
    assert left(hooks=[gone, hook("test", kind="Role")]) == []


def test_what_controllers_have_made_is_named_with_its_maker() -> None:
    certificate = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "web"},
        "spec": {"secretName": "web-tls"},
    }
    ingress = {"kind": "Ingress", "metadata": {"name": "i"}, "spec": {"tls": [{"secretName": "t"}]}}
    database = {"apiVersion": "db.example.com/v1", "kind": "Db", "metadata": {"name": "pg"}}
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"template": {"spec": {"volumes": [{"secret": {"secretName": "users-own"}}]}}},
    }
    own = {"kind": "Secret", "metadata": {"name": "own"}}
    there = [
        NamespaceObject("Secret", "web-tls", maker="cert-manager for the Certificate web"),
        NamespaceObject("Secret", "t"),
        NamespaceObject("Secret", "login", labels=frozenset({"pg"})),
        NamespaceObject("ConfigMap", "state", release="demo"),
        NamespaceObject("Secret", "owned", owner="Db pg", labels=frozenset({"pg"})),
        NamespaceObject("Secret", "own", release="demo"),
        NamespaceObject("Secret", "users-own"),
        NamespaceObject("Secret", "other", release="other"),
    ]
    assert left(certificate, ingress, database, deployment, own, there=there) == [
        "Not part of the release, so not deleted: Secret web-tls, made by cert-manager for the "
        "Certificate web; Secret t; Secret login; ConfigMap state."
    ]


def test_definitions_and_what_could_not_be_looked_at_are_named() -> None:
    assert left(crds=("widgets.example.com",), unlisted=("Secret", "Job")) == [
        "CustomResourceDefinitions stay: widgets.example.com.",
        "Not checked: Secrets.",
    ], "Jobs matter only where there are hooks"


def test_the_same_is_said_after_the_removal() -> None:
    removal = Removal(
        Key("apps", "demo"),
        yaml.safe_dump_all([STATEFUL, {"kind": "ConfigMap", "metadata": {"name": "c", **KEEP}}]),
        (claim("data-db-0"),),
        yaml.safe_dump(hook("pre-delete")),
        ("widgets.example.com",),
        NamespaceObjects((NamespaceObject("Secret", "s", release="demo"),)),
    )
    words = summary(remains(removal), "apps")
    for each in ("data-db-0", "ConfigMap c", "Job tidy", "Secret s", "widgets.example.com"):
        assert each in words
    assert summary(remains(Removal(Key("apps", "demo"), "")), "apps") == ""
