"""The Job of a load test is valid for Kubernetes."""

from __future__ import annotations

from portal.cluster.load_tests import job
from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestPlan
from tests.charts.k8s_schemas import validate

SERVICE = {"metadata": {"uid": "u-1"}, "spec": {"clusterIP": "10.0.0.7", "ports": [{"port": 80}]}}


def test_the_job_of_a_load_test_is_valid() -> None:
    made = job(
        "load:1", Key("apps", "web"), "web-load-1", LoadTestPlan("web", 80, "/", 5, 5), SERVICE
    )
    assert validate(made) == []
