"""A user name and a password from a folder in which an administrator has mounted a Secret.

Kubernetes keeps the folder up to date, so it is read anew each time.
"""

from __future__ import annotations

from pathlib import Path

from portal.registry.credentials import MAX_CONFIG, ConfigError, Login, entries_for, read_config
from portal.registry.failure import Failure, FetchError

DOCKER_CONFIGS = (".dockerconfigjson", "config.json")

_AGAIN = "Look at the Secret that its credentials name."


def mounted_login(folder: Path, repository: str) -> Login:
    """Return the login in a folder in which a Secret is mounted, for a repository of a registry.

    Raises:
        FetchError: it cannot be read, or is for others; the message quotes nothing of it.
    """
    try:
        for name in DOCKER_CONFIGS:
            if (folder / name).exists():
                return _checked(_of_docker(_content(folder / name), repository))
        return _checked(Login(_text(folder / "username"), _text(folder / "password")))
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", "") or "it is no text"
        words = f"Its user name and password cannot be read ({why}). {_AGAIN}"
        raise FetchError(words, Failure.CREDENTIALS) from None


def _content(path: Path) -> bytes:
    if path.stat().st_size > MAX_CONFIG:
        raise FetchError(f"Its {path.name} is too large. {_AGAIN}", Failure.CREDENTIALS)
    return path.read_bytes()


def _text(path: Path) -> str:
    return _content(path).decode().rstrip("\r\n")


def _checked(login: Login) -> Login:
    if not login.username or ":" in login.username:
        words = f"Its user name is empty, or has a colon. {_AGAIN}"
        raise FetchError(words, Failure.CREDENTIALS)
    return login


def _of_docker(content: bytes, repository: str) -> Login:
    """The login for a repository from what ``docker login`` writes."""
    host = repository.partition("/")[0]
    try:
        found = entries_for(read_config(content), repository)
    except ConfigError as error:
        words = f"Its Docker configuration {error}. {_AGAIN}"
        raise FetchError(words, Failure.CREDENTIALS) from None
    if not found:
        words = f"Its Docker configuration says nothing of {host}. {_AGAIN}"
        raise FetchError(words, Failure.CREDENTIALS)
    login = next((each.login for each in found if each.login), None)
    if login is None:
        words = f"Its Docker configuration has no password for {host}. {_AGAIN}"
        raise FetchError(words, Failure.CREDENTIALS)
    return login
