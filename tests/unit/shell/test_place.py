from __future__ import annotations

import pytest

from portal.domain.errors import Conflict, Forbidden, NotFound
from portal.domain.keys import Key
from portal.shell.place import Place, Places, place_of
from tests.unit.objects.make import ANN, BOB, KEY, POD, Site
from tests.unit.viewmodels import make

ASKED = {"namespace": "apps", "name": "demo", "pod": POD}


@pytest.mark.parametrize(
    "change",
    [
        {"namespace": ""},
        {"name": "../demo"},
        {"pod": ""},
        {"pod": "a/../../secrets"},
        {"pod": "x" * 300},
        {"container": "A"},
        {"container": "c" * 64},
        {"container": "a b"},
    ],
)
def test_what_is_no_name_is_no_place(change: dict[str, str]) -> None:
    assert place_of({**ASKED, **change}) is None
    assert place_of(ASKED) == Place(KEY, POD)


async def test_the_first_container_that_runs_is_meant_if_none_is_named() -> None:
    site = Site()
    sidecar = make.container(name="proxy", sidecar=True)
    site.put_pod(containers=(sidecar, make.container(name="web"), make.container(name="log")))
    found = await Places(site.store, site.access).find(ANN, Place(KEY, POD))
    assert found == Place(KEY, POD, "web")
    named = Place(KEY, POD, "proxy")
    assert await Places(site.store, site.access).find(ANN, named) == named


@pytest.mark.parametrize(
    ("place", "error"),
    [
        (Place(KEY, "stranger"), NotFound),
        (Place(KEY, POD, "other"), NotFound),
        (Place(Key("apps", "none"), POD), Forbidden),
        (Place(KEY, POD, "setup"), Conflict),
    ],
)
async def test_what_is_not_of_the_release_or_does_not_run(
    place: Place, error: type[Exception]
) -> None:
    site = Site()
    setup = make.container(name="setup", state="terminated", init=True)
    site.put_pod(containers=(make.container(name="web"), setup))
    with pytest.raises(error):
        await Places(site.store, site.access).find(ANN, place)


async def test_running_commands_takes_the_setting_and_the_permission() -> None:
    site = Site(allow_exec=False)
    places = Places(site.store, site.access)
    with pytest.raises(Forbidden, match="switched off"):
        await places.find(ANN, Place(KEY, POD))
    site.authorizer.policy = site.policy(allow_exec=True)
    assert (await places.find(ANN, Place(KEY, POD))).container == "demo"
    with pytest.raises(Forbidden):
        await places.find(BOB, Place(KEY, POD))
