from __future__ import annotations

from portal.live.recheck import until_refused


async def test_the_first_reason_to_close_ends_the_wait() -> None:
    answers = ["", "", "not any more", ""]

    async def check() -> str:
        return answers.pop(0)

    assert await until_refused(check, every=0) == "not any more"
    assert answers == [""]
