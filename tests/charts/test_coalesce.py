"""What the catalogue makes of generated charts and values is what the real Helm makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from portal.catalog.coalesce import ValuesProblem, read
from portal.catalog.content import read_content
from tests.charts.helm import Helm

SHOW = '{{ toJson (dict "path" .Template.BasePath "values" .Values) }}\n'
IMPORTS = ["e1", "none", {"child": "a", "parent": "lifted"}, {"child": "b", "parent": "c.b"}]


class Made:
    """Charts and values by chance, the same for each seed."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)

    def value(self, level: int = 0) -> Any:
        if level < 3 and self.chance.random() < 0.45:
            names = self.chance.sample(["a", "b", "c", "enabled", "s1"], self.chance.randint(0, 3))
            return {name: self.value(level + 1) for name in names}
        return self.chance.choice([None, None, 1, "x", True, False, [1, 2], [], {}])

    def values(self, below: list[str]) -> dict[str, Any]:
        made: dict[str, Any] = {each: self.value() for each in self.some("a", "b", "c")}
        for name in below:
            if self.chance.random() < 0.7:
                made[name] = {each: self.value(1) for each in self.some("a", "b", "c", "exports")}
                made[name] |= {each: self.chance.random() < 0.5 for each in self.some("enabled")}
        for name, inner in (("global", ("a", "b")), ("exports", ("e1",))):
            if self.chance.random() < 0.5:
                made[name] = {each: self.value(0) for each in self.some(*inner)}
        if self.chance.random() < 0.3:
            made["tags"] = {each: self.chance.random() < 0.5 for each in self.some("t1", "t2")}
        return made

    def some(self, *names: str) -> list[str]:
        return [each for each in names if self.chance.random() < 0.5]

    def chart(self, folder: Path, name: str, level: int = 0) -> list[str]:
        """Write one; the names of its subcharts."""
        (folder / "templates").mkdir(parents=True)
        (folder / "templates" / "show.yaml").write_text(SHOW)
        names: list[str] = []
        listed: list[dict[str, Any]] = []
        for sub in ("s1", "s2") if level < 2 else ():
            if self.chance.random() < 0.3:
                continue
            self.chart(folder / "charts" / sub, sub, level + 1)
            names.append(sub)
            if self.chance.random() < 0.85:
                wanted: dict[str, Any] = {"name": sub, "version": self.chance.choice(["*", "^1"])}
                if self.chance.random() < 0.3:
                    wanted["alias"] = f"{sub}-too"
                    names.append(f"{sub}-too")
                if self.chance.random() < 0.5:
                    wanted["condition"] = f"c,{wanted.get('alias', sub)}.enabled"
                wanted["tags"] = self.some("t1", "t2")
                wanted["import-values"] = [e for e in IMPORTS if self.chance.random() < 0.4]
                listed.append(wanted)
        about: dict[str, Any] = {"apiVersion": "v2", "name": name, "version": "1.2.3"}
        if listed or self.chance.random() < 0.3:
            about["dependencies"] = listed
        (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
        (folder / "values.yaml").write_text(yaml.safe_dump(self.values(names)))
        return names


@pytest.mark.parametrize("seed", range(60))
def test_values_are_read_as_helm_does(helm: Helm, tmp_path: Path, seed: int) -> None:
    made = Made(seed)
    names = made.chart(tmp_path / "web", "web")
    given = made.values(names) if made.chance.random() < 0.8 else {}
    ran = helm.run(
        *("template", "x", str(tmp_path / "web"), "--values", "-"), stdin=yaml.safe_dump(given)
    )
    try:
        reading = read(read_content(tmp_path / "web"), given)
    except ValuesProblem:
        assert "type mismatch" in ran.stderr
        return
    assert ran.returncode == 0, ran.stderr
    told = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    mine: dict[str, Any] = {}
    for each in reading.charts:
        at: Any = reading.values
        for part in each.path:
            at = at[part]
        mine["".join(["web", *(f"/charts/{part}" for part in each.path), "/templates"])] = at
    assert {each["path"]: each["values"] for each in told} == mine
