"""The queries against a real Prometheus, with a day of samples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from dev import prometheus
from dev.cluster.errors import ClusterError
from portal.domain.keys import Key
from portal.history.longer import Beyond
from portal.history.model import ChartRange
from portal.prometheus.client import Prometheus
from portal.prometheus.record import PrometheusRecord
from portal.state.model import AppState
from tests.unit.viewmodels.make import deployment, state

END = 1_800_000_000
HOURS = 26
MIB = 2**20
HALF = END - 12 * 3600
"""The time at which the first pod was replaced by the second."""


def samples() -> str:
    """Two pods of ``web`` one after the other, and others that are not to be mixed in."""
    cpu, memory, replicas = list[str](), list[str](), list[str]()
    of_web = (("web-66f4c5d7b-xk2vz", 0.25, 100), ("web-7d9c8f6b5-bcd4f", 0.5, 200))
    for at in range(END - HOURS * 3600, END + 1, 60):
        pod, cores, mib = of_web[at >= HALF]
        since = at - (HALF if at >= HALF else END - HOURS * 3600)
        for namespace, name, container, rate, size in (
            ("apps", pod, "web", cores, mib),
            ("apps", pod, "", 7, 7000),  # the sum of the pod itself
            ("apps", "web-api-7d9c8f6b5-bcd4f", "web", 9, 9000),
            ("other", pod, "web", 9, 9000),
        ):
            labels = f'namespace="{namespace}",pod="{name}",container="{container}"'
            cpu.append(f"container_cpu_usage_seconds_total{{{labels}}} {rate * since} {at}")
            memory.append(f"container_memory_working_set_bytes{{{labels}}} {size * MIB} {at}")
        replicas.append(
            f'kube_deployment_spec_replicas{{namespace="apps",deployment="web"}} 2 {at}'
        )
    kinds = (
        ("container_cpu_usage_seconds", "counter", cpu),
        ("container_memory_working_set_bytes", "gauge", memory),
        ("kube_deployment_spec_replicas", "gauge", replicas),
    )
    lines = [line for name, kind, found in kinds for line in (f"# TYPE {name} {kind}", *found)]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    try:
        prometheus.programs()
    except ClusterError as error:
        pytest.skip(str(error))
    with prometheus.running(samples()) as address:
        yield address


def named(name: str) -> AppState:
    return state(workloads=(replace(deployment(), key=Key("apps", name)),))


async def read(address: str, app: AppState, chosen: ChartRange) -> Beyond:
    client = Prometheus(address)
    try:
        return await PrometheusRecord(client)(app, chosen, END + 30)
    finally:
        await client.close()


async def test_a_day_of_an_app(address: str) -> None:
    found = await read(address, named("web"), ChartRange.DAY)
    by_time = {each.at: each for each in found.summaries}
    assert len(by_time) == 288
    before, after = by_time[HALF - 3600], by_time[END - 300]
    for each, cores, mib in ((before, 0.25, 100), (after, 0.5, 200)):
        assert each.cpu.mean == pytest.approx(cores, rel=0.01)
        assert each.memory.mean == each.memory.highest == mib * MIB
        assert (each.current, each.desired, each.ready) == (1, 2, None)
    assert found.missing == ()


async def test_a_longer_range_has_the_highest_of_its_steps(address: str) -> None:
    found = await read(address, named("web"), ChartRange.WEEK)
    assert [each.at for each in found.summaries][-1] == END - 900
    last = found.summaries[-1]
    assert last.cpu.mean == pytest.approx(0.5, rel=0.01)
    assert last.cpu.highest == pytest.approx(0.5, rel=0.01)
    change = next(each for each in found.summaries if each.memory.highest == 200 * MIB)
    assert change.memory.mean is not None
    assert change.memory.mean <= 200 * MIB
    month = await read(address, named("web"), ChartRange.MONTH)
    assert 24 <= len(month.summaries) <= HOURS + 1


@pytest.mark.parametrize("name", ["nothing", 'x"} or vector(1) #', "we|b", ".*", "ü☃", "a\\"])
async def test_names_that_nobody_has(address: str, name: str) -> None:
    """Each is a query that Prometheus takes, and finds nothing with."""
    found = await read(address, named(name), ChartRange.DAY)
    assert found.summaries == []
    assert len(found.missing) == 3
