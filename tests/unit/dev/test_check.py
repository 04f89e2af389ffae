from __future__ import annotations

import pytest

from dev import check


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages in the order in which they began; none does anything, `charts` fails."""
    begun: list[str] = []

    def stage(name: str) -> check.Done:
        begun.append(name)
        return check.Done(name != "charts", 1.0, f"printed by {name}")

    monkeypatch.setattr(check, "_timed", stage)
    monkeypatch.setattr(check, "_low_priority", stage)
    monkeypatch.setattr(check, "_set_up", lambda: begun.append("set up"))
    return begun


def test_every_stage_runs_once_and_one_that_failed_counts(
    ran: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([]) == 1
    assert sorted(ran) == sorted([*check.STAGES, "set up"])
    assert all(ran.index(name) > ran.index("set up") for name in check.BESIDE)
    printed = capsys.readouterr().out
    assert all(f"printed by {name}" in printed for name in check.BESIDE)
    assert all(f"\n│ {name} " in printed for name in check.STAGES)


def test_stages_by_name_run_one_after_another(ran: list[str]) -> None:
    assert check.main(["fuzz", "unit"]) == 0
    assert ran == ["fuzz", "unit"]
