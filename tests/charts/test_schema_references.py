"""The catalogue refuses exactly the schema references that the real Helm would fetch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from portal.catalog.references import SchemaProblem, self_contained
from tests.charts.conftest import program
from tests.charts.helm import Helm
from tests.unit.catalog.outside import Schema, fetched, inside


class Server(ThreadingHTTPServer):
    """Answers everything with a schema that allows all; also as a proxy."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path)
        self.send_error(502)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def helm(tmp_path: Path, server: Server) -> Helm:
    """Route all requests to the server, except those to its own address."""
    proxies = {"HTTP_PROXY": server.site, "HTTPS_PROXY": server.site}
    return Helm(program(), tmp_path / "home", proxies)


def asked(helm: Helm, server: Server, folder: Path, schema: Schema) -> list[str]:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    (folder / "values.schema.json").write_text(json.dumps(schema))
    server.asked.clear()
    helm.template(folder, {"a": "b"})
    return list(server.asked)


@pytest.mark.parametrize("name", fetched(""))
def test_what_helm_fetches_is_refused(
    helm: Helm, server: Server, tmp_path: Path, name: str
) -> None:
    assert asked(helm, server, tmp_path / "x", fetched(server.site)[name])
    with pytest.raises(SchemaProblem, match="outside the chart"):
        self_contained(fetched(server.site)[name])


@pytest.mark.parametrize("name", inside(""))
def test_what_helm_fetches_nothing_for_is_taken(
    helm: Helm, server: Server, tmp_path: Path, name: str
) -> None:
    assert asked(helm, server, tmp_path / "x", inside(server.site)[name]) == []
    self_contained(inside(server.site)[name])


def test_a_dialect_that_helm_does_not_have_would_be_fetched(
    helm: Helm, server: Server, tmp_path: Path
) -> None:
    schema: Schema = {"$schema": "http://json-schema.org/draft-03/schema#"}
    assert asked(helm, server, tmp_path / "x", schema)
