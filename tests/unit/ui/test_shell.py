from __future__ import annotations

import pytest

from portal.ui import ids
from portal.ui.shell import shell
from tests.unit.ui.test_components import text, walk


@pytest.mark.parametrize("open_mode", [True, False])
def test_the_frame_says_when_nobody_signs_in(open_mode: bool) -> None:
    frame = shell(open_mode=open_mode, version="1.2.3")
    sentence = "Anyone who reaches this page can change and remove every app, and read its values."
    assert (sentence in text(frame)) is open_mode
    assert any(getattr(each, "id", "") == ids.OPEN_MODE for each in walk(frame)) is open_mode
    assert "Dash Portal 1.2.3" in text(frame)


@pytest.mark.parametrize("sign_out", [True, False])
def test_who_has_signed_in_can_sign_out(sign_out: bool) -> None:
    frame = shell(open_mode=False, version="", sign_out=sign_out)
    assert any(getattr(each, "id", "") == ids.SIGN_OUT for each in walk(frame)) is sign_out
