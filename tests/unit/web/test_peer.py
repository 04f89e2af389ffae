"""The proxy that proves itself by a client certificate, in a real gunicorn with real TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dev.cluster.certs import Authority, Wanted
from portal.settings import Settings, SettingsError
from portal.web.peer import names_in
from tests.unit.web.behind_proxy import NAMES, SECRET

ROOT = Path(__file__).parents[3]
SOON = 20.0
HEADERS = {"X-Portal-Secret": SECRET, "X-Forwarded-User": "ann"}
HEADER_MODE = {
    "DASH_PORTAL_CLUSTER_WIDE": "true",
    "DASH_PORTAL_POD_SECURITY_NAMESPACE": "strict",
    "DASH_PORTAL_AUTH_MODE": "header",
    "DASH_PORTAL_AUTH_SECRET_FILE": "/secret",
}


class Server:
    """The portal's worker behind TLS at ``port``; ``pki`` has certificates for clients."""

    def __init__(self, pki: Path, port: int) -> None:
        self.pki = pki
        self.port = port

    def trust(self, shown: str) -> ssl.SSLContext:
        """Return a client's TLS that shows a certificate, "" for none."""
        context = ssl.create_default_context(cafile=self.pki / "ca.crt")
        if shown:
            context.load_cert_chain(self.pki / f"{shown}.crt", self.pki / f"{shown}.key")
        return context

    def ask(
        self, shown: str, path: str = "/", headers: dict[str, str] = HEADERS
    ) -> tuple[int, str]:
        where = ("127.0.0.1", self.port)
        with closing(HTTPSConnection(*where, timeout=SOON, context=self.trust(shown))) as asking:
            asking.request("GET", path, headers=headers)
            answer = asking.getresponse()
            return answer.status, answer.read().decode()

    def live(self, shown: str) -> str:
        with connect(
            f"wss://127.0.0.1:{self.port}/live",
            ssl=self.trust(shown),
            additional_headers=HEADERS,
            origin=f"https://127.0.0.1:{self.port}",  # type: ignore[arg-type]
        ) as browser:
            return str(browser.recv(SOON))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pki = tmp_path_factory.mktemp("pki")
    other = tmp_path_factory.mktemp("other")
    ours = Authority.load_or_make(pki)
    ours.issue(pki, Wanted("portal", "portal", names=("127.0.0.1",)))
    ours.issue(pki, Wanted("proxy", "proxy", names=("Proxy.example.com",)))
    ours.issue(pki, Wanted("app", "proxy.example.com", names=("app.example.com",)))
    Authority.load_or_make(other).issue(other, Wanted("forged", "x", names=("proxy.example.com",)))
    for file in other.glob("forged.*"):
        file.rename(pki / file.name)
    settings = Settings.from_env(
        HEADER_MODE
        | {
            "DASH_PORTAL_TLS_CERT_FILE": str(pki / "portal.crt"),
            "DASH_PORTAL_TLS_KEY_FILE": str(pki / "portal.key"),
            "DASH_PORTAL_TLS_CLIENT_CA_FILE": str(pki / "ca.crt"),
            "DASH_PORTAL_AUTH_PROXY_NAMES": ",".join(NAMES),
        }
    )
    given = {key: int(each) if key == "cert_reqs" else each for key, each in settings.tls().items()}
    config = pki / "gunicorn.py"
    config.write_text("".join(f"{key} = {each!r}\n" for key, each in given.items()))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (
        *(sys.executable, "-m", "gunicorn", "tests.unit.web.behind_proxy:app"),
        *("--bind", f"127.0.0.1:{port}", "--worker-class", "portal.web.worker.Worker"),
        *("--no-control-socket", "--worker-tmp-dir", str(pki), "--config", str(config)),
    )
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        too_late = threading.Timer(3 * SOON, process.kill)
        too_late.start()
        try:
            assert process.stdout is not None
            assert any("server listening" in line for line in process.stdout)
            yield Server(pki, port)
        finally:
            too_late.cancel()
            process.kill()


def test_the_proxy_is_believed_and_nobody_else(server: Server) -> None:
    assert server.ask("proxy") == (200, "ann")
    assert server.live("proxy") == "ann"
    # The certificate is asked for beside the secret, not in its place.
    assert server.ask("proxy", headers={"X-Forwarded-User": "ann"})[0] == 401
    # Another name of the same authority, even as the subject's common name; or none at all.
    for shown in ("app", ""):
        status, said = server.ask(shown)
        assert status == 401
        assert "client certificate" in said
        with pytest.raises(InvalidStatus):
            server.live(shown)
    # Whatever another authority signs gets no connection.
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.ask("forged")
    # The kubelet has no certificate.
    assert server.ask("", "/healthz", {}) == (200, "well")


def test_names_are_those_of_the_alternatives() -> None:
    certificate = {
        "subject": ((("commonName", "proxy.example.com"),),),
        "subjectAltName": (("DNS", "A.example.com"), ("URI", "spiffe://X"), ("IP Address", "::1")),
    }
    assert names_in(certificate) == {"a.example.com", "spiffe://X"}
    assert names_in({}) == names_in(None) == frozenset()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"TLS_CERT_FILE": "/a"}, "set both"),
        ({"AUTH_PROXY_NAMES": "a"}, "TLS_CLIENT_CA_FILE"),
        (
            {"TLS_CERT_FILE": "/a", "TLS_KEY_FILE": "/b", "TLS_CLIENT_CA_FILE": "/c"},
            "AUTH_PROXY_NAMES",
        ),
        (
            {"TLS_CLIENT_CA_FILE": "/c", "AUTH_PROXY_NAMES": "a"},
            "TLS_CERT_FILE",
        ),
    ],
)
def test_half_a_setting_is_refused(more: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.from_env(HEADER_MODE | {f"DASH_PORTAL_{key}": each for key, each in more.items()})


def test_it_serves_http_unless_told_otherwise() -> None:
    assert Settings.from_env(HEADER_MODE).tls() == {}
