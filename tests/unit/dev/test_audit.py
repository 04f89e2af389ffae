"""Which advisories are about a locked version."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from dev import audit


def advisory(**affected: Any) -> dict[str, Any]:
    package = {"name": "jinja2", "ecosystem": "PyPI"}
    return {"id": "PYSEC-1", "aliases": ["CVE-1"], "affected": [{"package": package, **affected}]}


def span(*events: tuple[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": [{name: at} for name, at in events]}]}


FIXED = span(("introduced", "0"), ("fixed", "3.1.3"), ("introduced", "3.2"), ("fixed", "3.2.1"))


@pytest.mark.parametrize(
    ("found", "version", "is_one"),
    [
        (advisory(**FIXED), "3.1.2", True),
        (advisory(**FIXED), "3.1.3", False),
        (advisory(**FIXED), "3.1.10", False),
        (advisory(**FIXED), "3.2", True),
        (advisory(**FIXED), "3.2.1", False),
        (advisory(**span(("introduced", "1.0"), ("last_affected", "2.0"))), "2.0", True),
        (advisory(**span(("introduced", "1.0"), ("last_affected", "2.0"))), "2.0.1", False),
        (advisory(**span(("introduced", "1.0"))), "9", True),
        (advisory(**span(("introduced", "abc"), kind="GIT")), "9", False),
        (advisory(versions=["3.1.2"]), "3.1.2", True),
        (advisory(versions=["3.1.2"]), "3.1.20", False),
        ({**advisory(versions=["1"]), "withdrawn": "2024-01-01"}, "1", False),
        (advisory(versions=["1"], package={"name": "jinja2", "ecosystem": "npm"}), "1", False),
        ({"id": "PYSEC-2"}, "1", False),
    ],
)
def test_versions(found: dict[str, Any], version: str, is_one: bool) -> None:
    assert audit.concerns(found, "jinja2", version) is is_one


def test_lock_files() -> None:
    text = (
        'A_b.c==1.0 \\\n    --hash=sha256:x\nuvloop==0.22.1 ; sys_platform == "linux" \\\n# x==1\n'
    )
    assert audit.locked(text) == {"a-b-c": "1.0", "uvloop": "0.22.1"}
    for lock in audit.LOCKS:
        assert len(audit.locked((audit.ROOT / lock).read_text())) > 50


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    file = folder / "vulns" / "pyyaml" / "PYSEC-1.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        "id: PYSEC-1\naliases: [CVE-1]\naffected:\n- package: {name: PyYAML, ecosystem: PyPI}\n"
        "  ranges:\n  - {type: ECOSYSTEM, events: [{introduced: '0'}]}\n"
    )
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


def test_what_is_known_is_told(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(clone)]) == 1
    printed = capsys.readouterr().out
    assert "requirements.lock: pyyaml " in printed
    assert "PYSEC-1 (CVE-1)" in printed
    assert "2 found, in advisories as of 2" in printed


def test_nothing_to_look_at_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert audit.main([str(tmp_path)]) == 2
    monkeypatch.setattr(audit, "SOURCE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert audit.main([]) == 2
    assert "nothing was checked" in capsys.readouterr().err
