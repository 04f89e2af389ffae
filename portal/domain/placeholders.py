"""Placeholders for secrets in values that a browser gets, and their replacement when it sends them.

``redacted`` puts ``HIDDEN`` in place of each secret. If such a text comes back unchanged at the
same path, the secret is restored. Anywhere else the placeholder is an error: otherwise a secret
could be moved to where it is displayed, or into the address of another server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

from msgspec import Struct, field

from portal.domain.secrets import HIDDEN, redacted

Path: TypeAlias = "tuple[str | int, ...]"

Show: TypeAlias = Callable[[Mapping[str, object]], object]
"""Returns values as a browser may see them."""

NO_SECRET = f"{HIDDEN} stands for a secret that is not there: write the value itself."
"""Error message for a placeholder without a secret."""


class Restored(Struct, frozen=True):
    """Values with their secrets, and the paths of placeholders (``unknown``) without one."""

    values: dict[str, object]
    unknown: tuple[Path, ...] = field(default=())


def restored(
    sent: Mapping[str, object], real: Mapping[str, object], show: Show = redacted
) -> Restored:
    """Return ``sent`` with its placeholders, as written by ``show``, replaced by ``real`` secrets.

    List items are matched by their ``name`` if they have one, else by their position.
    """
    paths = tuple(placeholders(sent))
    if not paths:
        return Restored(dict(sent))
    unknown: list[Path] = []
    values = _merged(dict(sent), dict(real), show(real), (), unknown)
    # If the name beside a secret was changed, the secret might be shown from now on.
    after = show(cast("dict[str, object]", values))
    unknown += [
        path for path in paths if path not in unknown and _at(after, path) != _at(sent, path)
    ]
    return Restored(cast("dict[str, object]", values), tuple(unknown))


def placeholders(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of all placeholders in ``value``."""
    if isinstance(value, Mapping):
        for name, item in cast("Mapping[str, object]", value).items():
            yield from placeholders(item, (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[object]", value)):
            yield from placeholders(item, (*path, index))
    elif isinstance(value, str) and HIDDEN in value:
        yield path


def _merged(sent: object, real: object, shown: object, path: Path, unknown: list[Path]) -> object:
    if isinstance(sent, dict):
        old, hidden = _mapping(real), _mapping(shown)
        return {
            name: _merged(item, old.get(name), hidden.get(name), (*path, name), unknown)
            for name, item in cast("dict[str, object]", sent).items()
        }
    if isinstance(sent, list):
        items, old, hidden = cast("list[object]", sent), _listed(real), _listed(shown)
        places = _places(items, hidden)
        return [
            _merged(
                item,
                None if at is None else old[at],
                None if at is None else hidden[at],
                (*path, index),
                unknown,
            )
            for index, (item, at) in enumerate(zip(items, places, strict=True))
        ]
    if not isinstance(sent, str) or HIDDEN not in sent:
        return sent
    if sent == shown:
        return real
    unknown.append(path)
    return sent


def _at(tree: object, path: Path) -> object:
    for part in path:
        tree = _listed(tree)[part] if isinstance(part, int) else _mapping(tree).get(part)
    return tree


def _places(sent: list[object], shown: list[object]) -> list[int | None]:
    """Return for each item of ``sent`` the index of its match in ``shown``, None without one."""
    names = [_name(each) for each in shown]
    found: list[int | None] = []
    for index, item in enumerate(sent):
        name = _name(item)
        if name is not None:
            found.append(names.index(name) if names.count(name) == 1 else None)
        elif len(sent) == len(shown):
            found.append(index)
        else:  # an item was added or removed: match only unambiguous ones
            same = [at for at, each in enumerate(shown) if each == item]
            found.append(same[0] if len(same) == 1 else None)
    return found


def _name(item: object) -> str | None:
    name = cast("dict[str, object]", item).get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): item for name, item in cast("Mapping[object, object]", value).items()}


def _listed(value: object) -> list[object]:
    return list(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else []
