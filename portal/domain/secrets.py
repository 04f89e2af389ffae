"""Which values are secrets, by their names, and what is shown in their place.

Two questions, one list of words. What is shown to others hides all that may be a secret
(``looks_secret``). What a person fills in and sends on must not lose what is none: a toleration
without its ``key`` means something else. There only the sure words count (``is_secret``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

HIDDEN = "(hidden)"
"""What stands in the place of a secret."""

SHORTEST = 6
"""Characters of a secret that is looked for in other texts."""

_SURE = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "accesskey",
    "authkey",
    "privatekey",
)
"""Parts of a name that leave little doubt."""
_WORDS = frozenset(
    {"auth", "authorization", "cookie", "creds", "dsn", "key", "keys", "pass", "pwd", "salt"}
)
"""Whole words in the names of many a secret, and of much else."""
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

_NAME_OF_ONE = re.compile(
    r"^existing|(name|ref|header|file|path)s?$|(password|token)_?key$|(pull|tls)_?secrets?$", re.I
)
"""Names of what only says where a secret is."""

_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
# What comes before "://" is not looked at: to look for it from each letter takes too long.
_USERINFO = re.compile(r"(?P<start>\w://[^\s/:@]*:)[^\s/@]+(?=@)")
_ASSIGNMENT = re.compile(r"(?P<name>-{0,2}[A-Za-z_][\w.-]*)=(?P<value>.+)", re.DOTALL)


def looks_secret(name: str) -> bool:
    """Whether something of that name may be a secret.

    Knows words in camelCase, snake_case and kebab-case: ``dbPassword``, ``API_KEY``, ``token``.
    """
    compact = _compact(name)
    if compact in _REFERENCES:
        return False
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    words = re.split(r"[^a-z0-9]+", spaced.lower())
    return _is_sure(compact) or any(word in _WORDS for word in words)


def is_secret(name: str) -> bool:
    """Whether a value of that name is surely a secret, and not the name of one."""
    compact = _compact(name)
    return _is_sure(compact) and compact not in _REFERENCES and not _NAME_OF_ONE.search(name)


def _compact(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_sure(compact: str) -> bool:
    return any(part in compact for part in _SURE)


def without_secrets(values: Mapping[str, object]) -> dict[str, object]:
    """A copy without what ``is_secret``, also among environment variables."""
    return cast("dict[str, object]", _left(dict(values)))


def _left(value: object) -> object:
    if isinstance(value, list):
        return [_left(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    here = cast("dict[str, object]", value)
    variable = is_secret(str(here.get("name", "")))
    kept: dict[str, object] = {}
    for name, each in here.items():
        secret = is_secret(name) or (variable and name == "value")
        if not secret or (isinstance(each, dict) and each):
            kept[name] = _left(cast("object", each))
    return kept


def redacted(value: object) -> object:
    """A copy of ``value`` in plain lists and dictionaries, secrets replaced by ``HIDDEN``."""
    if isinstance(value, Mapping):
        return _mapping(cast("Mapping[object, object]", value))
    if isinstance(value, list | tuple):
        return _listed([*cast("list[object]", value)])
    if isinstance(value, str):
        return _text(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def secret_texts(tree: object) -> tuple[str, ...]:
    """The texts that ``redacted`` hides in ``tree``, longest first: to find them elsewhere.

    Very short ones are left out: they are in many a harmless word.
    """
    found = {text for text in _differing(tree, redacted(tree)) if len(text) >= SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))


def scrubbed(value: object, secrets: Sequence[str]) -> object:
    """``value`` in plain lists and dictionaries, with every text of ``secrets`` in it hidden."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(name): scrubbed(item, secrets) for name, item in items}
    if isinstance(value, list | tuple):
        return [scrubbed(item, secrets) for item in cast("list[object]", value)]
    return value


def _differing(before: object, shown: object) -> Iterator[str]:
    """What stood where ``shown`` has ``HIDDEN``."""
    if isinstance(shown, dict):
        plain = {str(k): item for k, item in cast("Mapping[object, object]", before).items()}
        for name, item in cast("dict[str, object]", shown).items():
            yield from _differing(plain[name], item)
    elif isinstance(shown, list):
        both = zip(cast("list[object]", before), cast("list[object]", shown), strict=True)
        for one, other in both:
            yield from _differing(one, other)
    elif isinstance(shown, str) and HIDDEN in shown:
        parts = "(.*?)".join(re.escape(part) for part in shown.split(HIDDEN))
        match = re.fullmatch(parts, str(before), re.DOTALL)
        yield from match.groups() if match else (str(before),)


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
        elif _compact(key) in _REFERENCES:
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
