"""Secrets in every place where an app has some: none of them comes out anywhere.

The portal is the real one. Whoever looks may see everything that the portal shows of the app.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portal.cluster.kinds import event as events
from portal.cluster.kinds import pod as pods
from portal.cluster.storage.codec import decode_for_pages
from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.domain.objects import Kind, ReplicaSet
from portal.domain.operations import Operation, OperationPhase
from portal.helm_service.errors import explain
from portal.helm_service.redaction import redact, secrets_in, value_texts
from portal.live.endpoint import FRAME_PATH
from portal.live.topics import KINDS
from portal.releases.upgrade import UPGRADE
from tests.unit.cluster.storage.test_fetcher import BODY, encoded
from tests.unit.fuzz.portal import ANN, FORMS, USUAL, Portal, finish
from tests.unit.releases.fakes import FakeCluster
from tests.unit.web.test_matrix import INSIDE, PROXY_SECRET, THERE, Site, serving, told

CANARIES = {
    each: f"canary-{each}-9x7Kq2Lw"
    for each in (
        "value",
        "environment",
        "database",
        "pull-secret",
        "client-secret",
        "header",
        "notes",
        "helm-error",
        "event",
        "termination",
        "probe",
        "configuration",
        "own-database",
        "webhook",
        "prometheus",
    )
} | {"proxy-secret": PROXY_SECRET}
C = CANARIES

VALUES: dict[str, Any] = {
    "image": {"repository": "r.io/app", "tag": "1"},
    "replicaCount": 2,
    "auth": {"password": C["value"]},
    "extraEnvVars": [
        {"name": "GREETING", "value": "hello"},
        {"name": "DB_PASSWORD", "value": C["environment"]},
    ],
    "database": {"where": f"postgresql://app:{C['database']}@db.apps.svc/sales"},
    "imageCredentials": {"username": "bot", "password": C["pull-secret"]},
    "oidc": {"clientSecret": C["client-secret"]},
    "loadTest": {"headers": {"Authorization": f"Bearer {C['header']}"}},
    "config.ini": f"[main]\npassword = {C['configuration']}\n",
}
NOTES = (
    f"Sign in with {C['value']}, or as admin:{C['environment']}.\n"
    f"The database is postgresql://app:{C['notes']}@db/sales (password={C['notes']})."
)
STDERR = (
    'Error: UPGRADE FAILED: failed to create resource: Deployment.apps "sales" is invalid: '
    f'spec.template.spec.containers[0].env[1].value: Invalid value: "{C["helm-error"]}": '
    f"must not be password={C['helm-error']} of https://bot:{C['helm-error']}@r.io/v2/"
)


def raw_event(message: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "sales.1",
            "namespace": THERE.namespace,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "involvedObject": {"kind": "Pod", "name": "sales-1", "uid": "u-pod"},
        "type": "Warning",
        "reason": "Unhealthy",
        "message": message,
        "count": 3,
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }


RAW_POD: dict[str, Any] = {
    "metadata": {
        "name": "sales-1",
        "namespace": THERE.namespace,
        "uid": "u-pod",
        "labels": {"app.kubernetes.io/instance": THERE.name},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [
            {"kind": "ReplicaSet", "name": "sales-rs", "uid": "u-rs", "controller": True}
        ],
    },
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "r.io/app:1",
                "env": [{"name": "DB_PASSWORD", "value": C["environment"]}],
            }
        ]
    },
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "app",
                "image": "r.io/app:1",
                "ready": False,
                "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
                "lastState": {
                    "terminated": {
                        "exitCode": 1,
                        "reason": "Error",
                        "message": f"no such password={C['termination']}",
                        "finishedAt": "2026-01-01T00:00:00Z",
                    }
                },
            }
        ],
    },
}


def fill(site: Site) -> None:
    """Put the secrets where a cluster, Helm and pods have them."""
    store = site.web_app._store
    record = store.snapshot.app(THERE).release
    assert record is not None
    body = {
        **BODY,
        "name": THERE.name,
        "version": record.revision,
        "config": VALUES,
        "info": {**BODY["info"], "notes": NOTES, "description": f"Rollback password={C['value']}"},
        "manifest": "",
    }
    store.put_detail(decode_for_pages(record, "", encoded(body)))
    assert not store.snapshot.app(THERE).detail.damaged  # type: ignore[union-attr]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    error = explain(redact(STDERR), "upgrade", THERE)
    store.put_operation(
        Operation(
            "op", THERE, UPGRADE, "ann", OperationPhase.FAILED, now, now,
            error=error.message, advice=error.advice,
        )
    )  # fmt: skip
    FakeCluster(store).workload(THERE, 1, 0)
    replicas = ReplicaSet(Key(THERE.namespace, "sales-rs"), THERE.name, 1, 1, (), "u-rs")
    store.apply(Kind.REPLICA_SET, replicas.key, replicas)
    key, pod = pods.decode(json.dumps(RAW_POD).encode())
    store.apply(Kind.POD, key, pod)
    message = (
        "Readiness probe failed: psql: could not connect to "
        f"postgresql://app:{C['event']}@db/sales, password={C['probe']}"
    )
    key, event = events.decode(json.dumps(raw_event(message)).encode())
    store.apply(Kind.EVENT, key, event)


def own_secrets(folder: Path) -> dict[str, str]:
    """The portal's own secrets as its settings have them; the database does not answer."""
    given = {
        "DATABASE_FILE": f"postgresql://portal:{C['own-database']}@127.0.0.1:1/portal",
        "WEBHOOK_URL_FILE": f"https://127.0.0.1:1/{C['webhook']}",
        "PROMETHEUS_TOKEN_FILE": C["prometheus"],
    }
    for name, text in given.items():
        (folder / name).write_text(text)
    files = {name: str(folder / name) for name in given}
    return {**files, "DATABASE": "", "PROMETHEUS_URL": "https://127.0.0.1:1"}


@pytest.fixture(params=["with a database", "with secrets of its own"])
async def site(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    more = own_secrets(tmp_path) if "secrets" in request.param else {}
    async with serving(tmp_path, **more) as site:
        fill(site)
        yield site


def store_has(site: Site) -> bool:
    """Return True if the pod and its event are the app's."""
    state = site.web_app._store.snapshot.app(THERE)
    return bool(state.workloads and state.pods and state.events)


def leaked(text: str) -> set[str]:
    return {name for name, canary in CANARIES.items() if canary in text}


async def test_none_comes_out_anywhere(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told_of: dict[str, str] = {}
    topics = [
        f"{kind}/{THERE.namespace}/{THERE.name}"
        for kind in KINDS
        if kind in {"app", "objects", "autoscaling"}
    ]
    for topic in (*topics, *(KINDS.keys() - {"app", "objects", "autoscaling"})):
        status, told_of[f"topic {topic}"] = await site.get(INSIDE, FRAME_PATH, view=topic)
        assert status == 200, topic
    paths = ("/", "/metrics", "/readyz", "/audit/export", "/_dash-layout", "/admin/audit")
    for path in (*paths, f"/apps/{THERE.namespace}/{THERE.name}"):
        _, told_of[path] = await site.get(INSIDE, path)
    for output, (there, _) in (await told(site, INSIDE)).items():
        told_of[output] = there
    _, told_of["download"] = await site.get(
        INSIDE, "/live/logs/download", namespace=THERE.namespace, name=THERE.name
    )
    told_of["lines of the log"] = "\n".join(
        json.dumps({**record.__dict__, "said": record.getMessage()}, default=repr)
        for record in caplog.records
    )
    assert {where: leaked(text) for where, text in told_of.items() if leaked(text)} == {}
    shown = told_of[f"topic app/{THERE.namespace}/{THERE.name}"]
    assert store_has(site)
    for each in ("GREETING", "hidden", "db.apps.svc", "Sign in with", "Unhealthy"):
        assert each in shown, "what is no secret is shown, or nothing could come out"


def test_none_is_on_a_command_line_or_in_an_operation() -> None:
    """Of a launch; values go to Helm by its standard input."""
    portal = Portal()
    form = {
        **USUAL,
        "env": f"DB_PASSWORD={C['environment']}\nURL=postgres://u:{C['database']}@db/x",
    }
    checked = FORMS.check(form)
    assert checked.spec is not None
    command = finish(portal.command(portal.actions.launch(ANN, checked.spec)))
    assert leaked(json.dumps(command.argv)) == leaked(json.dumps(command.environment)) == set()
    assert leaked(repr(portal.store.operations)) == set()
    assert command.stdin is not None
    assert leaked(command.stdin.decode()), "they do go there"


@pytest.mark.parametrize("verb", ["upgrade", "rollback", "uninstall"])
@pytest.mark.parametrize(
    "said",
    [
        STDERR,
        f"Error: chart: execution error at (x): password={C['helm-error']}",
        f"Error: failed to fetch https://bot:{C['helm-error']}@charts.example.com/x.tgz : 401",
        f'Error: values do not meet the schema: auth.password: "{C["helm-error"]}" is too short',
        f"Error: YAML parse error on x.yaml: password: {C['helm-error']}",
        f"Error: Authorization: Bearer {C['helm-error']} was refused",
    ],
)
def test_none_is_in_what_helm_says(verb: str, said: str) -> None:
    values = json.dumps(VALUES | {"greeting": C["helm-error"]}).encode()
    known = redact(said, secrets_in(values), value_texts(values))
    error: PortalError = explain(known, verb, Key("apps", "sales"), "dash-app")
    assert leaked(f"{error} {error.message} {error.advice} {error!r} {vars(error)}") == set()
