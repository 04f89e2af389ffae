"""Lay out the portal's root file system: Python, what it links to, its packages, and no more.

Run by the Dockerfile in a stage that holds Python and the installed virtual environment; the
result becomes the image's only system layer: no shell, no package manager, no compiler.

Usage: assemble.py VENV TARGET
"""

from __future__ import annotations

import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path

USER = 10001

Ignore = Callable[[str, list[str]], set[str]]

#: Parts of the standard library that a server does not use.
STDLIB_SURPLUS = "test idlelib lib2to3 turtledemo tkinter ensurepip site-packages dist-packages"

#: In the virtual environment. The Kubernetes client comes twice, and the portal uses the
#: asynchronous one; the rest serves browsers' debuggers, notebooks and the packages' own tests, or
#: is parts of Dash's components that no page has: Plotly's script alone is 5 MB.
VENV_SURPLUS = (
    "**/*.map",
    "**/tests",
    "alembic/testing",
    "**/__pycache__",
    "dash/dash-renderer/build/dash_renderer.dev.js",
    "dash/dash_table/*_test*.js",
    "dash/dash_table/async-*.js",
    "dash/dash_table/commons.js",
    "dash/dash_table/demo.js",
    "dash/dcc/async-[!su]*.js",
    "dash/deps/*[0-9].js",
    "kubernetes/client/api/[a-z]*",
    "kubernetes/client/models/[a-z]*",
    "plotly/labextension",
    "plotly/package_data/plotly.min.js",
    "plotly/package_data/widgetbundle.js",
    "setuptools*",
    "sqlalchemy/testing",
    "_distutils_hack",
    "distutils-precedence.pth",
)

#: Where the packages have what browsers load.
SERVED = (
    "dash/deps",
    "dash/dash-renderer/build",
    "dash/dcc",
    "dash/html",
    "dash_bootstrap_components/_components",
)

#: What the C library and TLS look for by name, without being linked to it.
SYSTEM_FILES = (
    "etc/nsswitch.conf",
    "etc/ssl/openssl.cnf",
    "usr/lib/ssl",
    "usr/lib/*/libgcc_s.so.1",
)

#: The certificate authorities of the system's package. Not /etc/ssl/certs: that may be mounted
#: from the machine that builds.
AUTHORITIES = Path("/usr/share/ca-certificates/mozilla")

#: Run once to find the modules whose bytecode is worth keeping: all that a start loads. SQLAlchemy
#: is loaded where a database is configured; Alembic, with its first migration alone.
IMPORTS = """
import anyio._backends._asyncio, plotly.io.json
import dash, dash_bootstrap_components, difflib, encodings.idna, fastapi, gunicorn.app.wsgiapp
import gunicorn.workers.gasgi, immutables, jsonschema, kubernetes.aio.client
import starlette.middleware.gzip, statistics
import kubernetes.aio.config, msgspec, prometheus_client.core, psycopg, pyhelm3, tarfile
import sqlalchemy.dialects.postgresql.psycopg, sqlalchemy.dialects.sqlite.pysqlite
import re2, ruamel.yaml, uvloop, websockets, yaml
dash.Dash("portal", server=fastapi.FastAPI(), backend="fastapi")
"""

#: Says where everything that is loaded by now came from.
LOADED = """
import sys
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
print(*filter(None, files), sep="\\n")
"""


def main(venv: Path, target: Path) -> None:
    """Fill ``target``."""
    packages = next(venv.glob("lib/python3*/site-packages"))
    prune(packages)
    folders = [packages / folder for folder in SERVED]
    subprocess.run(
        [venv / "bin" / "python", Path(__file__).with_name("compress.py"), *folders], check=True
    )
    compile_imported(venv / "bin" / "python")
    python = Path(os.path.realpath(sys.executable))
    stdlib = Path(sysconfig.get_path("stdlib"))
    place(target, [stdlib], ignore=shutil.ignore_patterns(*STDLIB_SURPLUS.split()))
    place(target, [venv, venv / "bin" / "python"])
    place(target, linked([python, *stdlib.rglob("*.so"), *venv.rglob("*.so*")]))
    place(target, [path for pattern in SYSTEM_FILES for path in Path("/").glob(pattern)])
    etc = target / "etc"
    certificates = etc / "ssl" / "certs" / "ca-certificates.crt"
    certificates.parent.mkdir(parents=True, exist_ok=True)
    certificates.write_text("".join(f.read_text() for f in sorted(AUTHORITIES.glob("*.crt"))))
    (etc / "passwd").write_text(f"portal:x:{USER}:{USER}::/tmp:/sbin/nologin\n")
    (etc / "group").write_text(f"portal:x:{USER}:\n")
    (target / "tmp").mkdir(mode=0o1777)
    (target / "tmp").chmod(0o1777)


def prune(packages: Path) -> None:
    """Remove what the running portal never reads."""
    for pattern in VENV_SURPLUS:
        for path in list(packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def compile_imported(python: Path) -> None:
    """Keep bytecode of the modules the portal imports: it cannot write any when it runs."""
    listed = subprocess.run(
        [python, "-c", IMPORTS + LOADED], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()
    for name in listed:
        if name.endswith(".py"):
            py_compile.compile(
                name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )


def linked(binaries: Iterable[Path]) -> list[Path]:
    """Return the shared libraries, and the loader, that ``binaries`` need."""
    found: set[str] = set()
    for binary in binaries:
        # Libraries that a wheel brings along are found relative to it, and are placed already.
        output = subprocess.run(["ldd", binary], check=False, capture_output=True, text=True).stdout
        found.update(re.findall(r"(?:=> )?(/\S+) \(0x", output))
    return sorted(Path(name) for name in found if "/site-packages/" not in name)


def place(target: Path, paths: Iterable[Path], ignore: Ignore | None = None) -> None:
    """Copy files and directories to the same place below ``target``; links stay links.

    Directories that are links in this system (/lib → usr/lib) become the same links there.
    """
    for path in paths:
        for parent in reversed(path.parents):
            copy = target / parent.relative_to("/")
            if parent.is_symlink() and not copy.is_symlink():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.symlink_to(parent.readlink())
        real = Path(os.path.realpath(path.parent)) / path.name
        copy = target / real.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        if real.is_symlink():
            if not copy.is_symlink():
                copy.symlink_to(real.readlink())
            place(target, [Path(os.path.normpath(real.parent / real.readlink()))])
        elif real.is_dir():
            shutil.copytree(real, copy, symlinks=True, ignore=ignore, dirs_exist_ok=True)
        elif not copy.exists():
            shutil.copy2(real, copy)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
