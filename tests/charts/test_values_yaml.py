"""The portal's values, as Helm itself reads them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import yaml

from portal.catalog.values import to_yaml
from tests.charts.conftest import program
from tests.unit.catalog.test_dash_app import HOSTILE


def test_values_survive_the_yaml_that_helm_reads(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: echo, version: 0.0.1}")
    (tmp_path / "templates" / "x.yaml").write_text("echo: {{ .Values | toJson | quote }}")
    done = subprocess.run(
        [program(), "template", "x", str(tmp_path), "--values", "-"],
        input=to_yaml(HOSTILE),
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    read = json.loads(yaml.safe_load(done.stdout)["echo"])
    read.pop("global", None)
    assert read == HOSTILE
