"""The form of a hand-over: what it asks, in both ways of deciding, and who is offered it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.operations import OperationPhase, Verb
from portal.domain.owners import Role
from portal.domain.role_bindings import ROLES
from portal.releases.hand_over import HAND_OVER
from portal.releases.new_owner import NOTHING, ROLES_KEPT, HandOverPreview
from portal.releases.uninstall import UNINSTALL
from portal.ui import ids
from portal.ui.app.hand_over import NO_ROLE, _terms, hand_over_dialog, hand_over_panel
from portal.ui.app.header import operation as shown_operation
from portal.ui.app.live import APP_PARTS
from portal.viewmodels.operation import operation_view
from tests.unit.ui import fixtures
from tests.unit.viewmodels.make import operation


def found(page: Any, id: str) -> Any:
    return next(each for each in page._traverse() if getattr(each, "id", None) == id)


def choices(page: Any, id: str) -> list[str]:
    return [each["value"] for each in found(page, id).options]


def hidden(page: Any, id: str) -> bool:
    around = [each for each in page._traverse() if "gone" in str(getattr(each, "className", ""))]
    return any(getattr(inner, "id", None) == id for each in around for inner in each._traverse())


def test_owners_choose_what_is_kept_and_are_not_asked_for_a_role() -> None:
    panel = hand_over_panel("apps", by_owner=True, roles=False)
    assert choices(panel, ids.HAND_OVER_KEEP) == [NOTHING, Role.VIEW, Role.OPERATE, Role.OWN]
    assert found(panel, ids.HAND_OVER_KEEP).value == Role.OPERATE, "not all at once, by mistake"
    assert hidden(panel, ids.HAND_OVER_ROLE)
    assert not hidden(panel, ids.HAND_OVER_KEEP)


def test_where_kubernetes_decides_a_role_of_the_namespace_can_be_given() -> None:
    panel = hand_over_panel("apps", by_owner=False, roles=True)
    assert choices(panel, ids.HAND_OVER_ROLE) == [NO_ROLE, *ROLES]
    assert choices(panel, ids.HAND_OVER_KEEP) == [ROLES_KEPT, NOTHING]
    assert found(panel, ids.HAND_OVER_KEEP).value == ROLES_KEPT
    assert "every app of the namespace" in str(panel)
    without = hand_over_panel("apps", by_owner=False, roles=False)
    assert hidden(without, ids.HAND_OVER_ROLE)
    assert hidden(without, ids.HAND_OVER_KEEP)


@pytest.mark.parametrize("doubt", ["", "bop has no app here yet."])
def test_a_doubt_comes_first_in_the_dialog(doubt: str) -> None:
    shown = str(_terms(HandOverPreview(doubt, ("bob becomes the owner.",))))
    assert ("severity-warn" in shown) is bool(doubt)
    assert shown.index(doubt) <= shown.index("bob becomes the owner.")


@pytest.mark.parametrize(
    ("verb", "said"),
    [(HAND_OVER, True), (UNINSTALL, False)],
)
def test_what_is_kept_stands_on_the_page_when_it_is_done(verb: Verb, said: bool) -> None:
    """What a removal leaves is said at the top of the page instead."""
    words = "bob is the owner now; ann keeps nothing by themselves."
    done = operation(verb, phase=OperationPhase.SUCCEEDED, advice=words)
    assert (words in str(shown_operation(operation_view(done)))) is said


def test_the_dialog_names_the_app() -> None:
    assert "Hand over sales?" in str(hand_over_dialog(Key("apps", "sales")))


def test_who_may_not_hand_it_over_has_no_form() -> None:
    part = APP_PARTS[ids.APP_HAND_OVER]
    assert part(replace(fixtures.healthy(), permissions=frozenset())) == {"className": "gone"}
