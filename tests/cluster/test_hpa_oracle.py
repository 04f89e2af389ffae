"""The autoscaling engine against Kubernetes' own controller, on a sample of generated cases.

``make oracle`` holds it against more of them, and against older versions of Kubernetes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dev.hpa_oracle.compare import compare
from portal.autoscaling.engine import Constraint
from portal.autoscaling.spec import LATEST

pytestmark = pytest.mark.cluster

CASES = 1500


def test_the_engine_decides_as_the_controller_does() -> None:
    found = compare(Path(os.environ["HPA_ORACLE"]), LATEST, CASES, seed=2)
    assert found.mismatches == []
    assert set(found.constraints) == set(Constraint), "the cases leave something out"
