"""Rules for image references: repository, tag and digest."""

from __future__ import annotations

import re

MAX_REPOSITORY = 255
MAX_TAG = 128

DOCKER_HUB = "docker.io"
DOCKER_HUB_HOSTS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})

_COMPONENT = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")
_HOST = re.compile(
    r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*)"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def split_registry(repository: str) -> tuple[str, str]:
    """Split ``repository`` into registry ("" if none is named) and path.

    By the usual convention the first part is a registry if it has a dot or a port, or is
    ``localhost``.
    """
    first, slash, rest = repository.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return "", repository


def split_reference(reference: str) -> tuple[str, str]:
    """Split a whole reference into repository and tag or digest ("" if it has neither)."""
    if "@" in reference:
        repository, _, digest = reference.partition("@")
        head, _, tail = repository.rpartition(":")
        return (head if head and "/" not in tail else repository), digest
    head, _, tail = reference.rpartition(":")
    if head and "/" not in tail:
        return head, tail
    return reference, ""


def written_out(repository: str) -> tuple[str, str]:
    """Return the registry and the path of a repository, with what Docker Hub's names leave out.

    ``nginx`` is ``library/nginx`` at ``docker.io``.
    """
    registry, path = split_registry(repository)
    if registry.lower() in {"", *DOCKER_HUB_HOSTS}:
        return DOCKER_HUB, path if "/" in path else f"library/{path}"
    return registry.lower(), path


def is_digest(tag: str) -> bool:
    """Return True if ``tag`` is a digest."""
    return _DIGEST.fullmatch(tag) is not None


def repository_problem(repository: str) -> str:
    """Check an image repository, ``[registry[:port]/]path`` without tag or digest.

    Return what is wrong and what to do, "" if it is valid.
    """
    if not repository:
        return "Give the image's repository, for example registry.example.com/team/app."
    if "://" in repository:
        return "Leave out “http://” or “https://”: begin with the registry's name."
    if any(character.isspace() for character in repository):
        return "An image repository has no spaces."
    if "@" in repository:
        digest = split_reference(repository)[1]
        return f"Leave out the digest here: put “{_cut(digest)}” in the tag field."
    before, tag = split_reference(repository)
    if tag:
        return f"Leave out the tag here: put “{_cut(tag)}” in the tag field, and keep {before}."
    if len(repository) > MAX_REPOSITORY:
        return f"An image repository may have at most {MAX_REPOSITORY} characters."
    registry, path = split_registry(repository)
    if registry:
        host, colon, port = registry.rpartition(":") if _has_port(registry) else (registry, "", "")
        if colon and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
            return f"“{_cut(port)}” is not a port: write registry:5000/path."
        if not _HOST.fullmatch(host):
            return f"“{_cut(host)}” is not a registry's host name."
    if path != path.lower():
        suggestion = f"{registry}/{path.lower()}" if registry else path.lower()
        return f"An image repository is written in lower case: {suggestion}"
    for component in path.split("/"):
        if not component:
            return "An image repository neither begins nor ends with “/”, nor has it two in a row."
        if not _COMPONENT.fullmatch(component):
            return (
                f"“{_cut(component)}” cannot be part of an image repository: use lower-case "
                "letters and digits, with single “.”, “_” or “-” between them."
            )
    return ""


def tag_problem(tag: str) -> str:
    """Check a tag, or a digest (``sha256:`` and 64 hexadecimal digits) given in its place.

    Return what is wrong and what to do, "" if it is valid.
    """
    if not tag:
        return "Give the image's tag, for example 1.0."
    if is_digest(tag):
        return ""
    if tag.lower().startswith(("sha256:", "@sha256:", "sha512:")):
        return "A digest is “sha256:” and 64 hexadecimal digits (0–9, a–f)."
    if "/" in tag or ":" in tag:
        after = split_reference(tag)[1]
        hint = f": “{_cut(after)}”" if after and not tag_problem(after) else ""
        return f"Give the tag alone, without the repository{hint}."
    if len(tag) > MAX_TAG:
        return f"A tag may have at most {MAX_TAG} characters; this has {len(tag)}."
    if not _TAG.fullmatch(tag):
        return (
            "A tag may hold letters, digits, “.”, “_” and “-”, and begins with a letter, "
            "a digit or “_”."
        )
    return ""


def tag_warning(tag: str) -> str:
    """Return a warning about a tag that is valid but unsafe, "" if there is none."""
    if tag == "latest":
        return (
            "“latest” can mean another image tomorrow, so pods of one app may differ and a "
            "rollback may change nothing. A version such as 1.0 is safer."
        )
    return ""


def _has_port(registry: str) -> bool:
    return ":" in (registry.rpartition("]")[2] if registry.startswith("[") else registry)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
