"""What people bring: images, how they are launched, and what has to come of it.

Each image is a Debian with Python and a few lines of its own (``assemble.py``). A case is launched
with the fields that are given here and the form's defaults for all others, and ends ready, or with
a notice that says why not and which of the form's fields change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.catalog.launch_fields import LABELS
from portal.images.advice import AdviceKind
from tests.images.assemble import File, Image

PORT = 8050
"""The form's default."""
LATE = 25
"""Seconds of a slow start: more than those after which a start that is refused is named."""

WEB = '''
"""A web server that answers everything alike."""
import http.server


def serve(port=8050, host="", status=200, headers={}, refuses=lambda request: False):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(400 if refuses(self) else status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            pass

    http.server.ThreadingHTTPServer((host, port), Handler).serve_forever()
'''


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says of an app that does not become ready.

    ``title`` and ``cause`` are parts of the notice, ``fields`` the form's fields that it names.
    """

    headline: str
    title: str
    cause: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """An image, the fields that it is launched with, and what comes of it; None: ready at once.

    ``before`` is advice that the form gives before the launch.
    """

    what: str
    image: Image
    told: Told | None = None
    form: Mapping[str, object] = field(default_factory=dict[str, object])
    before: AdviceKind | None = None
    private: bool = False
    """The image is in a registry that wants a sign-in."""
    slow: bool = False
    """The image is pulled from a registry that holds it back."""


def app(*lines: str, imports: str = "", **image: object) -> Image:
    """An image whose ``app.py`` has these lines."""
    files = {
        "/app/web.py": File(WEB),
        "/app/app.py": File("\n".join(("from web import serve", imports, *lines, ""))),
    }
    more = image.pop("files", {})
    assert isinstance(more, dict)
    return Image(files={**files, **more}, **image)  # type: ignore[arg-type]


def crash(cause: str, *fields: str, title: str = "Crashing") -> Told:
    return Told("Crashing", title, cause, fields)


def unhealthy(status: int, cause: str) -> Told:
    title = f"Startup probe gets HTTP {status}"
    return Told(title, title, cause, ("health_path",))


FOREIGN = b"\x7fELF\x02\x02\x01".ljust(18, b"\0") + b"\0\x16".ljust(256, b"\0")
"""The beginning of a program for s390x."""
SERVE = "serve()"
SQLITE = (
    "database = sqlite3.connect('visits.db')",
    "database.execute('create table if not exists visits (at text)')",
    SERVE,
)
SHARED = (
    "shared = open('/dev/shm/batch', 'wb')",
    "for _ in range(100):",
    "    shared.write(bytes(1 << 20))",
    SERVE,
)
NOTHING_LISTENS = Told(
    "Starting", "Fails its startup probe", f"Nothing listens on port {PORT}", ("port", "start_time")
)

CORPUS: dict[str, Case] = {
    # The user, and what it may write to.
    "no-user": Case(
        "has no `USER`, so it is made to run as root", app(SERVE), before=AdviceKind.ROOT
    ),
    "named-user": Case("has a `USER` by name", app(SERVE, user="www-data")),
    "named-user-kept": Case(
        "has a `USER` by name, and is to run as that",
        app(SERVE, user="www-data"),
        Told("Cannot start", "Image runs as root", "by name", ("runs_as",)),
        {"runs_as": "image"},
    ),
    "unknown-user": Case(
        "asks for the name of its user, as PyTorch and Shiny do",
        app("getpass.getuser()", SERVE, imports="import getpass"),
    ),
    "needs-root": Case(
        "changes its user at the start, as `gosu` and s6 do",
        app("os.setuid(33)", SERVE, imports="import os"),
        crash("operation not permitted", "runs_as"),
    ),
    "unreadable-files": Case(
        "has files that only root may read",
        app("open('/app/data.csv')", SERVE, files={"/app/data.csv": File("1", 0o600)}),
        crash("permission", "runs_as"),
    ),
    "program-of-root": Case(
        "has its program below `/root`, as `pip install --user` puts it there",
        app(
            SERVE,
            cmd=("serve",),
            env={"PATH": "/root/.local/bin:/usr/local/bin:/usr/bin:/bin"},
            files={"/root/.local/bin/serve": File("#!/bin/sh\nexec python3 app.py\n", 0o755)},
        ),
        crash("only root may read", "command", "runs_as", title="Cannot be started"),
        before=AdviceKind.ROOT,
    ),
    "program-of-root-sh": Case(
        "the same, started by a shell",
        app(
            SERVE,
            cmd=("sh", "-c", "serve --port 8050"),
            env={"PATH": "/root/.local/bin:/usr/local/bin:/usr/bin:/bin"},
            files={"/root/.local/bin/serve": File("#!/bin/sh\nexec python3 app.py\n", 0o755)},
        ),
        crash("serve is not in the image, or not where every user", "command", "runs_as"),
    ),
    "private-home": Case(
        "has its code in a home that only the image's own user may enter",
        app(
            SERVE,
            cmd=("python3", "/home/app/app.py"),
            user="1000:1000",
            files={"/home/app/app.py": File("import web\n", 0o600, owner=1000)},
        ),
        crash("the image's own user", "runs_as"),
    ),
    "compiles-beside-code": Case(
        "caches what it compiles beside its code, as Numba does for librosa and UMAP",
        app(
            "raise RuntimeError(",
            "    \"cannot cache function 'shear': no locator available for file '/app/audio.py'\"",
            ")",
        ),
        crash("NUMBA_CACHE_DIR", "env"),
    ),
    "watches-files": Case(
        "watches its files, on a node that allows no more of that, as Streamlit does",
        app("raise OSError(24, 'inotify instance limit reached')"),
        crash("STREAMLIT_SERVER_FILE_WATCHER_TYPE", "env"),
    ),
    "loads-without-answer": Case(
        "accepts connections and does not answer, as gunicorn while the app is imported",
        Image(
            cmd=(
                "python3",
                "-c",
                "import socket, time; s = socket.create_server(('', 8050)); time.sleep(3600)",
            )
        ),
        Told("Starting", "Fails its startup probe", "GUNICORN_CMD_ARGS", ("start_time",)),
    ),
    "low-port": Case("listens on port 80", app("serve(80)"), form={"port": 80}),
    "writes-beside-code": Case(
        "opens an SQLite file beside its code",
        app(*SQLITE, imports="import sqlite3"),
        crash("unable to open database file", "writable_folders"),
    ),
    "writes-beside-code-folder": Case(
        "the same, with that folder named",
        app(*SQLITE, imports="import sqlite3"),
        form={"writable_folders": "/app"},
    ),
    "writes-anywhere": Case(
        "makes a folder below `/var`, as nginx does",
        app("Path('/var/cache/site').mkdir()", SERVE, imports="from pathlib import Path"),
        crash("Read-only file system", "writable_folders", "writable_root"),
    ),
    "writes-home": Case(
        "keeps a cache in its home directory",
        app(
            "(Path.home() / '.cache').mkdir(exist_ok=True)",
            SERVE,
            imports="from pathlib import Path",
            env={"HOME": "/home/app"},
        ),
    ),
    "shared-memory": Case(
        "puts 100 MiB into `/dev/shm`, as PyTorch's data loaders do",
        app(*SHARED),
        crash("/dev/shm", "shared_memory"),
    ),
    "shared-memory-sized": Case(
        "the same, with shared memory asked for",
        app(*SHARED),
        form={"shared_memory": "128Mi", "memory_limit": "256Mi"},
    ),
    # The port, and what answers on it.
    "loopback": Case(
        "listens on 127.0.0.1",
        app("serve(host='127.0.0.1')", cmd=("python3", "app.py", "--host", "127.0.0.1")),
        NOTHING_LISTENS,
        before=AdviceKind.LOOPBACK,
    ),
    "other-port": Case(
        "listens on another port than was said",
        app("serve(8501)", ports=(8501,)),
        NOTHING_LISTENS,
        before=AdviceKind.PORT,
    ),
    "two-ports": Case(
        "listens on two ports",
        app(
            "threading.Thread(target=serve, args=(9090,), daemon=True).start()",
            SERVE,
            imports="import threading",
            ports=(PORT, 9090),
        ),
    ),
    "late": Case(
        f"listens after {LATE} s", app(f"time.sleep({LATE})", SERVE, imports="import time")
    ),
    "too-late": Case(
        f"listens after {LATE} s, and may take 10",
        app(f"time.sleep({LATE})", SERVE, imports="import time"),
        Told(
            "Not answering",
            "Restarted: startup probe failed",
            f"Nothing listens on port {PORT}",
            ("start_time", "port"),
        ),
        {"start_time": 10},
    ),
    **{
        f"answers-{status}": Case(
            f"answers {status} on `/`",
            app(f"serve(status={status})"),
            unhealthy(status, f"HTTP {status}"),
        )
        for status in (401, 403, 404)
    },
    "answers-404-elsewhere": Case(
        "the same, with an open port for its health",
        app("serve(status=404)"),
        form={"health_path": ""},
    ),
    "answers-302": Case(
        "answers 302 on `/`, to a login elsewhere",
        app("serve(status=302, headers={'Location': 'https://login.example.com/'})"),
    ),
    "only-websockets": Case(
        "answers WebSockets only",
        app("serve(status=426, headers={'Upgrade': 'websocket'})"),
        unhealthy(426, "WebSockets only"),
    ),
    "own-host-only": Case(
        "refuses host names that it does not know, as Django does",
        app("serve(refuses=lambda r: not r.headers['Host'].startswith('localhost'))"),
        unhealthy(400, "allow any host name"),
    ),
    "service-links": Case(
        "reads a number from a variable that Kubernetes may set for a Service of its name",
        app(
            f"serve(int(os.environ.get('SERVICE_LINKS_PORT', '{PORT}')))",
            imports="import os",
        ),
    ),
    # The start.
    "needs-variable": Case(
        "needs an environment variable",
        app("os.environ['DATABASE_URL']", SERVE, imports="import os"),
        crash("DATABASE_URL", "env"),
    ),
    "needs-variable-given": Case(
        "the same, with it given",
        app("os.environ['DATABASE_URL']", SERVE, imports="import os"),
        form={"env": "DATABASE_URL=postgres://db/sales"},
    ),
    "needs-internet": Case(
        "downloads a model at its start, where no name is known",
        app(
            "urllib.request.urlopen('http://models.invalid/')",
            SERVE,
            imports="import urllib.request",
        ),
        crash("could not be reached", "env"),
    ),
    "missing-package": Case(
        "imports a package that is not in it", app("import flask", SERVE), crash("flask")
    ),
    "no-command": Case(
        "has no `CMD`",
        app(SERVE, cmd=()),
        Told("Cannot start", "No command", "ENTRYPOINT", ("command",)),
        before=AdviceKind.NO_COMMAND,
    ),
    "ends": Case(
        "is a script that ends", app("print('done')"), crash("without an error", "command")
    ),
    "script-crlf": Case(
        "starts a script with Windows' line ends",
        app(
            SERVE,
            cmd=(),
            entrypoint=("/app/start.sh",),
            files={"/app/start.sh": File("#!/bin/sh\r\nexec python3 app.py\r\n", 0o755)},
        ),
        crash("line ends", "command"),
    ),
    "script-crlf-sh": Case(
        "the same, given to `sh`",
        app(
            SERVE,
            cmd=("sh", "start.sh"),
            files={"/app/start.sh": File("cd /app\r\nexec python3 app.py\r\n")},
        ),
        crash("line ends"),
    ),
    "script-not-executable": Case(
        "starts a script that is not executable",
        app(
            SERVE,
            cmd=(),
            entrypoint=("/app/start.sh",),
            files={"/app/start.sh": File("#!/bin/sh\nexec python3 app.py\n")},
        ),
        crash("executable", "command", title="Cannot be started"),
    ),
    "ignores-sigterm": Case(
        "ignores SIGTERM",
        app("signal.signal(signal.SIGTERM, signal.SIG_IGN)", SERVE, imports="import signal"),
    ),
    "memory": Case(
        "uses more memory than its limit while it is imported",
        app("data = bytearray(200 << 20)", "data[::4096] = bytes(len(data[::4096]))", SERVE),
        crash("more memory than its limit", "memory_limit", title="Out of memory"),
        {"memory_request": "64Mi", "memory_limit": "64Mi"},
    ),
    "workers": Case(
        "starts a worker for each core that the node has, as gunicorn is told to",
        app(
            "for _ in range(8):",
            "    if os.fork() == 0:",
            "        data = bytearray(40 << 20)",
            "        data[::4096] = bytes(len(data[::4096]))",
            "        signal.pause()",
            "os.wait()",
            "sys.exit('Worker (pid:9) was sent SIGKILL! Perhaps out of memory?')",
            imports="import os, signal, sys",
        ),
        crash("raise the memory limit", "memory_limit", title=""),
        {"memory_request": "128Mi", "memory_limit": "128Mi"},
    ),
    # The registry.
    "wrong-platform": Case(
        "is built for another processor",
        app(SERVE, architecture="s390x", index=True),
        Told("Cannot start", "Wrong CPU architecture", "another CPU architecture", ("tag",)),
        before=AdviceKind.PLATFORM,
    ),
    "wrong-processor": Case(
        "the same, in a registry that does not say so",
        app(SERVE, cmd=("/app/program",), files={"/app/program": File(FOREIGN, 0o755)}),
        crash("another CPU architecture", title=""),
    ),
    "slow-pull": Case("is large, and pulled slowly", app(SERVE, ballast=2 << 20), slow=True),
    "private": Case(
        "is in a registry that wants a sign-in",
        app(SERVE),
        Told("Cannot start", "private", "pull secret", ("pull_secrets",)),
        private=True,
    ),
    "private-signed-in": Case(
        "the same, with a pull secret",
        app(SERVE),
        form={"pull_secrets": "registry-login"},
        private=True,
    ),
}


def documentation() -> str:
    """The corpus as a table of docs/images.md."""
    rows = [
        "| An image that … | launched with | becomes | what changes it, in the form |",
        "|---|---|---|---|",
    ]
    for case in CORPUS.values():
        given = ", ".join(f"{LABELS[name]}: `{value}`" for name, value in case.form.items())
        ending = "**Ready**"
        if case.told:
            named = case.told.title not in {"", case.told.headline}
            title = f", “{case.told.title}”" if named else ""
            ending = f"**{case.told.headline}**{title}: {case.told.cause}"
        before = f" (said before the launch: {case.before.value})" if case.before else ""
        mending = ", ".join(LABELS[name] for name in case.told.fields) if case.told else ""
        rows.append(f"| {case.what} | {given} | {ending}{before} | {mending} |")
    return "\n".join(rows) + "\n"
