"""The table of states covers every page and every dialog."""

from __future__ import annotations

import pytest

from portal.ui import ids
from portal.ui.routes import Page, parse

from .states import SITES, STATES


@pytest.mark.parametrize("page", Page)
def test_every_page_has_a_state(page: Page) -> None:
    assert page in {each.page for each in STATES}, f"add states of {page} to tests/pages/states.py"


@pytest.mark.parametrize(
    "dialog", [id for name, id in vars(ids).items() if name.endswith("_MODAL")]
)
def test_every_dialog_is_opened(dialog: str) -> None:
    shown = " ".join(each.shows for each in STATES)
    assert f"#{dialog} " in shown, f"add a state with #{dialog} to tests/pages/states.py"


def test_states_are_what_they_are_called() -> None:
    assert len({each.id for each in STATES}) == len(STATES)
    for each in STATES:
        path, _, search = each.path.partition("?")
        assert parse(path, search).page is each.page, each.id
        assert each.site in SITES
