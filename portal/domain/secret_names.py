"""Names of secrets: a list of words, and what only sounds like them."""

from __future__ import annotations

import re
from functools import lru_cache

_SURE = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "accesskey",
    "accountkey",
    "authkey",
    "encryptionkey",
    "masterkey",
    "privatekey",
    "signingkey",
)
"""Parts of a name that leave little doubt."""

_WORDS = frozenset(
    {"auth", "authorization", "cookie", "creds", "dsn", "key", "keys", "pass", "pwd", "salt"}
)
"""Whole words in the names of many a secret, and of much else."""
REFERENCES = frozenset(
    {
        "existingsecret",
        "imagepullsecrets",
        "pullsecrets",
        "secretkeyref",
        "secretname",
        "secretref",
        "topologykey",
        "automountserviceaccounttoken",
    }
)
"""Keys that name a Secret or something harmless, and hold no secret themselves."""
_NAME_OF_ONE = re.compile(
    r"^existing|(name|ref|header|file|path)s?$|(password|token)_?key$|(pull|tls)_?secrets?$", re.I
)
"""Names of what only says where a secret is."""
_USUAL = 64
"""Characters of a name whose answer is kept: values repeat the same few names."""


def compact(name: str) -> str:
    """A name without what its style adds: ``db-password``, ``dbPassword`` → ``dbpassword``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_sure(name: str) -> bool:
    """Whether a name, compact, leaves little doubt."""
    return any(part in name for part in _SURE)


def looks_secret(name: str) -> bool:
    """Whether something of that name may be a secret.

    Knows words in camelCase, snake_case and kebab-case: ``dbPassword``, ``API_KEY``, ``token``.
    """
    return (_looks_secret if len(name) <= _USUAL else _looks_secret.__wrapped__)(name)


@lru_cache(4096)
def _looks_secret(name: str) -> bool:
    short = compact(name)
    if short in REFERENCES:
        return False
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    parts = re.split(r"[^a-z0-9]+", spaced.lower())
    return is_sure(short) or any(word in _WORDS for word in parts)


def is_secret(name: str) -> bool:
    """Whether a value of that name is surely a secret, and not the name of one."""
    return (_is_secret if len(name) <= _USUAL else _is_secret.__wrapped__)(name)


@lru_cache(4096)
def _is_secret(name: str) -> bool:
    short = compact(name)
    return is_sure(short) and short not in REFERENCES and not _NAME_OF_ONE.search(name)
