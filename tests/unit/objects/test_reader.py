from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound
from portal.domain.keys import ENV_OF, Key
from portal.domain.manifests import Ref
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind
from portal.domain.owners import Owners, label_of
from portal.objects.reader import EVERY, FRESH, ObjectReader
from tests.unit.auth.test_authorizer import Clock
from tests.unit.objects.make import (
    ANN,
    BOB,
    KEY,
    POD,
    FakeObjects,
    FakeRevisions,
    Site,
    hides,
    tree,
)
from tests.unit.viewmodels import make
from tests.waiting import until

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {password: other-words}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: demo}
spec: {template: {spec: {containers: [{envFrom: [{secretRef: {name: demo-env-0a1b2c}}]}]}}}
"""
POD_TREE = tree("Pod", POD, spec={"nodeName": "n"}, status={"message": "said long-password"})


class Reading(ObjectReader):
    def __init__(self) -> None:
        self.site, self.source, self.clock = Site(), FakeObjects(), Clock()
        self.revisions = FakeRevisions(make.detail(manifest=MANIFEST))
        self.source.trees = {
            ("Pod", POD): POD_TREE,
            ("ConfigMap", "settings"): tree("ConfigMap", "settings", data={"a": "b"}),
            ("Secret", "password"): tree("Secret", "password"),
        }
        self.told: list[frozenset[Key]] = []
        super().__init__(
            self.site.store,
            self.site.access,
            self.revisions,
            self.source,
            hides,
            self.told.append,
            self.clock,
        )

    async def settled(self) -> None:
        count = len(self.told)
        await until(lambda: len(self.told) != count)


@pytest.fixture
def reader() -> Reading:
    return Reading()


async def test_an_object_of_the_release_is_read_without_its_secrets(reader: Reading) -> None:
    view = await reader.read(ANN, KEY, "Pod", POD)
    assert (view.kind, view.name) == ("Pod", POD)
    assert [each.value for each in view.status] == ["said (hidden)"]


async def test_the_end_of_a_log_is_for_those_who_may_read_logs(reader: Reading) -> None:
    ended = {"terminated": {"exitCode": 1, "message": "the last line"}}
    one = {"name": "app", "state": ended, "lastState": ended}
    statuses = {"containerStatuses": [one], "initContainerStatuses": [one]}
    reader.source.trees["Pod", POD] = tree("Pod", POD, status=statuses)
    assert "the last line" in (await reader.read(ANN, KEY, "Pod", POD)).yaml
    policy = Policy(NamespaceRules(("apps",)), open_mode=False, allow_logs=False)
    reader.site.authorizer.policy = policy
    view = await reader.read(ANN, KEY, "Pod", POD)
    assert "the last line" not in repr(view)
    assert "exitCode: 1" in view.yaml


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Pod", "stranger"),
        ("ConfigMap", "kube-root-ca.crt"),
        ("Secret", "other"),
        ("Secret", "demo-env-xxxxxx"),
        ("Node", "node-1"),
        ("Role", "reader"),
        ("", ""),
        ("Pod", "../../secrets"),
    ],
)
async def test_what_is_not_of_the_release_is_not_there_and_not_asked_for(
    reader: Reading, kind: str, name: str
) -> None:
    reader.source.trees[kind, name] = tree(kind or "X", name)
    with pytest.raises(NotFound, match=r"There is no .* in the release demo\."):
        await reader.read(ANN, KEY, kind, name)
    assert reader.source.asked == []


async def test_one_that_is_gone_or_another_releases_reads_the_same(reader: Reading) -> None:
    words = "There is no ConfigMap settings in the release demo."
    foreign = tree("ConfigMap", "settings")
    foreign["metadata"]["annotations"] = {"meta.helm.sh/release-name": "other"}
    reader.source.trees["ConfigMap", "settings"] = foreign
    with pytest.raises(NotFound) as other:
        await reader.read(ANN, KEY, "ConfigMap", "settings")
    del reader.source.trees["ConfigMap", "settings"]
    reader.clock.now += FRESH
    with pytest.raises(NotFound) as gone:
        await reader.read(ANN, KEY, "ConfigMap", "settings")
    assert other.value.message == gone.value.message == words


async def test_a_secret_of_variables_has_to_say_whose_it_is(reader: Reading) -> None:
    name = "demo-env-0a1b2c"
    bare = tree("Secret", name)
    bare["metadata"]["annotations"] = {}
    reader.source.trees["Secret", name] = bare
    with pytest.raises(NotFound):
        await reader.read(ANN, KEY, "Secret", name)
    bare["metadata"]["labels"] = {ENV_OF: "demo"}
    assert (await reader.read(ANN, KEY, "Secret", name)).name == name


async def test_who_may_not_read_the_manifest_may_not_read_objects(reader: Reading) -> None:
    with pytest.raises(Forbidden):
        await reader.read(BOB, KEY, "Pod", POD)
    assert (reader.source.asked, reader.revisions.read) == ([], 0)


async def test_a_body_is_kept_for_a_moment_and_permission_is_asked_each_time(
    reader: Reading,
) -> None:
    for _ in range(5):
        await reader.read(ANN, KEY, "Pod", POD)
    assert reader.source.asked == [("Pod", POD)]
    with pytest.raises(Forbidden):
        await reader.read(BOB, KEY, "Pod", POD)
    reader.clock.now += FRESH
    await reader.read(ANN, KEY, "Pod", POD)
    assert reader.source.asked == [("Pod", POD)] * 2


async def test_states_are_read_once_for_all_who_look_and_again_after_a_while(
    reader: Reading,
) -> None:
    for _ in range(50):
        assert reader.known(KEY).states == {}
    await reader.settled()
    known = reader.known(KEY)
    assert known.states[Ref("ConfigMap", "settings", "apps")].words == "1 key"
    assert known.states[Ref("Secret", "demo-env-0a1b2c", "apps")].state.text == "Missing"
    assert (reader.revisions.read, len(reader.source.asked)) == (1, 3)
    assert reader.told == [frozenset({KEY})]
    reader.clock.now += EVERY + 1
    reader.known(KEY)
    await reader.settled()
    assert (reader.revisions.read, len(reader.source.asked)) == (1, 6), "the revision is the same"


async def test_a_release_that_is_installed_again_is_another_one(reader: Reading) -> None:
    site, revisions = reader.site, reader.revisions
    reader.known(KEY)
    await reader.settled()
    record = replace(make.release(owners=Owners(label_of("ann"))), uid="later")
    site.store.apply(Kind.RELEASE, record.secret, record)
    later = MANIFEST.replace("settings", "others")
    revisions.revision = make.detail(manifest=later, uid="later")
    reader.source.trees["ConfigMap", "others"] = tree("ConfigMap", "others")
    with pytest.raises(NotFound):
        await reader.read(ANN, KEY, "ConfigMap", "settings")
    assert (await reader.read(ANN, KEY, "ConfigMap", "others")).name == "others"
    reader.clock.now += FRESH + 1
    reader.known(KEY)
    await reader.settled()
    assert Ref("ConfigMap", "others", "apps") in reader.known(KEY).states


async def test_a_record_that_cannot_be_read_is_told_and_tried_again(reader: Reading) -> None:
    async def fails(key: Key) -> None:
        raise ClusterUnavailable("nobody is there")

    working, reader.revisions.newest = reader.revisions.newest, fails  # type: ignore[method-assign]
    reader.known(KEY)
    await reader.settled()
    assert "nobody is there" in reader.known(KEY).problem
    reader.revisions.newest = working  # type: ignore[method-assign]
    reader.clock.now += EVERY + 1
    reader.known(KEY)
    await reader.settled()
    assert reader.known(KEY).problem == ""


async def test_closing_ends_what_is_being_read(reader: Reading) -> None:
    reader.known(KEY)
    await reader.close()
    assert reader.told == []
