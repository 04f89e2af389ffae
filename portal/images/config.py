"""The configuration of an image, as its registry has it; and what the portal makes of that. Pure.

What strangers write is cut: an image may say anything of any length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TypeVar

from msgspec import Struct

from portal.domain.secrets import HIDDEN, looks_secret, without_secret_patterns
from portal.images.report import (
    ExposedPort,
    Healthcheck,
    ImageConfig,
    NeededVariable,
    Platform,
)
from portal.registry.repository import decoded

MOST = 100
"""Entries of a list that are kept."""
LONGEST = 500
"""Characters of a text that are kept."""

REQUIRED_VARIABLES = "dash-portal.io/required-env"
"""Label that names variables an image needs: ``NAME``, or ``NAME=what it is``, between commas."""
DOCKER_PARAMS = "org.label-schema.docker.params"
"""The same in an older convention."""

_PORT = re.compile(r"(\d{1,5})(?:/(tcp|udp|sctp))?", re.IGNORECASE)
T = TypeVar("T")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,252}")


class _Healthcheck(Struct, frozen=True, rename="pascal"):
    test: list[str] | None = None
    interval: float | None = None


class _Config(Struct, frozen=True, rename="pascal"):
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    working_dir: str | None = None
    user: str | None = None
    exposed_ports: dict[str, object] | None = None
    volumes: dict[str, object] | None = None
    env: list[str] | None = None
    labels: dict[str, str] | None = None
    healthcheck: _Healthcheck | None = None
    stop_signal: str | None = None


class _File(Struct, frozen=True):
    """The JSON document that a manifest's ``config`` refers to."""

    architecture: str = ""
    os: str = ""
    variant: str | None = None
    created: str | None = None
    config: _Config | None = None


def read_config(body: bytes) -> tuple[Platform, ImageConfig]:
    """Return what an image is for, and what it says of itself.

    Raises:
        FetchError: this is not an image's configuration.
    """
    found = decoded(body, _File)
    told = found.config or _Config()
    labels = {_cut(name): _cut(text) for name, text in _some((told.labels or {}).items())}
    config = ImageConfig(
        entry_point=_texts(told.entrypoint),
        command=_texts(told.cmd),
        working_folder=_cut(told.working_dir or ""),
        user=_cut(told.user or ""),
        ports=tuple(sorted(_ports(told.exposed_ports or {}), key=lambda each: each.number)),
        volumes=tuple(sorted(_texts(told.volumes))),
        environment=_environment(told.env or ()),
        labels={name: without_secret_patterns(text) for name, text in labels.items()},
        needed=tuple(_needed(labels)),
        healthcheck=_healthcheck(told.healthcheck),
        stop_signal=_cut(told.stop_signal or ""),
        created=_cut(found.created or ""),
    )
    return Platform(_cut(found.os), _cut(found.architecture), _cut(found.variant or "")), config


def _ports(exposed: Mapping[str, object]) -> Iterable[ExposedPort]:
    for each in _some(exposed):
        found = _PORT.fullmatch(each)
        if found and 1 <= int(found[1]) <= 65535:
            yield ExposedPort(int(found[1]), (found[2] or "tcp").lower())


def _environment(lines: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _some(lines):
        name, _, value = line.partition("=")
        secret = value and looks_secret(name[:253])
        found[_cut(name)] = HIDDEN if secret else without_secret_patterns(_cut(value))
    return found


def _needed(labels: Mapping[str, str]) -> Iterable[NeededVariable]:
    """The variables that labels ask for, each once."""
    seen: set[str] = set()
    for label in (REQUIRED_VARIABLES, DOCKER_PARAMS):
        for part in _some(labels.get(label, "").split(",")):
            name, _, description = part.partition("=")
            name = name.strip()
            if _VARIABLE.fullmatch(name) and name not in seen:
                seen.add(name)
                yield NeededVariable(name, description.strip())


def _healthcheck(told: _Healthcheck | None) -> Healthcheck | None:
    test = _texts(told.test if told else None)
    if told is None or not test or test[0] == "NONE":
        return None
    return Healthcheck(test, told.interval / 1e9 if told.interval else None)


def _texts(found: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(without_secret_patterns(_cut(each)) for each in _some(found or ()))


def _some(found: Iterable[T]) -> Iterable[T]:
    return islice(found, MOST)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
