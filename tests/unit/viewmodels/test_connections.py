"""The services that an app can be connected to."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus, Service, ServicePort
from portal.domain.ports import scheme
from portal.state.model import AppState
from portal.viewmodels.connections import connections

from .make import release, state


def beside(name: str, *services: Service, namespace: str = "apps") -> tuple[Key, AppState]:
    key = Key(namespace, name)
    return key, state(key=key, services=services)


def service(name: str, *ports: ServicePort, ip: str = "198.19.0.7") -> Service:
    return Service(Key("apps", name), "", "ClusterIP", ip, ports)


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (ServicePort(80), "http"),
        (ServicePort(8443), "https"),
        (ServicePort(9000, name="https-api"), "https"),
        (ServicePort(9000, name="tcp-scheduler"), "tcp"),
        (ServicePort(9000, name="tcpish"), "http"),
        (ServicePort(8786), "tcp"),
        (ServicePort(6379, name="tcp-redis"), "redis"),
        (ServicePort(50051, name="grpc"), "grpc"),
    ],
)
def test_what_a_port_speaks(port: ServicePort, expected: str) -> None:
    assert scheme(port) == expected


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            service("tasks-scheduler", ServicePort(8786, name="tcp-comm")),
            "DASK_SCHEDULER_ADDRESS=tcp://tasks-scheduler.apps.svc:8786",
        ),
        (
            service("tasks-scheduler", ServicePort(9000, name="tcp-comm")),
            "DASK_SCHEDULER_ADDRESS=tcp://tasks-scheduler.apps.svc:9000",
        ),
        (service("cache", ServicePort(6379)), "REDIS_URL=redis://cache.apps.svc:6379"),
        (service("web-api", ServicePort(80, name="http")), "WEB_API_URL=http://web-api.apps.svc"),
        (service("db", ServicePort(5432)), "DB_ADDRESS=postgresql://db.apps.svc:5432"),
    ],
)
def test_which_variable_an_app_looks_into(found: Service, line: str) -> None:
    (connection,) = connections(dict([beside("tasks", found)]), "apps")
    assert connection.line == line


def test_every_port_of_every_release_of_the_namespace() -> None:
    two = service("two", ServicePort(8786), ServicePort(8787, name="http-dashboard"))
    apps = dict(
        [
            beside("zeta", service("zeta", ServicePort(80))),
            beside("alpha", two),
            beside("elsewhere", service("x", ServicePort(80)), namespace="lab"),
        ]
    )
    found = connections(apps, "apps")
    assert [each.id for each in found] == ["two:8786", "two:8787", "zeta:80"]
    assert found[1].variable == "TWO_8787_URL"
    assert connections(apps, "none") == ()


def test_a_headless_service_only_where_there_is_no_other() -> None:
    headless = service("db-pods", ServicePort(5432), ip="None")
    usual = service("db", ServicePort(5432))
    assert [each.id for each in connections(dict([beside("db", headless, usual)]), "apps")] == [
        "db:5432"
    ]
    assert [each.id for each in connections(dict([beside("db", headless)]), "apps")] == [
        "db-pods:5432"
    ]


def test_what_goes_is_not_offered() -> None:
    key, app = beside("tasks", service("tasks", ServicePort(80)))
    going = replace(app, release=replace(release(), status=ReleaseStatus.UNINSTALLING))
    assert connections({key: going}, "apps") == ()
    assert connections({key: replace(app, release=None)}, "apps") == ()
