"""Unpacking untrusted chart archives: paths stay inside the folder, sizes are limited."""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MAX_PACKED = 10 * 1024 * 1024
MAX_UNPACKED = 25 * 1024 * 1024
MAX_FILE = 5 * 1024 * 1024
"""Bytes of one file; Helm has the same limit."""
MAX_FILES = 3_000
MAX_NESTED = 3
HELM_IGNORE = ".helmignore"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\:]")


class ArchiveError(Exception):
    """The archive is refused; the message says why."""


@dataclass
class _Budget:
    """Bytes and files that may still be unpacked, nested archives included."""

    bytes: int = MAX_UNPACKED
    files: int = MAX_FILES
    written: set[str] = field(default_factory=set[str])


def unpack(packed: bytes, folder: Path) -> Path:
    """Unpack a chart (``.tgz``) into ``folder``, which must be empty, and return its own folder.

    Packed subcharts (``charts/*.tgz``) are unpacked in place too, so that the whole chart can be
    inspected; Helm reads them either way.

    Raises:
        ArchiveError: it is too large, or holds links, devices or paths that lead outside.
    """
    try:
        return _unpack(packed, folder, _Budget(), 0)
    except (tarfile.TarError, zlib.error, EOFError, ValueError, UnicodeError) as error:
        raise ArchiveError(f"The archive is damaged ({type(error).__name__}).") from None
    except OSError as error:
        raise ArchiveError(f"The archive cannot be unpacked ({error.strerror}).") from None


def _unpack(packed: bytes, folder: Path, budget: _Budget, level: int) -> Path:
    if level > MAX_NESTED:
        raise ArchiveError("Archives are nested too deeply in it.")
    top = ""
    nested: list[Path] = []
    with tarfile.open(fileobj=io.BytesIO(_inflate(packed, budget)), mode="r:") as tar:
        for member in tar:
            budget.files -= 1
            if budget.files < 0:
                raise ArchiveError(f"The archive holds more than {MAX_FILES} files.")
            path = _path(member.name)
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise ArchiveError(f"The archive holds a link or a device: {_shown(member.name)}")
            if path.parts[1:] == (HELM_IGNORE,):
                continue  # Helm takes all of an archive; of the folder that it becomes it would not
            if len(path.parts) < 2 or (top and path.parts[0] != top):
                raise ArchiveError("The archive is not one folder with a chart in it.")
            top = path.parts[0]
            if member.size > MAX_FILE:
                raise ArchiveError(f"A file in the archive is too large: {_shown(member.name)}")
            target = folder.joinpath(*path.parts)
            if target.exists() or str(target) in budget.written:
                raise ArchiveError(f"A file is in the archive twice: {_shown(member.name)}")
            content = tar.extractfile(member)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read() if content else b"")
            budget.written.add(str(target))
            packed_chart = path.parent.name == "charts" and path.suffix == ".tgz"
            if packed_chart and path.name[0] not in "_.":  # which Helm leaves out
                nested.append(target)
    if not top or not (folder / top / "Chart.yaml").is_file():
        raise ArchiveError("The archive holds no Chart.yaml.")
    for each in nested:
        inner = each.read_bytes()
        each.unlink()
        _unpack(inner, each.parent, budget, level + 1)
    return folder / top


def _inflate(packed: bytes, budget: _Budget) -> bytes:
    """The uncompressed tar; raises ``ArchiveError`` if it exceeds the budget."""
    if len(packed) > MAX_PACKED:
        raise ArchiveError(f"The archive is larger than {MAX_PACKED >> 20} MiB.")
    inflate = zlib.decompressobj(wbits=31)
    tar = inflate.decompress(packed, budget.bytes + 1)
    if len(tar) > budget.bytes:
        raise ArchiveError(f"The archive unpacks to more than {MAX_UNPACKED >> 20} MiB.")
    if not inflate.eof:
        raise ArchiveError("The archive is damaged: its end is missing.")
    budget.bytes -= len(tar)
    return tar


def _path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or _UNSAFE.search(name) or len(name) > 500:
        raise ArchiveError(f"The archive holds a path that leads outside: {_shown(name)}")
    return path


def _shown(name: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in name[:80])
