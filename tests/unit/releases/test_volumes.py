"""Volumes that an app may mount."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.errors import InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import AutoscalingSpec, VolumeMount
from portal.domain.proposals import VolumeClaim
from portal.releases.volumes import VolumeNotes, Volumes, notes
from tests.unit.releases.test_actions import ANN, BOB, SPEC, World

WANTS = replace(SPEC, volume=VolumeMount("shared", "/data"))


def claim(name: str = "shared", *modes: str, phase: str = "Bound") -> VolumeClaim:
    return VolumeClaim(Key("apps", name), "", "1Gi", modes=modes, phase=phase)


def said(found: VolumeNotes) -> str:
    return " ".join([*found.errors.values(), *found.warnings.values()])


def test_nothing_is_said_of_a_volume_that_fits() -> None:
    fits = (claim("shared", "ReadWriteOnce", "ReadWriteMany"),)
    assert notes(replace(WANTS, replicas=3), fits) == VolumeNotes({}, {})
    assert notes(WANTS, (claim("shared", "ReadWriteOnce"),)) == VolumeNotes({}, {})
    assert notes(SPEC, ()) == VolumeNotes({}, {})


def test_one_that_cannot_be_looked_up_is_believed() -> None:
    assert notes(WANTS, None) == VolumeNotes({}, {})


def test_one_that_is_not_there_is_told_with_those_that_are() -> None:
    assert "administrator can make one" in notes(WANTS, ()).errors["claim"]
    many = tuple(claim(f"c{number}") for number in range(10, 20))
    words = notes(WANTS, many).errors["claim"]
    assert "no volume claim shared in apps" in words
    assert words.endswith("c10, c11, c12, c13, c14, c15, c16, c17 and others.")


@pytest.mark.parametrize(
    ("found", "field", "words"),
    [
        (claim(phase="Lost"), "claim", "lost"),
        (claim("shared", "ReadOnlyMany"), "read_only", "switch this on"),
    ],
)
def test_what_is_refused(found: VolumeClaim, field: str, words: str) -> None:
    assert words in notes(WANTS, (found,)).errors[field]
    reading = replace(WANTS, volume=VolumeMount("shared", "/data", read_only=True))
    assert ("read_only" in notes(reading, (found,)).errors) is False


@pytest.mark.parametrize(
    ("found", "replicas", "words"),
    [
        (claim("shared", "ReadWriteOncePod"), 1, "Only one pod"),
        (claim("shared", "ReadWriteOnce"), 3, "all 3 pods have to fit there"),
        (claim(phase="Pending"), 1, "no volume yet"),
    ],
)
def test_what_surprises(found: VolumeClaim, replicas: int, words: str) -> None:
    told = notes(replace(WANTS, replicas=replicas), (found,))
    assert told.errors == {}
    assert words in told.warnings["claim"]


def test_an_autoscaler_counts_with_its_most() -> None:
    scaled = replace(WANTS, autoscaling=AutoscalingSpec(1, 4, 70, None))
    assert "all 4 pods" in said(notes(scaled, (claim("shared", "ReadWriteOnce"),)))


async def test_claims_are_asked_for_once_in_a_while() -> None:
    asked: list[tuple[str, str]] = []
    now = 0.0

    async def lookup(namespace: str, *, identity: Identity | None) -> tuple[VolumeClaim, ...]:
        asked.append((identity.user if identity else "", namespace))
        return (claim(),)

    volumes = Volumes(lookup, memory=5, clock=lambda: now)
    assert (await volumes.notes(ANN, SPEC), asked) == (VolumeNotes({}, {}), [])
    assert await volumes.claims(ANN, "apps") == await volumes.claims(ANN, "apps") == (claim(),)
    await volumes.claims(ANN, "lab")
    await volumes.claims(BOB, "apps")  # what one may list is no answer for another
    before = [("ann", "apps"), ("ann", "lab"), ("bob", "apps")]
    assert asked == before
    now = 5.1
    await volumes.notes(ANN, WANTS)
    assert asked == [*before, ("ann", "apps")]


async def test_an_app_whose_volume_is_missing_is_not_launched() -> None:
    world = World()
    try:
        world.past.volume_claims = (claim("other"),)
        with pytest.raises(InvalidInput) as refused:
            await world.actions.launch(ANN, WANTS)
        assert set(refused.value.fields) == {"claim"}
        assert world.helm.calls == []
        assert world.leases.now == {}
    finally:
        await world.close()
