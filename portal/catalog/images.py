"""Allowed images, and the images that a chart's values name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import cast

from portal.catalog.values import as_mapping
from portal.domain import images


def image_allowed(reference: str, patterns: Iterable[str]) -> bool:
    """Return True if an image matches ``patterns`` such as ``registry.example.com/team/*``.

    They are matched against the repository, without tag or digest; ``*`` matches anything,
    ``/`` included. No patterns allow every image. Short names are expanded first: ``nginx`` is
    ``docker.io/library/nginx``.
    """
    wanted = tuple(patterns)
    repository = images.split_reference(reference)[0]
    whole = "/".join(images.written_out(repository))
    return not wanted or any(fnmatchcase(whole, each) for each in wanted)


def image_problem(reference: str, patterns: Iterable[str]) -> str:
    """The reason why an image may not be run; "" if it may."""
    if image_allowed(reference, patterns):
        return ""
    return (
        f"The image {reference[:120]} is not among those that may be run here. Choose another, "
        "or ask an administrator to allow it."
    )


def images_in(values: Mapping[str, object]) -> Iterator[str]:
    """The images that values name in the ways charts commonly use.

    These are a mapping with a ``repository`` (and ``registry``), or a text called ``image``. A
    template may name others, so this gives early feedback and enforces nothing.
    """
    waiting: list[object] = [dict(values)]
    while waiting:
        at = waiting.pop()
        if isinstance(at, list):
            waiting.extend(cast("list[object]", at))
            continue
        here = as_mapping(at)
        repository, registry = here.get("repository"), here.get("registry")
        if isinstance(repository, str) and repository and not repository.startswith("http"):
            host = f"{registry}/" if isinstance(registry, str) and registry else ""
            yield f"{host}{repository}"
        for name, value in here.items():
            if name == "image" and isinstance(value, str) and value:
                yield value
            elif isinstance(value, dict | list):
                waiting.append(cast("object", value))
