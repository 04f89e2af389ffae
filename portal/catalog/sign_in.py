"""Credentials of a source, and the addresses they may be sent to.

They are in a mounted Secret that Kubernetes keeps up to date, so they are read each time. They are
sent to the source's own origin and to its ``token_host``, both from the settings; nothing that a
server answers changes that.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from portal.catalog.fetch import FetchError, origin
from portal.catalog.sources import Source
from portal.catalog.values import as_mapping

DOCKER_CONFIGS = (".dockerconfigjson", "config.json")
MAX_FILE = 64 * 1024

_AGAIN = "Look at the Secret that its credentials name."


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


def read_login(source: Source) -> Login | None:
    """The login of a source; None if its settings name none.

    Raises:
        FetchError: it cannot be read; the message quotes nothing of it.
    """
    folder = source.credentials
    if folder is None:
        return None
    host = urlsplit(source.url).netloc.lower()
    try:
        for name in DOCKER_CONFIGS:
            if (folder / name).exists():
                return _checked(_of_docker(_text(folder / name), host))
        return _checked(Login(_text(folder / "username"), _text(folder / "password")))
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", "") or "it is no text"
        raise FetchError(f"Its user name and password cannot be read ({why}). {_AGAIN}") from None


def own_origin(source: Source) -> tuple[str, str]:
    """Scheme and host of the source's address in the settings."""
    parts = urlsplit(source.url)
    if parts.scheme == "oci":
        return "http" if source.plain_http else "https", parts.netloc.lower()
    return parts.scheme, parts.netloc.lower()


def may_send_password(source: Source, url: str) -> bool:
    """Return True if the source's password may be sent to ``url``."""
    own = own_origin(source)
    return origin(url) in {own, (own[0], source.token_host.lower())}


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_FILE:
        raise FetchError(f"Its {path.name} is too large. {_AGAIN}")
    return path.read_text().rstrip("\r\n")


def _checked(login: Login) -> Login:
    if not login.username or ":" in login.username:
        raise FetchError(f"Its user name is empty, or has a colon. {_AGAIN}")
    return login


def _of_docker(text: str, host: str) -> Login:
    """The login for a host from a Docker configuration, as written by ``docker login``."""
    try:
        logins = as_mapping(as_mapping(json.loads(text)).get("auths"))
    except (ValueError, RecursionError):
        raise FetchError(f"Its Docker configuration is not JSON. {_AGAIN}") from None
    for name, content in logins.items():
        if urlsplit(name if "://" in name else f"//{name}").netloc.lower() != host:
            continue
        login = as_mapping(content)
        username, password = login.get("username"), login.get("password")
        if isinstance(username, str) and isinstance(password, str):
            return Login(username, password)
        try:
            pair = base64.b64decode(str(login.get("auth", "")), validate=True).decode()
        except (binascii.Error, UnicodeError):
            pair = ""
        username, colon, password = pair.partition(":")
        if colon:
            return Login(username, password)
        raise FetchError(f"Its Docker configuration has no password for {host}. {_AGAIN}")
    raise FetchError(f"Its Docker configuration says nothing of {host}. {_AGAIN}")
