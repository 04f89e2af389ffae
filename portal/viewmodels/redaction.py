"""Values as YAML, with whatever looks like a secret hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

import yaml

HIDDEN = "(hidden)"
"""What stands in the place of a secret."""

_SECRET_WORDS = frozenset(
    {
        "apikey",
        "auth",
        "authorization",
        "cookie",
        "credential",
        "credentials",
        "creds",
        "dsn",
        "key",
        "keys",
        "pass",
        "passphrase",
        "passwd",
        "password",
        "passwords",
        "pwd",
        "salt",
        "secret",
        "secrets",
        "token",
        "tokens",
    }
)
_SECRET_PARTS = ("password", "passwd", "secret", "token", "credential", "apikey", "privatekey")
_REFERENCES = frozenset(
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

_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_USERINFO = re.compile(r"(?P<start>[A-Za-z][\w+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)")
_ASSIGNMENT = re.compile(r"(?P<name>-{0,2}[A-Za-z_][\w.-]*)=(?P<value>.+)", re.DOTALL)


def looks_secret(name: str) -> bool:
    """Whether something of that name is likely to be a secret.

    Knows words in camelCase, snake_case and kebab-case: ``dbPassword``, ``API_KEY``, ``token``.
    """
    compact = re.sub(r"[^a-z0-9]", "", name.lower())
    if compact in _REFERENCES:
        return False
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    words = re.split(r"[^a-z0-9]+", spaced.lower())
    return any(word in _SECRET_WORDS for word in words) or any(
        part in compact for part in _SECRET_PARTS
    )


def redacted(value: object) -> object:
    """A copy of ``value`` in plain lists and dictionaries, secrets replaced by ``HIDDEN``."""
    if isinstance(value, Mapping):
        return _mapping(cast("Mapping[object, object]", value))
    if isinstance(value, list | tuple):
        return _listed([*cast("list[object]", value)])
    if isinstance(value, str):
        return _text(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def values_yaml(values: Mapping[str, object]) -> str:
    """The values as YAML, redacted, in their own order; "" if there are none."""
    if not values:
        return ""
    return yaml.safe_dump(
        redacted(values), sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )


def _mapping(value: Mapping[object, object]) -> dict[str, object]:
    plain = {str(key): item for key, item in value.items()}
    # An environment variable: {name: DB_PASSWORD, value: …}.
    named = plain.get("name")
    secret_pair = "value" in plain and isinstance(named, str) and looks_secret(named)
    shown: dict[str, object] = {}
    for key, item in plain.items():
        if secret_pair and key in {"name", "value"}:
            shown[key] = item if key == "name" else _hidden(item)
        elif looks_secret(key):
            shown[key] = _hidden(item)
        elif re.sub(r"[^a-z]", "", key.lower()) in _REFERENCES:
            shown[key] = _copied(item)
        else:
            shown[key] = redacted(item)
    return shown


def _listed(values: list[object]) -> list[object]:
    shown: list[object] = []
    flag = False
    for item in values:
        shown.append(_hidden(item) if flag and isinstance(item, str) else redacted(item))
        # A command line: --token, abc.
        flag = (
            isinstance(item, str)
            and item.startswith("-")
            and "=" not in item
            and looks_secret(item)
        )
    return shown


def _hidden(value: object) -> object:
    """``value`` with everything in it that could be a secret replaced."""
    if isinstance(value, Mapping):
        return {str(k): _hidden(v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_hidden(item) for item in cast("list[object]", value)]
    return value if value is None or value == "" or isinstance(value, bool) else HIDDEN


def _copied(value: object) -> object:
    """``value`` as it is, in plain lists and dictionaries."""
    if isinstance(value, Mapping):
        return {str(k): _copied(v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in cast("list[object]", value)]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _text(value: str) -> str:
    if _PRIVATE.search(value):
        return HIDDEN
    found = _ASSIGNMENT.fullmatch(value)
    if found and looks_secret(found["name"]):
        return f"{found['name']}={HIDDEN}"
    return _USERINFO.sub(rf"\g<start>{HIDDEN}", value)
