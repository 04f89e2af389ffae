"""Decoding of objects that msgspec refuses: a null or a time that cannot be read costs its field.

A number in the place of a text, as the API allows for quantities, becomes its text.

It is much slower than msgspec, so that it is used only after that has refused an object. Whatever
else has the wrong type makes the object unreadable: a count or a flag must not get its default,
which would be read as "0" or "off".
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import inspect

Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its offset: one without cannot be compared with others."""

T = TypeVar("T")

_UNREAD = object()
"""Stands for a value in whose place the field's default is used."""


def decode_leniently(shape: type[T], raw: msgspec.Raw | bytes | str) -> T:
    """Decode JSON into ``shape``, with defaults for nulls and for times that cannot be read.

    Raises:
        ValueError: something else does not have the shape; the message says where.
    """
    value = msgspec.json.decode(raw)
    return msgspec.convert(_readable(value, _type_info(shape)), shape)


@lru_cache(64)
def _type_info(shape: type[Any]) -> inspect.Type:
    return inspect.type_info(shape)


def _readable(value: Any, info: inspect.Type) -> Any:
    """Return ``value`` without what cannot be read; ``_UNREAD`` if nothing of it can."""
    match info:
        case inspect.UnionType():
            if value is None:
                return None if info.includes_none else _UNREAD
            kinds = [each for each in info.types if not isinstance(each, inspect.NoneType)]
            return _readable(value, kinds[0]) if len(kinds) == 1 else value
        case inspect.RawType() | inspect.AnyType():
            return value
        case _ if value is None:
            return _UNREAD
        case inspect.StructType() if isinstance(value, dict):
            return _fields(cast("dict[str, Any]", value), info)
        case inspect.VarTupleType() if isinstance(value, list):
            found = [_readable(each, info.item_type) for each in cast("list[Any]", value)]
            return [each for each in found if each is not _UNREAD]
        case inspect.DictType() if isinstance(value, dict):
            read = _each(cast("dict[str, Any]", value), info.value_type)
            return {name: each for name, each in read.items() if each is not _UNREAD}
        case inspect.StrType() if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)  # a quantity or an IntOrString
        case inspect.DateTimeType():
            return value if _is_time(value) else _UNREAD
        case _:
            return value


def _each(values: dict[str, Any], info: inspect.Type) -> dict[str, Any]:
    return {name: _readable(each, info) for name, each in values.items()}


def _fields(value: dict[str, Any], info: inspect.StructType) -> dict[str, Any]:
    known = {each.encode_name: each.type for each in info.fields}
    found = {name: _readable(value[name], known[name]) for name in known if name in value}
    return {name: each for name, each in found.items() if each is not _UNREAD}


def _is_time(value: Any) -> bool:
    try:
        return msgspec.convert(value, Time) is not None
    except ValueError:
        return False
