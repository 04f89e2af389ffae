"""The image's SBOM: what is in it, and that CycloneDX's own schema takes it."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from dev import demo
from dev.cluster import registry
from dev.image import sbom

MODULES = """path\thelm.sh/helm/v4/cmd/helm
mod\texample.com/tools\t(devel)
dep\thelm.sh/helm/v4\tv4.3.1\th1:x=
dep\tk8s.io/api\tv0.0.0
=>\tk8s.io/api\tv0.37.2\th1:y=
dep\tgolang.org/x/net\tv1.0.0\th1:z=
build\t-trimpath=true
"""


def go_program(modules: str = MODULES) -> bytes:
    """A program with build information as Go ≥ 1.18 writes it."""

    def text(content: bytes) -> bytes:
        length, written = len(content), bytearray()
        while length >= 0x80:
            written.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes([*written, length]) + content

    head = sbom.GO_MAGIC + bytes([8, 2]) + bytes(16)
    marked = b"0" * 16 + modules.encode() + b"1" * 16
    return b"\x7fELF" + bytes(100) + head + text(b"go1.26.8 X:a") + text(marked) + bytes(50)


def dpkg(folder: Path) -> Path:
    (folder / "info").mkdir(parents=True)
    (folder / "info" / "libc6:amd64.list").write_text("/.\n/lib/x86_64/libc.so.6\n/usr/lib\n")
    (folder / "info" / "libssl3.list").write_text("/usr/lib/libssl.so.3\n")
    (folder / "info" / "bash.list").write_text("/bin/bash\n")
    status = [
        "Package: libc6\nArchitecture: amd64\nVersion: 2.36-9+deb12u10",
        "Package: libssl3\nArchitecture: amd64\nVersion: 1:3.0~rc\nDescription: TLS\n Version: no",
        "Package: bash\nArchitecture: amd64\nVersion: 5.2",
    ]
    (folder / "status").write_text("\n\n".join(status) + "\n")
    return folder


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The package URLs in an SBOM, with the versions, that the schema has taken."""
    monkeypatch.setattr(sbom, "DPKG", dpkg(tmp_path / "dpkg"))
    root = tmp_path / "root"
    for name in ("usr/lib/x86_64/libc.so.6", "usr/lib/libssl.so.3", "app/x.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    for name, metadata in (
        ("A_b.c", "Version: 1.0+local\nLicense-Expression: MIT OR Apache-2.0"),
        ("pyyaml", "Version: 6.0"),
    ):
        info = root / "site" / f"{name}-0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\n{metadata}\n")
    (tmp_path / "helm").write_bytes(go_program())
    target = tmp_path / "sbom.json"
    sbom.main(root, root / "site", tmp_path / "helm", demo.ROOT / "portal", target)
    first = target.read_text()
    sbom.main(root, root / "site", tmp_path / "helm", demo.ROOT / "portal", target)
    assert target.read_text() == first, "the same parts give the same file"
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(first)
    assert problem is None, problem
    bom = json.loads(first)
    assert bom["metadata"]["component"]["name"] == "dash-portal"
    return {each["purl"].partition("@")[0]: each["version"] for each in bom["components"]}


VENDORED = ("bootstrap", "bootstrap-icons", "%40xterm/xterm", "uplot", "hyparquet-writer")


def test_all_parts_are_in_it(made: dict[str, str]) -> None:
    sheets = {name: made.pop(f"pkg:npm/{name}", "") for name in VENDORED}
    assert all(sheets.values()), sheets
    assert made == {
        "pkg:deb/debian/libc6": "2.36-9+deb12u10",
        "pkg:deb/debian/libssl3": "1:3.0~rc",
        "pkg:generic/python": ".".join(map(str, sys.version_info[:3])),
        "pkg:generic/go": "1.26.8",
        "pkg:golang/example.com/tools": "(devel)",
        "pkg:golang/helm.sh/helm/v4": "v4.3.1",
        "pkg:golang/k8s.io/api": "v0.37.2",
        "pkg:golang/golang.org/x/net": "v1.0.0",
        "pkg:pypi/a-b-c": "1.0+local",
        "pkg:pypi/pyyaml": "6.0",
    }


@pytest.mark.parametrize("binary", [b"", b"#!/bin/sh", sbom.GO_MAGIC + bytes([8, 0]) + bytes(99)])
def test_what_is_no_program_of_go_has_no_modules(binary: bytes) -> None:
    assert list(sbom.go(binary)) == []


def test_the_image_has_it_where_the_documents_say() -> None:
    dockerfile = (demo.ROOT / "Dockerfile").read_text()
    assert "COPY --from=parts /sbom.cdx.json /app/sbom.cdx.json" in dockerfile
    assert "/app/sbom.cdx.json" in (demo.ROOT / "docs" / "install.md").read_text()


def test_the_base_is_taken_by_its_digest() -> None:
    """Any other is refused, but this machine's own, and when somebody tries it out."""
    dockerfile = (demo.ROOT / "Dockerfile").read_text()
    assert 'RUN case "${BASE}@${UNPINNED}" in localhost[:/]*|*@sha256:*|*@true) ;;' in dockerfile


def test_a_file_of_an_image_is_that_of_its_last_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests: list[str] = []
    for number, name in enumerate(["app/sbom.cdx.json", "./app/sbom.cdx.json", "app/other"]):
        digests.append(f"layer{number}")
        with tarfile.open(tmp_path / digests[-1], "w:gz") as tar:
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(str(number).encode()))
    found = ("", {"layers": [{"digest": each} for each in digests]})
    monkeypatch.setattr(registry, "answers", lambda: True)
    monkeypatch.setattr(registry, "_manifest", lambda _: found)
    monkeypatch.setattr(
        registry.urllib.request,
        "urlopen",
        lambda url, timeout: (tmp_path / url.rpartition("/")[2]).open("rb"),
    )
    image = f"{registry.settings.REGISTRY}/dash-portal:dev"
    assert registry.file(image, "app/sbom.cdx.json") == b"1"
    assert registry.file(image, "app/none") is None
