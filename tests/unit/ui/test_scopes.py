"""Content for one scope never reaches another: every topic, and the frames without a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.routing import Route

from portal.auth.authorizer import KnownRights
from portal.auth.identify import HeaderAuthenticator
from portal.auth.policy import Policy
from portal.catalog.catalog import Catalog
from portal.domain.errors import ClusterUnavailable, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.operations import Operation, OperationPhase
from portal.domain.owners import Owners, label_of
from portal.domain.permissions import Scope
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.live.endpoint import FRAME_PATH, frame_endpoint
from portal.live.hub import Hub
from portal.live.schedule import RenderSchedule
from portal.live.subscription import Subscription
from portal.live.topics import (
    ADMIN,
    APPS,
    KINDS,
    MINE,
    OVERVIEW,
    app_topic,
    autoscaling_topic,
    kind,
    objects_topic,
)
from portal.registry.fetch import HttpFetch
from portal.releases.upgrade import UPGRADE
from portal.scoped_views import ScopedViews
from portal.state.store import Store
from portal.ui import ids
from portal.ui.app import layout as app_page
from portal.ui.app.live import APP_PARTS
from portal.ui.live_views import opener, spelled
from portal.viewmodels.query import EVERYTHING
from portal.viewmodels.urls import ExternalAddresses
from portal.web.authorization import Authorization
from portal.web.metrics import Metrics
from portal.web.middleware import RequestMiddleware, current_identity
from tests.unit.auth.test_authorizer import Asked
from tests.unit.ui.fakes import context

ANN, BOB = Identity("ann"), Identity("bob", ("team",))
CARL = Identity("carl")
ROOT = Identity("root", ("admins",))
KEY, BOBS = Key("apps", "sales"), Key("apps", "bobs")
ANNS = Owners(label_of("ann"))
NOTES = "sign in with notes-password"
VALUE = "value-of-ann"
FAILURE = "Failure-that-quotes-a-value"

TOPICS = {
    app_topic(KEY): (ANN, BOB),
    objects_topic(KEY): (ANN, BOB),
    autoscaling_topic(KEY): (ANN, BOB),
    APPS: (ANN, BOB),
    ADMIN: (ROOT, BOB),
    OVERVIEW: (ROOT, BOB),
    MINE: (ANN, BOB),
}
"""Each kind of topic, and two users of whom the first may see more."""

PEOPLE = (ANN, BOB, CARL, ROOT)
UNANSWERED = "What you may do could not be found out: the cluster does not answer."
PROMPT = RenderSchedule(floor=0, list_floor=0, share=0, viewer=0, step=0, yields=0, tick=60)


class Site:
    """A real store, policy and views, with an authorizer that can be slow or fail."""

    def __init__(self) -> None:
        self.store = Store()
        self.release(KEY, ANNS, ReleaseStatus.FAILED)
        self.release(BOBS, Owners(label_of("bob")))
        now = datetime(2026, 1, 1, tzinfo=UTC)
        self.store.put_operation(
            Operation("op", KEY, UPGRADE, "ann", OperationPhase.FAILED, now, now, error=FAILURE)
        )
        self.authorizer = Asked()
        self.rights = KnownRights(self.authorizer, patience=60)
        self.views = ScopedViews(self.store, self.rights, ExternalAddresses(), lambda keys: None)
        base, _ = context()
        self.ui = replace(
            base,
            scope=self.views.scope,
            app_view=self.views.app,
            list_view=self.views.releases,
            overview=self.views.overview,
            mine_view=self.views.mine,
            objects_view=self.views.objects,
            autoscalers_view=self.views.autoscalers,
            what_if=self.views.what_if,
            catalog=Catalog((), HttpFetch(), Path("nowhere")),
        )
        self.hub = Hub(opener(self.ui), self.views.scope, spell=spelled, schedule=PROMPT)
        self.store.on_change(self.hub.changed)
        self.rights.on_change(self.hub.rescope)

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

    async def answered(self, *people: Identity) -> None:
        """Look up the rights of users, as a request or an open page does."""
        for each in people:
            await self.rights.ask_again(each)

    def client(self, identity: Identity) -> httpx2.AsyncClient:
        """Return a user's browser, which has no WebSocket."""
        read = frame_endpoint(self.hub, lambda _: current_identity(), patience=10)
        app = Starlette(routes=[Route(FRAME_PATH, read)])
        edge = RequestMiddleware(
            Authorization(app, self.rights.ask), HeaderAuthenticator("s"), lambda: "", Metrics()
        )
        headers = {"X-Portal-Secret": "s", "X-Forwarded-User": identity.user}
        headers["X-Forwarded-Groups"] = ",".join(identity.groups)
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(edge), base_url="http://localhost", headers=headers
        )

    async def frame(self, topic: str, identity: Identity) -> str:
        """Return what a user reads there."""
        async with self.client(identity) as client:
            answer = await client.get(FRAME_PATH, params={"view": topic})
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.answered(*PEOPLE)
    yield site
    site.hub.close()


async def seen_by(subscription: Subscription) -> str:
    """Return the next frame that a browser gets."""
    async with asyncio.timeout(10):
        return str(await subscription.next())


def secrets_in(frame: str) -> list[str]:
    return [each for each in (NOTES, VALUE, FAILURE) if each in frame]


def test_every_kind_of_topic_is_held_to_this() -> None:
    """Nothing else can be watched: one that is added has to be named above."""
    assert sorted(kind(topic) for topic in TOPICS) == sorted(KINDS)


@pytest.mark.parametrize("topic", TOPICS)
async def test_two_people_with_different_rights_get_different_views(site: Site, topic: str) -> None:
    more, less = TOPICS[topic]
    assert site.views.scope(topic, more) != site.views.scope(topic, less)
    site.hub.start()
    frames = list[str]()
    for who in (more, less, less, more):
        subscription = site.hub.subscribe(who)
        site.hub.watch(subscription, topic)
        frames.append(await seen_by(subscription))
    assert frames[0] == frames[3]
    assert frames[1] == frames[2]
    assert frames[0] != frames[1]
    assert secrets_in(frames[0])
    assert secrets_in(frames[1]) == []


@pytest.mark.parametrize("topic", TOPICS)
async def test_the_frames_without_a_connection_are_ones_own(site: Site, topic: str) -> None:
    more, less = TOPICS[topic]
    site.hub.start()
    frames = [await site.frame(topic, who) for who in (more, less, less, more)]
    assert frames[0] == frames[3]
    assert frames[1] == frames[2]
    assert secrets_in(frames[0])
    assert secrets_in(frames[1]) == []


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_permission_that_is_taken_away_empties_the_open_page(
    site: Site, topic: str
) -> None:
    more, less = TOPICS[topic]
    site.hub.start()
    subscription, other = site.hub.subscribe(more), site.hub.subscribe(less)
    for each in (subscription, other):
        site.hub.watch(each, topic)
    seen = await seen_by(subscription)
    assert secrets_in(seen)
    await seen_by(other)
    # Not there is what is in no namespace that may be seen.
    site.authorizer.policy = Policy(NamespaceRules(("lab",)), open_mode=False)
    await site.answered(more)
    left = await seen_by(subscription)
    assert secrets_in(left) == []
    shown = json.loads(left)["patches"]
    if topic == app_topic(KEY):
        assert shown[ids.APP_GONE]["content"]
    elif topic == MINE:
        assert shown[ids.MINE]["data"]["apps"] == []
    elif topic == objects_topic(KEY):
        assert "still reading" in json.dumps(shown[ids.OBJECTS_HEAD])
    elif topic == autoscaling_topic(KEY):
        assert "no such app" in json.dumps(shown[ids.AUTOSCALING_NONE])
    else:
        assert shown[ids.RELEASES]["rows"] == []
    other.nudge()
    assert await seen_by(other) == "", "others see what they saw"


@pytest.mark.parametrize("topic", TOPICS)
async def test_an_answer_that_fails_empties_the_page_and_says_so(site: Site, topic: str) -> None:
    more, _ = TOPICS[topic]
    site.hub.start()
    subscription = site.hub.subscribe(more)
    site.hub.watch(subscription, topic)
    seen = await seen_by(subscription)
    site.authorizer.error = ClusterUnavailable("the cluster does not answer")
    await site.answered(more)
    left = await seen_by(subscription)
    assert secrets_in(left) == []
    assert UNANSWERED in left
    gone = json.loads(left)["patches"].get(ids.APP_GONE, {})
    assert not gone.get("content"), "nobody knows that"
    assert "No releases" not in left
    assert UNANSWERED in await site.frame(topic, more)
    site.authorizer.error = None
    await site.answered(more)
    assert await seen_by(subscription) == seen


@pytest.mark.parametrize("topic", TOPICS)
async def test_an_answer_that_takes_a_while_holds_nobody_else_up(site: Site, topic: str) -> None:
    more, less = TOPICS[topic]
    newcomer = Identity(more.user, (*more.groups, "new"))
    site.hub.start()
    site.authorizer.gate.clear()
    slow = asyncio.create_task(site.frame(topic, newcomer))
    assert secrets_in(await site.frame(topic, less)) == [], "whose answer is known"
    subscription = site.hub.subscribe(newcomer)
    site.hub.watch(subscription, topic)
    waiting = await seen_by(subscription)
    assert "has not been found out yet" in waiting
    assert secrets_in(waiting) == []
    assert not slow.done()
    site.authorizer.gate.set()
    assert secrets_in(await slow)
    assert secrets_in(await seen_by(subscription))


@pytest.mark.parametrize("topic", TOPICS)
async def test_five_hundred_who_look_cost_one_question(site: Site, topic: str) -> None:
    more, _ = TOPICS[topic]
    site.hub.start()
    everybody = [site.hub.subscribe(more) for _ in range(500)]
    for each in everybody:
        site.hub.watch(each, topic)
        assert secrets_in(await seen_by(each))
    assert site.hub.identities == {more}
    before = len(site.authorizer.asked)
    rendered = site.hub.counts.renderings
    site.authorizer.error = ClusterUnavailable("the cluster does not answer")
    await asyncio.gather(*(site.rights.ask_again(each) for each in site.hub.identities))
    for each in everybody:
        assert UNANSWERED in await seen_by(each)
    assert len(site.authorizer.asked) == before + 1
    assert site.hub.counts.renderings == rendered + 1


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
    assert fields == {"permissions", "why", "namespaces", "own", "unanswered"}


async def test_what_is_withheld_on_the_page_of_anothers_app(site: Site) -> None:
    view = site.ui.app(BOB, KEY)
    assert (str(view.values), view.notes) == ("", "")
    assert view.scale.mode == "read-only"
    assert view.scale.why.startswith("sales belongs to ann.")
    assert view.launched_by == "ann"
    pushed = {id: part(view) for id, part in APP_PARTS.items()}
    for id in (
        ids.APP_BUTTONS,
        ids.APP_MANIFEST,
        ids.APP_HISTORY,
        ids.APP_SHARED,
        ids.APP_HAND_OVER,
        ids.APP_PEOPLE,
    ):
        assert pushed[id] == {"className": "gone"}, id
    page = str(app_page.layout(site.ui, BOB, KEY))
    for secret in (NOTES, VALUE, FAILURE):
        assert secret not in page


async def test_what_the_owner_is_offered(site: Site) -> None:
    view = site.ui.app(ANN, KEY)
    pushed = {id: part(view) for id, part in APP_PARTS.items()}
    assert pushed[ids.APP_BUTTONS] == {"className": "head-buttons"}
    for id in (ids.APP_MANIFEST, ids.APP_HISTORY, ids.APP_SHARED, ids.APP_HAND_OVER):
        assert pushed[id] == {"className": ""}, id
    assert NOTES in str(app_page.layout(site.ui, ANN, KEY))


async def test_a_list_knows_who_may_see_no_namespace(site: Site) -> None:
    for namespaces, nowhere in ((None, False), (frozenset({"apps"}), False), (frozenset(), True)):
        scope = Scope(namespaces=namespaces)
        assert site.ui.list_view(scope, EVERYTHING).nowhere is nowhere


async def test_the_portals_own_release_is_looked_at_and_not_changed(site: Site) -> None:
    site.authorizer.policy = Policy(NamespaceRules(own="apps"))
    await site.answered(ANN)
    view = site.ui.app(ANN, KEY)
    assert view.notes == NOTES
    assert APP_PARTS[ids.APP_BUTTONS](view) == {"className": "gone"}
    assert "where it runs itself" in view.scale.why


async def test_sharing_reaches_those_who_look_already(site: Site) -> None:
    site.hub.start()
    subscription = site.hub.subscribe(BOB)
    site.hub.watch(subscription, app_topic(KEY))
    assert NOTES not in await seen_by(subscription)
    site.release(KEY, Owners(label_of("ann"), (label_of("group:team"),)))
    assert NOTES in await seen_by(subscription)
    site.release(KEY, ANNS)
    seen = await seen_by(subscription)
    assert "You may not see its values: ask its owner" in seen
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
    assert "You may not see its values: ask its owner" in await seen_by(subscription)
    annotations = {"commonAnnotations": {"dash-portal.io/launched-by": "ann"}}
    site.store.put_detail(ReleaseRevision(old, 1, chart="x", values=annotations, notes=NOTES))
    assert NOTES in await seen_by(subscription)


def test_the_lists_show_nobody_the_words_of_anothers_failure(site: Site) -> None:
    assert FAILURE in site.rendered(APPS, ANN)
    assert FAILURE in site.rendered(ADMIN, ROOT)
    for who in (ANN, BOB):
        assert FAILURE not in site.rendered(ADMIN, who)


def test_lists_are_of_namespaces_that_are_seen(site: Site) -> None:
    listed = replace(site.views.scope(ADMIN, BOB), namespaces=frozenset({"lab"}))
    assert "sales" not in json.dumps(opener(site.ui)(ADMIN, listed)())


async def test_an_owner_who_is_not_known_yet_is_not_refused_their_log() -> None:
    site = Site()
    await site.answered(ANN, BOB)
    assert site.views.logs_refusal(ANN, KEY) == ""
    assert site.views.logs_refusal(BOB, KEY)
    new = ReleaseRecord(KEY, 2, ReleaseStatus.DEPLOYED, None, "sh.helm.release.v1.x.v2")
    site.store.apply(Kind.RELEASE, Key(KEY.namespace, new.secret_name), new)
    with pytest.raises(PortalError, match="not known yet"):
        site.views.logs_refusal(ANN, KEY)
