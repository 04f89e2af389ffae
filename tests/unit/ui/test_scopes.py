"""Content for one scope never reaches another: every topic, and the frames without a connection."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.catalog.catalog import Catalog
from portal.catalog.fetch import HttpFetch
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.operations import Operation, OperationPhase
from portal.domain.owners import Owners, label_of
from portal.domain.permissions import Scope
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.live import topics
from portal.live.hub import Hub
from portal.live.topics import ADMIN, APPS, app_topic
from portal.releases.upgrade import UPGRADE
from portal.scoped_views import ScopedViews
from portal.state.store import Store
from portal.ui import ids
from portal.ui.app import layout as app_page
from portal.ui.app.live import APP_PARTS
from portal.ui.live_views import opener, spelled
from portal.viewmodels.urls import ExternalAddresses
from tests.unit.ui.fakes import context

ANN, BOB = Identity("ann"), Identity("bob", ("team",))
CARL = Identity("carl")
ROOT = Identity("root", ("admins",))
KEY, BOBS = Key("apps", "sales"), Key("apps", "bobs")
ANNS = Owners(label_of("ann"))
NOTES = "sign in with notes-password"
VALUE = "value-of-ann"
FAILURE = "Failure-that-quotes-a-value"

TOPICS = {app_topic(KEY): (ANN, BOB), APPS: (ANN, BOB), ADMIN: (ROOT, BOB)}
"""Each kind of topic, and two people with different rights on it."""


class Site:
    """A real store, policy and views."""

    def __init__(self) -> None:
        self.store = Store()
        self.release(KEY, ANNS, ReleaseStatus.FAILED)
        self.release(BOBS, Owners(label_of("bob")))
        now = datetime(2026, 1, 1, tzinfo=UTC)
        self.store.put_operation(
            Operation("op", KEY, UPGRADE, "ann", OperationPhase.FAILED, now, now, error=FAILURE)
        )
        policy = Policy(NamespaceRules(), open_mode=False, admin_groups=("admins",))
        self.views = ScopedViews(self.store, policy, ExternalAddresses(), lambda keys: None)
        base, _ = context()
        self.ui = replace(
            base,
            scope=self.views.scope,
            app_view=self.views.app,
            list_view=self.views.releases,
            catalog=Catalog((), HttpFetch(), Path("nowhere")),
        )
        self.hub = Hub(opener(self.ui), self.views.scope, spell=spelled)
        self.store.on_change(self.hub.changed)

    def release(
        self, key: Key, owners: Owners, status: ReleaseStatus = ReleaseStatus.DEPLOYED
    ) -> None:
        secret = Key(key.namespace, f"sh.helm.release.v1.{key.name}.v1")
        made = ReleaseRecord(key, 1, status, None, secret.name, owners=owners)
        self.store.apply(Kind.RELEASE, secret, made)
        values = {"image": {"repository": "r", "tag": "1", "note": VALUE}, "greeting": VALUE}
        self.store.put_detail(
            ReleaseRevision(
                key, 1, chart="dash-app", values=values, notes=NOTES, description=FAILURE
            )
        )

    def rendered(self, topic: str, identity: Identity) -> str:
        return json.dumps(opener(self.ui)(topic, self.views.scope(topic, identity))())


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.hub.close()


def test_every_kind_of_topic_is_held_to_this() -> None:
    """One that is added has to be named above."""
    patterns = [each.pattern for each in vars(topics).values() if isinstance(each, re.Pattern)]
    kinds = {
        kind for pattern in patterns for kind in re.findall(r"\b(?!app\b)[a-z]{3,}\b", pattern)
    }
    # The patterns of names hold no words; app/… is the one with two of them.
    assert {"app", *kinds} == {topic.partition("/")[0] for topic in TOPICS}


@pytest.mark.parametrize("topic", TOPICS)
async def test_two_people_with_different_rights_get_different_views(site: Site, topic: str) -> None:
    more, less = TOPICS[topic]
    assert site.views.scope(topic, more) != site.views.scope(topic, less)
    site.hub.start()
    # The frames without a connection come from the same channels.
    frames = [await site.hub.first_frame(topic, who) for who in (more, less, less, more)]
    assert frames[0] == frames[3]
    assert frames[1] == frames[2]
    assert frames[0] != frames[1]
    for secret in (NOTES, VALUE, FAILURE):
        assert secret not in str(frames[1])
    assert any(secret in str(frames[0]) for secret in (NOTES, FAILURE))


@pytest.mark.parametrize("topic", [app_topic(KEY), ADMIN])
async def test_those_with_the_same_rights_share_one_rendering(site: Site, topic: str) -> None:
    site.hub.start()
    await site.hub.first_frame(topic, BOB)
    before = site.hub.counts.renderings
    await site.hub.first_frame(topic, CARL)
    assert site.hub.counts.renderings == before


def test_a_view_is_made_of_topic_and_scope_alone() -> None:
    """Nothing of who opens it can be in it."""
    fields = set(Scope.__struct_fields__)
    assert fields == {"permissions", "why", "namespaces", "own"}


def test_what_is_withheld_on_the_page_of_anothers_app(site: Site) -> None:
    view = site.ui.app(BOB, KEY)
    assert (str(view.values), view.notes) == ("", "")
    assert view.scale.mode == "read-only"
    assert view.scale.why.startswith("ann launched sales.")
    assert view.launched_by == "ann"
    pushed = {id: part(view) for id, part in APP_PARTS.items()}
    for id in (ids.APP_BUTTONS, ids.APP_MANIFEST, ids.APP_HISTORY, ids.APP_SHARED):
        assert pushed[id] == {"className": "gone"}, id
    page = str(app_page.layout(site.ui, BOB, KEY))
    for secret in (NOTES, VALUE, FAILURE):
        assert secret not in page


def test_what_the_owner_is_offered(site: Site) -> None:
    view = site.ui.app(ANN, KEY)
    pushed = {id: part(view) for id, part in APP_PARTS.items()}
    assert pushed[ids.APP_BUTTONS] == {"className": "head-buttons"}
    for id in (ids.APP_MANIFEST, ids.APP_HISTORY, ids.APP_SHARED):
        assert pushed[id] == {"className": ""}, id
    assert NOTES in str(app_page.layout(site.ui, ANN, KEY))


def test_the_portals_own_release_is_looked_at_and_not_changed(site: Site) -> None:
    policy = Policy(NamespaceRules(own="apps"))
    views = ScopedViews(site.store, policy, ExternalAddresses(), lambda keys: None)
    view = views.app(views.scope(app_topic(KEY), Identity("anonymous", anonymous=True)), KEY)
    assert view.notes == NOTES
    assert APP_PARTS[ids.APP_BUTTONS](view) == {"className": "gone"}
    assert "where it runs itself" in view.scale.why


async def test_sharing_reaches_those_who_look_already(site: Site) -> None:
    site.hub.start()
    subscription = site.hub.subscribe(BOB)
    site.hub.watch(subscription, app_topic(KEY))
    assert NOTES not in str(await subscription.next())
    site.release(KEY, Owners(label_of("ann"), (label_of("group:team"),)))
    assert NOTES in str(await subscription.next())
    site.release(KEY, ANNS)
    seen = str(await subscription.next())
    assert "Only users who may change the app see them." in seen
    assert NOTES not in seen


async def test_an_owner_who_is_known_only_when_the_body_is_read(site: Site) -> None:
    """Of a release that was made before there were labels."""
    old = Key("apps", "old")
    secret = Key("apps", "sh.helm.release.v1.old.v1")
    site.store.apply(
        Kind.RELEASE, secret, ReleaseRecord(old, 1, ReleaseStatus.DEPLOYED, None, secret.name)
    )
    site.hub.start()
    subscription = site.hub.subscribe(ANN)
    site.hub.watch(subscription, app_topic(old))
    assert "Only users who may change the app see them." in str(await subscription.next())
    annotations = {"commonAnnotations": {"dash-portal.io/launched-by": "ann"}}
    site.store.put_detail(ReleaseRevision(old, 1, chart="x", values=annotations, notes=NOTES))
    assert NOTES in str(await subscription.next())


def test_the_lists_show_nobody_the_words_of_anothers_failure(site: Site) -> None:
    assert FAILURE in site.rendered(APPS, ANN)
    assert FAILURE in site.rendered(ADMIN, ROOT)
    for who in (ANN, BOB):
        assert FAILURE not in site.rendered(ADMIN, who)


def test_lists_are_of_namespaces_that_are_seen(site: Site) -> None:
    listed = replace(site.views.scope(ADMIN, BOB), namespaces=frozenset({"lab"}))
    assert "sales" not in json.dumps(opener(site.ui)(ADMIN, listed)())
