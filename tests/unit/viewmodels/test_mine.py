from __future__ import annotations

from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationPhase
from portal.domain.permissions import Scope
from portal.releases.upgrade import UPGRADE
from portal.state.model import AppState
from portal.viewmodels.mine import RECENT, mine_view
from portal.viewmodels.releases import RowCache

from .make import NOW, ago, container, operation, sources, state, unready

ADA = Scope(own="ada")
CRASHING = unready(
    container(ready=False, state="waiting", reason="CrashLoopBackOff", restarts=5), node="n"
)


def told(*states: AppState, scope: Scope = ADA) -> list[dict[str, object]]:
    apps = {each.key: each for each in states}
    listed = RowCache().release_list(apps, sources(), NOW)
    return [dict(each) for each in mine_view(listed, scope, NOW).apps]


def ended(**fields: object) -> Operation:
    return replace(operation(UPGRADE, OperationPhase.SUCCEEDED), **fields)


def test_an_app_of_ones_own_that_is_in_order_is_not_told() -> None:
    assert told(state()) == []


def test_an_app_of_ones_own_in_trouble() -> None:
    (one,) = told(state(pods=(CRASHING,)))
    assert (one["app"], one["state"], one["operation"]) == ("apps/demo", "Crashing", "")
    assert one["problem"]


def test_an_operation_while_it_runs_and_for_some_minutes_after() -> None:
    (one,) = told(state(operation=operation()))
    assert (one["what"], one["ended"], one["mine"]) == ("Launch", "", True)
    (one,) = told(state(operation=ended()))
    assert (one["what"], one["ended"]) == ("Update", "Done")
    assert told(state(operation=ended(updated_at=ago(RECENT + 1)))) == []


def test_an_operation_on_anothers_app_is_told_without_its_troubles() -> None:
    begun = replace(state(pods=(CRASHING,)), operation=ended(actor="bob"))
    (one,) = told(begun, scope=Scope(own="bob"))
    assert (one["problem"], one["mine"]) == ("", True)
    (one,) = told(begun)
    assert (bool(one["problem"]), one["mine"]) == (True, False)


def test_nothing_beyond_what_may_be_seen() -> None:
    one = state(pods=(CRASHING,))
    assert told(one, scope=replace(ADA, namespaces=frozenset({"lab"}))) == []
    assert told(one, scope=replace(ADA, unanswered="not known")) == []
    assert told(replace(one, key=Key("lab", "demo")), scope=Scope(own="eve")) == []
