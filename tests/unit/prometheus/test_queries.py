"""The PromQL of an app: which pods it is of, whatever they are called."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import Kind, Workload
from portal.prometheus.queries import CPU, DESIRED, literal, queries, quoted
from tests.unit.viewmodels.make import deployment


def workload(name: str, kind: Kind = Kind.DEPLOYMENT) -> Workload:
    return replace(deployment(), kind=kind, key=Key("apps", name))


def pods(*workloads: Workload) -> re.Pattern[str]:
    """The regular expression of an app's pods, as Python has it; Prometheus anchors it."""
    found = re.search(r'pod=~"((?:[^"\\]|\\.)*)"', queries("apps", workloads, 300)[CPU])
    assert found
    expression = found[1].replace("\\\\", "\\")
    return re.compile(
        re.sub(r"\\x\{([0-9a-f]+)\}", lambda each: re.escape(chr(int(each[1], 16))), expression)
    )


@pytest.mark.parametrize(
    ("kind", "pod", "own"),
    [
        (Kind.DEPLOYMENT, "web-7d9c8f6b5-bcd4f", True),
        (Kind.DEPLOYMENT, "web-66f4c5d7b-xk2vz", True),
        (Kind.DEPLOYMENT, "web-api-7d9c8f6b5-bcd4f", False),
        (Kind.DEPLOYMENT, "web-0", False),
        (Kind.DEPLOYMENT, "myweb-7d9c8f6b5-bcd4f", False),
        (Kind.STATEFUL_SET, "web-12", True),
        (Kind.STATEFUL_SET, "web-7d9c8f6b5-bcd4f", False),
        (Kind.DAEMON_SET, "web-bcd4f", True),
        (Kind.DAEMON_SET, "web-12", False),
    ],
)
def test_the_pods_of_a_workload(kind: Kind, pod: str, own: bool) -> None:
    assert (pods(workload("web", kind)).fullmatch(pod) is not None) == own


def test_a_dot_in_a_name_is_a_dot() -> None:
    expression = pods(workload("we.b", Kind.STATEFUL_SET))
    assert expression.fullmatch("we.b-0")
    assert not expression.fullmatch("weXb-0")


HOSTILE = ('x"} or vector(1) #', "a|b", ".*", "a\\", "a\nb", "{}", "ü☃", "$__range")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leaves_its_text(name: str) -> None:
    asked = queries(name, [workload(name)], 900)
    for each in asked.values():
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', each)
        assert "vector(1)" not in outside
        assert "\n" not in outside
        assert '"' not in outside.replace('""', "")


@given(st.text())
def test_a_literal_matches_itself_alone(text: str) -> None:
    expression = re.sub(
        r"\\x\{([0-9a-f]+)\}", lambda each: re.escape(chr(int(each[1], 16))), literal(text)
    )
    assert re.fullmatch(expression, text)
    assert not re.fullmatch(expression, text + "x")


@given(st.text())
def test_a_quoted_text_is_one_string(text: str) -> None:
    assert re.fullmatch(r'"(?:[^"\\\n]|\\.)*"', quoted(text), re.DOTALL)


@pytest.mark.parametrize(
    ("step", "window"), [(300, "[300s]"), (900, "[900s]"), (3600, "[3600s]"), (60, "[300s]")]
)
def test_a_rate_covers_its_step(step: int, window: str) -> None:
    assert window in queries("apps", [workload("web")], step)[CPU]


@pytest.mark.parametrize("workloads", [[], [workload("web", Kind.JOB)]])
def test_an_app_without_such_workloads_asks_nothing(workloads: Any) -> None:
    assert queries("apps", workloads, 300) == {}


def test_replicas_are_of_the_workloads_by_kind() -> None:
    both = [workload("web"), workload("db", Kind.STATEFUL_SET)]
    asked = queries("apps", both, 300)[DESIRED]
    assert 'kube_deployment_spec_replicas{namespace="apps",deployment=~"web"}' in asked
    assert 'kube_statefulset_replicas{namespace="apps",statefulset=~"db"}' in asked
