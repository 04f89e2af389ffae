"""Whose a release is, in Helm's own records: what Helm does with labels is what is relied on."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.domain.errors import Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.owners import Owners, Role, label_of
from portal.releases.forms import ScaleRequest
from portal.state.ownership import owners_of
from tests.cluster.test_actions import Portal, portal, sample

pytestmark = pytest.mark.cluster

ANN, BOB = Identity("ann@example.org"), Identity("bob", ("team a",))
ANNS = Owners(label_of(ANN.user))


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"owners-{uuid.uuid4().hex[:8]}"
    subprocess.run(["kubectl", "create", "namespace", name], check=True, timeout=60)
    yield name
    subprocess.run(["kubectl", "delete", "namespace", name, "--wait=false"], check=True, timeout=60)


async def seen(here: Portal, key: Key, owners: Owners) -> None:
    await here.until(lambda: owners_of(here.app(key)) == owners, f"that it belongs to {owners}")


async def test_an_owner_stays_the_owner_and_sharing_can_be_taken_back(
    namespace: str, tmp_path: Path
) -> None:
    async with portal(namespace, tmp_path, told_apart=True) as here:
        actions, key = here.actions, here.key("shared")
        await here.ended(await actions.launch(ANN, sample(key, replicas=0)))
        await seen(here, key, ANNS)
        with pytest.raises(Forbidden, match=r"shared belongs to ann@example.org"):
            await actions.scale(BOB, key, ScaleRequest(replicas=0))

        await here.ended(await actions.share(ANN, key, {Role.OPERATE: "group:team a"}))
        await seen(here, key, Owners(ANNS.owner, (label_of("group:team a"),)))
        await here.ended(await actions.launch(BOB, sample(key, replicas=0, port=8051)))
        await seen(here, key, Owners(ANNS.owner, (label_of("group:team a"),)))
        assert here.app(key).release.revision == 2  # type: ignore[union-attr]

        # Neither Helm's next revision nor a way back brings anybody back.
        await here.ended(await actions.share(ANN, key, {}))
        await here.ended(await actions.launch(ANN, sample(key, replicas=0, port=8052)))
        await seen(here, key, ANNS)
        await here.ended(await actions.rollback(ANN, key, 2))
        await here.until(lambda: here.app(key).release.revision == 4, "revision 4")  # type: ignore[union-attr]
        await seen(here, key, ANNS)
        with pytest.raises(Forbidden):
            await actions.previews.history(BOB, key)
        for revision in await actions.previews.history(ANN, key):
            assert revision.owners == ANNS
            assert revision.values["commonAnnotations"] == {LAUNCHED_BY: ANN.user}
        await here.ended(await actions.uninstall(ANN, key))
