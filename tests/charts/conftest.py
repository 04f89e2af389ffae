"""The real helm command, for the tests of both charts."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.charts.helm import Helm


def program() -> str:
    """The path of the helm command."""
    program = os.environ.get("HELM_BIN") or shutil.which("helm")
    assert program, "helm is neither in HELM_BIN nor on PATH: run these through `make charts`"
    return program


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The helm command of HELM_BIN, or of PATH."""
    return Helm(program(), tmp_path_factory.mktemp("helm-home"))
