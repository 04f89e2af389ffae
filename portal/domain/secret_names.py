"""Names of secrets: a list of words, and of names that only resemble them."""

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
"""Parts of a name that certainly denote a secret."""

_WORDS = frozenset(
    {"auth", "authorization", "cookie", "creds", "dsn", "key", "keys", "pass", "pwd", "salt"}
)
"""Whole words that occur in names of secrets, and in other names."""
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
"""Names of values that refer to a secret, and do not contain it."""
_USUAL = 64
"""Maximum length of names whose result is cached: values repeat the same few names."""


def compact(name: str) -> str:
    """Normalise the style of a name: ``db-password``, ``dbPassword`` → ``dbpassword``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_sure(name: str) -> bool:
    """Return True if a name, in ``compact`` form, certainly denotes a secret."""
    return any(part in name for part in _SURE)


def looks_secret(name: str) -> bool:
    """Return True if a value of that name may be a secret.

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
    """Return True if a value of that name certainly is a secret, not a reference to one."""
    return (_is_secret if len(name) <= _USUAL else _is_secret.__wrapped__)(name)


@lru_cache(4096)
def _is_secret(name: str) -> bool:
    short = compact(name)
    return is_sure(short) and short not in REFERENCES and not _NAME_OF_ONE.search(name)
