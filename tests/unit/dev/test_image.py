"""The scripts that the portal's Dockerfile runs, and the values of the demo."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import jsonschema
import pytest
import yaml

from dev import demo
from dev.cluster.choose import How
from dev.image import assemble, fetch_helm


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A directory that stands for get.helm.sh; returns the archive's sum."""
    monkeypatch.setattr(fetch_helm, "SITE", tmp_path.as_uri())
    monkeypatch.setattr(fetch_helm.platform, "machine", lambda: "x86_64")
    archive = tmp_path / "helm-v4.0.0-linux-amd64.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("linux-amd64/helm")
        member.size = 6
        tar.addfile(member, io.BytesIO(b"binary"))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_name(archive.name + ".sha256sum").write_text(f"{digest}  {archive.name}\n")
    return digest


def test_helm_is_taken_out_of_its_archive(site: str, tmp_path: Path) -> None:
    fetch_helm.main("v4.0.0", str(tmp_path / "helm"), "", "true")
    assert (tmp_path / "helm").read_bytes() == b"binary"
    assert (tmp_path / "helm").stat().st_mode & 0o111
    fetch_helm.main("v4.0.0", str(tmp_path / "again"), site)
    assert (tmp_path / "again").exists()


@pytest.mark.parametrize("unpinned", ["", "false"])
def test_helm_is_not_taken_without_a_sum(site: str, tmp_path: Path, unpinned: str) -> None:
    with pytest.raises(SystemExit, match=r"HELM_SHA256.*helm-v4.0.0-linux-amd64.*is required"):
        fetch_helm.main("v4.0.0", str(tmp_path / "helm"), "", unpinned)
    assert not (tmp_path / "helm").exists()


def test_a_given_sum_counts_more_than_the_published_one(site: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="SHA-256"):
        fetch_helm.main("v4.0.0", str(tmp_path / "helm"), "0" * 64)
    assert not (tmp_path / "helm").exists()


def test_a_broken_archive_is_refused(site: str, tmp_path: Path) -> None:
    (tmp_path / "helm-v4.0.0-linux-amd64.tar.gz").write_bytes(b"broken")
    with pytest.raises(SystemExit, match="SHA-256"):
        fetch_helm.main("v4.0.0", str(tmp_path / "helm"), "", "true")


def test_files_keep_their_places_and_links_stay_links(tmp_path: Path) -> None:
    system, target = tmp_path / "system", tmp_path / "target"
    (system / "usr" / "lib").mkdir(parents=True)
    (system / "usr" / "lib" / "libx.so.1.2").write_text("x")
    (system / "usr" / "lib" / "libx.so.1").symlink_to("libx.so.1.2")
    (system / "lib").symlink_to("usr/lib")
    assemble.place(target, [system / "lib" / "libx.so.1"])
    below = target / system.relative_to("/")
    assert (below / "lib").is_symlink()
    assert (below / "usr" / "lib" / "libx.so.1").is_symlink()
    assert (below / "lib" / "libx.so.1").read_text() == "x"


def test_pruning_spares_what_runs(tmp_path: Path) -> None:
    gone = [
        "dash/deps/a.js.map",
        "dash/deps/react@18.3.1.js",
        "dash/dcc/async-graph.js",
        "kubernetes/client/models/v1_pod.py",
        "plotly/package_data/plotly.min.js",
        "websocket/tests/t.py",
    ]
    kept = [
        "dash/deps/react@18.3.1.min.js",
        "dash/dcc/async-slider.js",
        "dash/dcc/async-upload.js",
        "kubernetes/client/models/__init__.py",
        "kubernetes/aio/client/models/v1_pod.py",
    ]
    for name in gone + kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assemble.prune(tmp_path)
    assert [name for name in gone if (tmp_path / name).exists()] == []
    assert [name for name in kept if not (tmp_path / name).exists()] == []


def test_bytecode_is_kept_of_all_that_a_start_loads() -> None:
    """All else would be compiled anew at each start: the image's file system is read-only."""

    start = """
import gunicorn.app.wsgiapp, portal.app, portal.web_app, portal.web.worker
dash.Dash("portal", server=fastapi.FastAPI(), backend="fastapi")
"""
    end = "print('--')"
    code = "\n".join([assemble.IMPORTS, assemble.LOADED, end, start, assemble.LOADED])
    argv = [sys.executable, "-c", code]
    printed = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=demo.ROOT)
    compiled, _, loaded = printed.stdout.partition("--\n")
    assert compiled
    missing = {*loaded.splitlines()} - {*compiled.splitlines()}
    ours = str(demo.ROOT / "portal")
    assert any(name.startswith(ours) for name in missing)
    assert not [name for name in missing if name.endswith(".py") and not name.startswith(ours)]


@pytest.mark.parametrize("how", [How.LOCAL, How.KIND])
def test_the_demos_values_fit_the_charts_schema(how: How) -> None:
    schema = yaml.safe_load((demo.ROOT / "helm/portal/values.schema.json").read_text())
    digest = "sha256:" + "0" * 64 if how is How.LOCAL else ""
    jsonschema.validate(demo.values(how, digest), schema)
