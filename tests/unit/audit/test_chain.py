"""The chain of entries, and what shows that somebody has changed it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from portal.audit.chain import (
    BEGINNING,
    Check,
    Draft,
    Entry,
    Head,
    canonical,
    chained,
    digest,
    fields_of,
)
from portal.domain.audit import Event, Outcome
from portal.domain.identity import Identity
from portal.domain.keys import Key

AT = datetime(2026, 11, 29, 12, 0, 0, 1000, tzinfo=UTC)
ANN = Identity("ann", ("team-a",))


def entries(number: int, head: Head | None = None) -> list[Entry]:
    event = Event("scale", Outcome.BEGUN, ANN, Key("apps", "web"), "op")
    fields = fields_of(Draft(event, AT, portal="portal-1"))
    return [*chained(head or Head(), [{**fields, "operation": f"op-{i}"} for i in range(number)])]


def head(chain: list[Entry]) -> Head:
    return Head(chain[-1].position, chain[-1].hash)


def problems(chain: list[Entry], end: Head, noted: dict[int, str] | None = None) -> tuple[str, ...]:
    check = Check(noted)
    check.take(chain)
    return check.end(end)


def test_an_entry_holds_the_hash_of_the_one_before() -> None:
    first, second = entries(2)
    assert first.content["previous"] == BEGINNING
    assert second.content["previous"] == first.hash == digest(first.body)
    assert (first.position, second.position) == (1, 2)
    assert second.time == 1795953600001
    assert (second.actor, second.namespace, second.release) == ("ann", "apps", "web")
    assert first.body == canonical(json.loads(first.body))


def test_what_is_empty_is_left_out() -> None:
    assert fields_of(Draft(Event("restart", Outcome.FAILED, None), AT)) == {
        "time": "2026-11-29T12:00:00.001+00:00",
        "action": "restart",
        "outcome": "failed",
    }


def test_names_are_made_fit_for_every_database() -> None:
    event = Event("scale", Outcome.BEGUN, Identity("a\0\ud800" + "x" * 900))
    actor = str(fields_of(Draft(event, AT))["actor"])
    assert actor.startswith("a\ufffd?x")
    assert len(actor) == 500


def test_a_chain_that_nobody_has_touched() -> None:
    chain = entries(5)
    assert problems(chain, head(chain), {3: chain[2].hash}) == ()
    assert problems([], Head()) == ()
    more = entries(2, head(chain))
    assert problems([*chain, *more], head(more)) == ()


def changed(entry: Entry, **fields: object) -> Entry:
    body = canonical({**json.loads(entry.body), **fields})
    return replace(entry, body=body, hash=digest(body))


def rewritten(chain: list[Entry]) -> list[Entry]:
    """As by somebody who makes the whole rest of the chain anew."""
    first = chain[0]
    fields = [{**json.loads(each.body), "actor": "eve"} for each in chain[1:]]
    return [first, *chained(Head(1, first.hash), fields)]


TAMPERED: dict[str, tuple[Callable[[list[Entry]], list[Entry]], str]] = {
    "a content changed": (
        lambda c: [c[0], replace(c[1], body=c[1].body.replace("ann", "eve")), *c[2:]],
        "Entry 2 was changed: its hash",
    ),
    "a content changed with its hash": (
        lambda c: [c[0], changed(c[1], detail={"goal": "nothing"}), *c[2:]],
        "Entry 3 does not follow",
    ),
    "a column changed": (
        lambda c: [c[0], replace(c[1], actor="eve"), *c[2:]],
        "Entry 2 was changed: its columns",
    ),
    "a content that cannot be read": (
        lambda c: [c[0], replace(c[1], body="[]"), *c[2:]],
        "Entry 2 was changed: its content cannot be read",
    ),
    "one removed": (lambda c: [c[0], *c[2:]], "Entry 2 is missing"),
    "the first ones removed": (lambda c: c[2:], "Entries 1 to 2 are missing"),
    "one removed, and the others moved up": (
        lambda c: [
            c[0],
            *(replace(changed(e, position=e.position - 1), position=e.position - 1) for e in c[2:]),
        ],
        "Entry 2 does not follow",
    ),
    "two that change places": (
        lambda c: [
            c[0],
            replace(changed(c[2], position=2), position=2),
            replace(changed(c[1], position=3), position=3),
            *c[3:],
        ],
        "Entry 2 does not follow",
    ),
    "the end removed": (lambda c: c[:3], "Entries 4 to 5 are missing: the chain ends at 5"),
    "all removed": (lambda c: [], "Entries 1 to 5 are missing"),
    "the rest made anew": (rewritten, "The end of the chain was noted as entry 5"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_found(name: str) -> None:
    chain = entries(5)
    tamper, said = TAMPERED[name]
    found = problems(tamper(chain), head(chain))
    assert any(each.startswith(said) for each in found), found


def test_a_chain_made_anew_with_its_end_is_found_by_what_was_noted_elsewhere() -> None:
    chain = entries(5)
    other = rewritten(chain)
    assert problems(other, head(other)) == ()
    (found,) = problems(other, head(other), {4: chain[3].hash})
    assert found == "Entry 4 is not the one that was noted elsewhere."
    short = chain[:2]
    (found,) = problems(short, head(short), {4: chain[3].hash})
    assert found == "Entry 4 was noted elsewhere, and is missing."


def test_problems_are_counted() -> None:
    chain = entries(60)
    found = problems([replace(each, actor="eve") for each in chain], head(chain))
    assert len(found) == Check.MOST + 1
    assert found[-1] == "… and 40 more problems."
