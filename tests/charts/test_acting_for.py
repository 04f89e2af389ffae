"""Helm as a person: what the real one tells the API server of who that is."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from aiohttp import web

from portal.domain.identity import Identity
from portal.domain.impersonation import OPERATION, Impersonation
from portal.domain.request import enter_operation
from portal.helm_service.runner import CommandFailed, Runner, helm_environment
from tests.charts.conftest import program
from tests.unit.cluster.test_client import api_server


async def test_every_request_of_helm_names_the_person_and_the_operation(tmp_path: Path) -> None:
    told: list[list[tuple[str, str]]] = []

    async def refuse(request: web.Request) -> web.Response:
        found = [
            (unquote(name.lower()), value)
            for name, value in request.headers.items()
            if name.lower().startswith("impersonate-")
        ]
        told.append(found)
        return web.json_response({"kind": "Status", "message": "no"}, status=403)

    enter_operation("0a1b")
    who = Identity("zoë@example.org", ("team-b", "team-a", "not-listed"))
    async with api_server(refuse, tmp_path) as kubeconfig:
        runner = Runner(
            helm_environment({}, tmp_path, kubeconfig),
            executable=program(),
            impersonation=Impersonation(frozenset({"team-a", "team-b"})),
            folder=tmp_path,
        )
        with pytest.raises(CommandFailed):
            await runner.acting_for(who).run(["list", "--namespace", "apps"])
        with pytest.raises(CommandFailed):
            await runner.run(["list", "--namespace", "apps"])
    as_zoe = [
        ("impersonate-user", "zoë@example.org"),
        ("impersonate-group", "team-a"),
        ("impersonate-group", "team-b"),
        (f"impersonate-extra-{OPERATION}", "0a1b"),
    ]
    assert {tuple(sorted(each)) for each in told} == {tuple(sorted(as_zoe)), ()}
