"""Docker configurations: user names and passwords by registry, as pull secrets hold them. Pure.

A registry's entry is found as the kubelet finds it, so that what is looked at here is what a pod
would pull.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import cast
from urllib.parse import urlsplit

from msgspec import Struct

from portal.domain.images import DOCKER_HUB

MAX_CONFIG = 64 * 1024
"""Bytes of a Docker configuration that is read."""

_HUB_KEY = "index.docker.io"


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password; neither appears in its ``repr``."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The ``Authorization`` header for HTTP basic authentication."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class Entry(Struct, frozen=True):
    """One entry of a Docker configuration.

    ``location`` is ``host[:port][/path]``; ``login`` None where it has no user name and password
    that can be read.
    """

    location: str
    login: Login | None


class ConfigError(ValueError):
    """This is no Docker configuration; the message quotes nothing of it."""


def read_config(content: bytes, *, legacy: bool = False) -> tuple[Entry, ...]:
    """Return the entries of a Docker configuration.

    ``legacy`` is the older form, of Secrets of the type ``kubernetes.io/dockercfg``.

    Raises:
        ConfigError: it is too large, or not JSON.
    """
    if len(content) > MAX_CONFIG:
        raise ConfigError("is too large")
    try:
        loaded: object = json.loads(content)
    except (ValueError, RecursionError):
        raise ConfigError("is not JSON") from None
    whole = _mapping(loaded)
    entries = whole if legacy else _mapping(whole.get("auths"))
    return tuple(Entry(_location(name), _login(_mapping(each))) for name, each in entries.items())


def entries_for(entries: Iterable[Entry], repository: str) -> tuple[Entry, ...]:
    """Return the entries that are for a repository, the most specific first.

    ``repository`` is written out, ``docker.io/library/nginx``.
    """
    ordered = sorted(entries, key=lambda each: each.location, reverse=True)
    found = tuple(each for each in ordered if _matches(each.location, repository))
    if found or repository.partition("/")[0] != DOCKER_HUB:
        return found
    return tuple(each for each in ordered if each.location == _HUB_KEY)


def _location(name: str) -> str:
    try:
        parts = urlsplit(name if name.startswith(("http://", "https://")) else f"https://{name}")
    except ValueError:
        return ""  # is for nothing
    path = parts.path
    if path.startswith(("/v1/", "/v2/")):  # the old protocol's addresses: the host is meant
        path = path[3:]
    return parts.netloc.lower() + (path if path != "/" else "")


def _matches(pattern: str, repository: str) -> bool:
    """As the kubelet compares: part by part of the host, equal ports, the path's beginning."""
    host, _, path = pattern.partition("/")
    own_host, _, own_path = repository.partition("/")
    name, _, port = host.partition(":")
    own_name, _, own_port = own_host.lower().partition(":")
    parts, own_parts = name.split("."), own_name.split(".")
    return (
        port == own_port
        and len(parts) == len(own_parts)
        and all(fnmatchcase(own, each) for own, each in zip(own_parts, parts, strict=True))
        and own_path.startswith(path)
    )


def _login(entry: Mapping[str, object]) -> Login | None:
    username, password = entry.get("username"), entry.get("password")
    auth = entry.get("auth")
    if isinstance(auth, str) and auth:  # counts more than the two
        try:
            padded = auth + "=" * (-len(auth) % 4)
            pair = base64.b64decode(padded, validate=True).decode()
        except (binascii.Error, UnicodeError):
            return None
        username, colon, password = pair.partition(":")
        if not colon:
            return None
        password = password.rstrip("\0")
    if isinstance(username, str) and isinstance(password, str):
        return Login(username, password)
    return None


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
