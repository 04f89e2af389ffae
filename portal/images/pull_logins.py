"""The user names and passwords that an image is looked at with: those its pods would pull with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.domain.keys import SHARED_LABEL, Key
from portal.domain.pull_secrets import DOCKER_CFG, DOCKER_CONFIG_JSON, PullSecret
from portal.images.report import Part, Problem
from portal.registry.credentials import ConfigError, Entry, Login, entries_for, read_config
from portal.registry.failure import Failure, FetchError
from portal.registry.mounted import mounted_login

ACCOUNT = "default"
"""The ServiceAccount that apps run as."""
MAX_SECRETS = 10
MAX_LOGINS = 3
"""User names that are tried, one after another."""


class PullSecretSource(Protocol):
    """A reader of pull secrets, for a person."""

    async def of_account(self, account: Key, *, identity: Identity | None) -> tuple[str, ...]:
        """Return the names of the pull secrets that a ServiceAccount gives its pods."""
        ...

    async def secret(self, key: Key, *, identity: Identity | None) -> PullSecret | None:
        """Return a Secret; None if there is none of that name."""
        ...


class PullLogins(Struct, frozen=True):
    """User names and passwords, the most specific first; and what kept others from being used."""

    logins: tuple[Login, ...] = ()
    problems: tuple[Problem, ...] = ()


async def pull_logins(
    secrets: PullSecretSource,
    namespace: str,
    chosen: Sequence[str],
    repository: str,
    *,
    identity: Identity | None,
) -> PullLogins:
    """Return the logins for a repository, written out, that pods of a namespace would pull with.

    These are in the ``chosen`` Secrets, or, if none are, in those of the ServiceAccount
    ``default``. A chosen one counts only if apps may use it (the label ``dash-portal.io/shared``),
    or anybody could look with what is not theirs.
    """
    try:
        names = tuple(chosen)
        if not names:
            names = await secrets.of_account(Key(namespace, ACCOUNT), identity=identity)
        names = names[:MAX_SECRETS]
        found = await asyncio.gather(
            *(secrets.secret(Key(namespace, each), identity=identity) for each in names)
        )
    except PortalError as error:
        words = f"The pull secrets of {namespace} cannot be read: {error.message}"
        return PullLogins(problems=(_problem(words, "Private images are looked at without."),))
    entries: list[Entry] = []
    problems: list[Problem] = []
    for name, secret in zip(names, found, strict=True):
        read = _entries(name, secret, chosen=bool(chosen))
        if isinstance(read, Problem):
            problems.append(read)
        else:
            entries += read
    return _for_repository(entries, repository, problems)


async def mounted(folder: Path | None, repository: str) -> PullLogins:
    """Return the login that an administrator has mounted for a registry, if there is one."""
    if folder is None:
        return PullLogins()
    try:
        return PullLogins((await asyncio.to_thread(mounted_login, folder, repository),))
    except FetchError as error:
        words = (
            f"The portal's own sign-in for {repository.partition('/')[0]} cannot be used. {error}"
        )
        return PullLogins(problems=(_problem(words, "Tell an administrator."),))


def _entries(name: str, secret: PullSecret | None, *, chosen: bool) -> tuple[Entry, ...] | Problem:
    if secret is None:
        return _problem(
            f"There is no Secret {name} to pull with.",
            "Choose another." if chosen else f"The ServiceAccount {ACCOUNT} names it.",
        )
    if chosen and secret.labels.get(SHARED_LABEL) != "true":
        return _problem(
            f"The Secret {name} is not shared with apps.",
            f"Whoever owns it can label it {SHARED_LABEL}=true.",
        )
    if secret.config is None or secret.type not in {DOCKER_CONFIG_JSON, DOCKER_CFG}:
        return _problem(
            f"The Secret {name} is no pull secret.",
            f"One has the type {DOCKER_CONFIG_JSON}: ask an administrator to make it.",
        )
    try:
        return read_config(secret.config, legacy=secret.type == DOCKER_CFG)
    except ConfigError as error:
        return _problem(
            f"The Docker configuration in the Secret {name} {error}.",
            f"It has to be made anew, with the type {DOCKER_CONFIG_JSON}.",
        )


def _for_repository(
    entries: Iterable[Entry], repository: str, problems: list[Problem]
) -> PullLogins:
    found = entries_for(entries, repository)
    logins = tuple(dict.fromkeys(each.login for each in found if each.login))
    if found and not logins:
        words = f"The pull secret for {found[0].location} has no user name and password."
        problems.append(
            _problem(words, "Tokens of other kinds, such as identity tokens, are not understood.")
        )
    return PullLogins(logins[:MAX_LOGINS], tuple(problems))


def _problem(message: str, advice: str) -> Problem:
    return Problem(Part.CREDENTIALS, Failure.CREDENTIALS, message, advice)
