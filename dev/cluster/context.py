"""A hash of an image's inputs: unchanged inputs need no new build."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pathspec

LABEL = "dash-portal.dev/inputs"


def files(context: Path, *, ignore: str | None = None) -> list[Path]:
    """The context's files that ``.dockerignore`` leaves in, relative and sorted."""
    if ignore is None:
        listed = context / ".dockerignore"
        ignore = listed.read_text() if listed.exists() else ""
    spec = pathspec.GitIgnoreSpec.from_lines([".git/", *anchored(ignore.splitlines())])
    names = spec.match_tree_files(context, negate=True, follow_links=False)
    return sorted(Path(name) for name in names)


def anchored(lines: Iterable[str]) -> list[str]:
    """.dockerignore's patterns as .gitignore's: there a name without a slash matches anywhere."""
    out: list[str] = []
    for line in lines:
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        negated = pattern.startswith("!")
        body = pattern.removeprefix("!").removeprefix("./").removeprefix("/")
        out.append(f"{'!' if negated else ''}/{body}")
    return out


def inputs_hash(
    context: Path, dockerfile: Path, build_args: Mapping[str, str], extra: Iterable[str] = ()
) -> str:
    """A hash of the context's files, the Dockerfile, the arguments and ``extra``."""
    digest = hashlib.sha256()

    def add(*parts: str | bytes) -> None:
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)

    add(dockerfile.read_bytes())
    for name, value in sorted(build_args.items()):
        add(name, value)
    add(*extra)
    for relative in files(context):
        path = context / relative
        if path.is_symlink():
            add(str(relative), "link", str(path.readlink()))
            continue
        mode = "x" if path.stat().st_mode & 0o111 else "-"
        add(str(relative), mode, path.read_bytes())
    return digest.hexdigest()[:32]
