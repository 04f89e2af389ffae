"""Lists of what can be ended: their rows, and what is in their place where reading is refused."""

from __future__ import annotations

from portal.domain.errors import Forbidden
from portal.ui.rows import answer, end_button, row, rows


async def refused() -> str:
    raise Forbidden("You may not list them.")


async def broken() -> str:
    raise RuntimeError("secret detail")


def test_a_row_says_what_its_button_ends_and_what_cannot_be_ended_has_none() -> None:
    one = row("ann: viewer", end_button({"type": "x", "of": "1"}, "Take back", "Take ann's"), "a")
    assert "'aria-label': \"Take ann's\"" in str(one) or 'aria-label="Take ann' in str(one)
    assert "Button" not in str(row("ann: viewer", None, "a"))
    assert "There are none." in str(rows([], "There are none."))
    assert str(rows([one], "There are none.")).count("data-testid") == 1


async def test_a_refusal_stands_in_the_place_of_what_was_read() -> None:
    assert "You may not list them." in str(await answer(refused()))
    assert "secret detail" not in str(await answer(broken()))
