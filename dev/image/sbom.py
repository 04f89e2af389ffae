"""Write down what the portal's image is made of: an SBOM in CycloneDX's JSON.

Run by the Dockerfile, with nothing but the standard library: Debian's packages by the files that
were copied, Python's packages by their metadata, Helm by the build information that Go leaves in
its programs, and what the portal brings along itself.

Usage: sbom.py ROOT SITE_PACKAGES HELM PORTAL TARGET
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]

DPKG = Path("/var/lib/dpkg")
GO_MAGIC = b"\xff Go buildinf:"


def main(root: Path, packages: Path, helm: Path, portal: Path, target: Path) -> None:
    """Write the SBOM of what is in these places to ``target``."""
    components = [
        *debian(root, DPKG),
        *python(packages),
        *go(helm.read_bytes()),
        *vendored(portal / "ui" / "assets" / "vendor"),
    ]
    version = re.search(r'__version__ = "(.+?)"', (portal / "__init__.py").read_text())
    target.write_text(document(version[1] if version else "0", components))


def document(version: str, components: Iterable[Component]) -> str:
    """The SBOM, the same for the same parts."""
    unique = {each["bom-ref"]: each for each in components}
    parts = [unique[ref] for ref in sorted(unique)]
    name = "dash-portal"
    # No time and no chance: the same parts give the same file, and the same layer of the image.
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([version, *sorted(unique)]))
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": component("container", name, version, f"pkg:oci/{name}")},
        "components": parts,
    }
    return json.dumps(bom, indent=1, ensure_ascii=False) + "\n"


def component(kind: str, name: str, version: str, purl: str, **more: Any) -> Component:
    """One part, named by its package URL."""
    at = f"{purl}@{quote(version, safe='')}"
    return {"type": kind, "bom-ref": at, "name": name, "version": version, "purl": at, **more}


def debian(root: Path, dpkg: Path) -> Iterator[Component]:
    """The Debian packages that any file below ``root`` comes from."""
    owners: dict[str, str] = {}
    for listed in (dpkg / "info").glob("*.list"):
        for line in listed.read_text().splitlines():
            owners[_merged(line)] = listed.stem.partition(":")[0]
    files = (f"/{path.relative_to(root)}" for path in root.rglob("*") if not path.is_dir())
    used = {owners[path] for path in map(_merged, files) if path in owners}
    for entry in (dpkg / "status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]*): (.*)$", entry, re.MULTILINE))
        name = fields.get("Package", "")
        if name in used:
            made = component("library", name, fields["Version"], f"pkg:deb/debian/{quote(name)}")
            made["purl"] += f"?arch={fields['Architecture']}"
            made["bom-ref"] = made["purl"]
            yield made


def _merged(path: str) -> str:
    """A path where /lib and its like are links to /usr/lib, as in every Debian by now."""
    return re.sub(r"^/(bin|sbin|lib\w*)/", r"/usr/\1/", path)


def python(packages: Path) -> Iterator[Component]:
    """The Python packages in a folder, and Python itself."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield component("platform", "python", version, "pkg:generic/python")
    for each in distributions(path=[str(packages)]):
        name = re.sub(r"[-_.]+", "-", each.name).lower()
        yield component("library", name, each.version, f"pkg:pypi/{quote(name)}", **_license(each))


def _license(each: Distribution) -> dict[str, Any]:
    expression = each.metadata.get("License-Expression")
    return {"licenses": [{"expression": expression}]} if expression else {}


def go(binary: bytes) -> Iterator[Component]:
    """A Go program's modules, and the Go that built it; nothing for any other file."""
    at = binary.find(GO_MAGIC)
    # Byte 15 has bit 1 set if two texts follow from byte 32 on, each after its length.
    if at < 0 or not binary[at + 15] & 2:
        return
    version, at = _text(binary, at + 32)
    modules, _ = _text(binary, at)
    tool = version.decode().partition(" ")[0].removeprefix("go")
    yield component("platform", "go", tool, "pkg:generic/go")
    # 16 bytes on either side mark the text.
    last: tuple[str, str] | None = None
    for line in [*modules[16:-16].decode().splitlines(), ""]:
        word, *rest = line.split("\t")
        if word == "=>" and rest:
            last = (rest[0], rest[1])  # it stands in the place of the one before
            continue
        if last:
            yield component("library", *last, f"pkg:golang/{quote(last[0])}")
        last = (rest[0], rest[1]) if word in {"mod", "dep"} else None


def _text(binary: bytes, at: int) -> tuple[bytes, int]:
    """A text after its length, which takes seven bits of each byte; and where it ends."""
    length = shift = 0
    while True:
        length |= (binary[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not binary[at - 1] & 0x80:
            return binary[at : at + length], at + length


def vendored(folder: Path) -> Iterator[Component]:
    """Scripts and style sheets of others that the portal serves, by what their first lines say."""
    known = r"(Bootstrap(?: Icons)?|@xterm/xterm|uPlot|hyparquet-writer) +\(?v?(\d[\w.]*)"
    heads = (file.read_text()[:1000] for file in sorted(folder.glob("*.[cj]s*")))
    found = {
        each[1].strip().lower().replace(" ", "-"): each[2]
        for head in heads
        if (each := re.search(known, head))
    }
    for name, version in found.items():
        yield component("library", name, version, f"pkg:npm/{quote(name)}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
