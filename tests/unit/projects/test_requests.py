"""Asking for a project, and the answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from portal.database.database import Database
from portal.domain.errors import Conflict, DatabaseUnavailable, Forbidden, InvalidInput, NotFound
from portal.domain.identity import ANONYMOUS, Identity
from portal.projects.requests import MOST_A_DAY, Answer, ProjectRequests
from tests.unit.projects.fakes import ANN, ROOT, RULES, Cluster, projects
from tests.unit.recorder import Kept

NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Asking:
    """Requests over a cluster, with a clock."""

    def __init__(self, database: Database | None) -> None:
        self.cluster, self.kept, self.now = Cluster(), Kept(), NOW
        self.requests = ProjectRequests(
            database,
            projects(self.cluster, self.kept),
            RULES,
            self.kept,
            clock=lambda: self.now,
        )


@pytest.fixture
def asking(connect: Callable[[], Database]) -> Asking:
    return Asking(connect())


async def test_somebody_asks_and_an_administrator_grants(asking: Asking) -> None:
    requests = asking.requests
    await requests.ask(ANN, "sales", "Figures  of the\nteam")
    (asked,) = await requests.open_ones(ROOT)
    assert (asked.asker, asked.name, asked.purpose) == (ANN.user, "sales", "Figures of the team")
    form = requests.form(asked)
    assert form["administrators"] == f"user:{ANN.user}"
    project = await requests.grant(ROOT, asked.id, form)
    assert project.name == "sales"
    (mine,) = await requests.own(ANN)
    assert (mine.state, mine.answerer) == (Answer.GRANTED, "root")
    assert await requests.open_ones(ROOT) == ()
    assert [(action, outcome) for action, outcome, _ in asking.kept.told()] == [
        ("project-request", "begun"),
        ("project-request", "succeeded"),
        ("project-create", "begun"),
        ("project-create", "succeeded"),
        ("project-grant", "begun"),
        ("project-grant", "succeeded"),
    ]


async def test_a_request_is_declined_with_a_reason(asking: Asking) -> None:
    requests = asking.requests
    await requests.ask(ANN, "sales", "Figures")
    (asked,) = await requests.open_ones(ROOT)
    with pytest.raises(InvalidInput, match="Say why"):
        await requests.decline(ROOT, asked.id, "  ")
    await requests.decline(ROOT, asked.id, "Use team-a.")
    (mine,) = await requests.own(ANN)
    assert (mine.state, mine.reason) == (Answer.DECLINED, "Use team-a.")
    assert not asking.cluster.objects
    with pytest.raises(NotFound):
        await requests.decline(ROOT, asked.id, "Again.")


async def test_one_open_request_a_person_and_few_a_day(asking: Asking) -> None:
    requests = asking.requests
    for _ in range(MOST_A_DAY):
        await requests.ask(ANN, "sales", "Figures")
        with pytest.raises(Conflict, match="asked for a project already"):
            await requests.ask(ANN, "other", "Figures")
        await requests.withdraw(ANN)
    with pytest.raises(Conflict, match="in 24 hours"):
        await requests.ask(ANN, "sales", "Figures")
    await requests.ask(Identity("bob"), "sales", "Figures")
    asking.now += timedelta(days=1, seconds=1)
    await requests.ask(ANN, "sales", "Figures")
    assert len(await requests.open_ones(ROOT)) == 2


async def test_what_is_wrong_is_said_beside_its_field(asking: Asking) -> None:
    with pytest.raises(InvalidInput) as refused:
        await asking.requests.ask(ANN, "kube-sales", "")
    assert set(refused.value.fields) == {"ask_name", "ask_purpose"}
    with pytest.raises(Forbidden):
        await asking.requests.ask(ANONYMOUS, "sales", "Figures")


async def test_only_administrators_see_requests(asking: Asking) -> None:
    requests, bob = asking.requests, Identity("bob")
    await requests.ask(ANN, "sales", "Figures")
    (asked,) = await requests.open_ones(ROOT)
    with pytest.raises(Forbidden):
        await requests.open_ones(bob)
    for act in (
        requests.get(bob, asked.id),
        requests.grant(bob, asked.id, {}),
        requests.decline(bob, asked.id, "No."),
    ):
        with pytest.raises(NotFound, match="no open request"):
            await act
    assert await requests.own(bob) == ()
    with pytest.raises(Conflict):
        await requests.withdraw(bob)


async def test_without_a_database_nobody_asks() -> None:
    requests = Asking(None).requests
    assert not requests.possible
    assert await requests.own(ANN) == await requests.open_ones(ROOT) == ()
    with pytest.raises(DatabaseUnavailable, match="no database"):
        await requests.ask(ANN, "sales", "Figures")
