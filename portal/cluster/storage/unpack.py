"""The body of a Helm release, unpacked within a budget of bytes and of values.

A Secret of 1 MiB may hold a thousand times as much: of text, or of lists that take far more as
objects. So a body is counted before anything is made of it, only the parts that are wanted are,
and of large ones one at a time.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable
from typing import TypeVar, cast

import msgspec
from msgspec import Struct

from portal.aside import alone, aside
from portal.cluster.json_object import JsonObject

SMALL = 2**20
"""Bytes of JSON up to which bodies are read side by side. Most are a tenth of that."""
MAX_BODY = 16 * 2**20
"""Bytes of JSON a body may unpack to: some twenty times what a Secret holds."""
MAX_PART = 2**20
"""Bytes of JSON of one part that becomes objects, such as the values."""
MAX_NODES = 50_000
"""Values in such a part."""
MAX_MEMBERS = 1_000_000
"""Values in a whole body, of which nothing but its parts becomes objects."""

_NULL = b"null"
NOTHING = msgspec.Raw(_NULL)
_GZIP = b"\x1f\x8b\x08"
_STRUCTURE = (b",", b"[", b"{")
"""What stands in JSON at least once for each value. In texts it may as well: so much the safer."""

T = TypeVar("T")
Given = TypeVar("Given")


class Damaged(ValueError):
    """A release body that cannot be read; the message says why."""


class Large(Damaged):
    """A body that unpacks to more than was allowed for."""


class Body(Struct):
    """A release, its parts still as JSON: what nobody asks for never becomes an object."""

    namespace: msgspec.Raw = NOTHING
    info: msgspec.Raw = NOTHING
    chart: msgspec.Raw = NOTHING
    config: msgspec.Raw = NOTHING
    manifest: msgspec.Raw = NOTHING
    hooks: msgspec.Raw = NOTHING


class Info(Struct):
    """What a release says of itself, likewise."""

    description: msgspec.Raw = NOTHING
    notes: msgspec.Raw = NOTHING
    first_deployed: msgspec.Raw = NOTHING
    last_deployed: msgspec.Raw = NOTHING


class Chart(Struct):
    """The chart in a release, likewise."""

    metadata: msgspec.Raw = NOTHING
    values: msgspec.Raw = NOTHING


class _Hook(Struct):
    manifest: msgspec.Raw = NOTHING


async def in_turn(read: Callable[[Given, int], T], given: Given) -> T:
    """``read(given, most)`` in a thread: with ``SMALL`` first, and then alone with all of it.

    ``given`` is a body, or the Secret that it is in.
    """
    try:
        return await aside(read, given, SMALL)
    except Large:
        return await alone(read, given, MAX_BODY)


def unpack(encoded: str, most: int) -> bytes:
    """``data.release`` of a Helm Secret → its JSON: base64 twice, gzip or not.

    Raises:
        Large: it is more than ``most`` bytes.
        Damaged: any step fails.
    """
    try:
        packed = base64.b64decode(base64.b64decode(encoded, validate=True), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Damaged(f"The release record is not base64: {error}") from error
    if packed.startswith(_GZIP):
        packed = _gunzip(packed, most)
    if len(packed) > most:
        raise _too_large(most)
    return packed


def body(encoded: str, most: int) -> Body:
    """The body, taken apart as far as its parts.

    Raises:
        Damaged: as ``unpack``, or it is no release.
    """
    return parts(unpack(encoded, most), Body)


def parts(text: bytes | msgspec.Raw, kind: type[T]) -> T:
    """An object of JSON as ``kind``, a Struct whose fields are still JSON. Null is an empty one."""
    if len(memoryview(text)) == len(_NULL) and bytes(text) == _NULL:
        return kind()
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise Damaged("The release record is odd: a part of it is not an object.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Damaged(f"The release record is not JSON: {error}") from error


def members(text: bytes | msgspec.Raw, what: str) -> dict[str, msgspec.Raw]:
    """An object's members, still as JSON.

    Raises:
        Damaged: there are too many, or it is no object.
    """
    check_size(text, what, MAX_BODY, MAX_MEMBERS)
    return parts(text, dict[str, msgspec.Raw])


def check_size(text: bytes | msgspec.Raw, what: str, most: int, nodes: int) -> None:
    """Raise ``Damaged`` if JSON is more than so many bytes, or may be more than so many values."""
    whole = bytes(text)
    if len(whole) <= most:
        # By the MiB: others get the interpreter in between.
        pieces = (whole[at : at + SMALL] for at in range(0, len(whole), SMALL))
        if sum(piece.count(each) for piece in pieces for each in _STRUCTURE) <= nodes:
            return
    raise Damaged(
        f"The release record is too large: its {what} are more than {most // 2**20} MiB, "
        f"or more than {nodes:,} values."
    )


def tree(part: msgspec.Raw, what: str) -> JsonObject:
    """A part as an object; an empty one for null.

    Raises:
        Damaged: it is too large, or something else.
    """
    check_size(part, what, MAX_PART, MAX_NODES)
    found = _decoded(part)
    if found is not None and not isinstance(found, dict):
        raise Damaged(f"The release record is odd: its {what} are not an object.")
    return cast("JsonObject", found or {})


def string(part: msgspec.Raw) -> str:
    """A part that is text; "" for anything else."""
    found = _decoded(part) if bytes(memoryview(part)[:1]) == b'"' else None
    return found if isinstance(found, str) else ""


def hook_manifests(release: Body) -> list[str]:
    """The manifests of a release's hooks.

    Raises:
        Damaged: there are too many, or they are something else.
    """
    check_size(release.hooks, "hooks", MAX_BODY, MAX_MEMBERS)
    try:
        found = msgspec.json.decode(release.hooks, type=list[msgspec.Raw] | None)
    except msgspec.ValidationError as error:
        raise Damaged("The release record is odd: its hooks are not a list.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Damaged(f"The release record is not JSON: {error}") from error
    hooks = (each for each in found or () if bytes(memoryview(each)[:1]) == b"{")
    return [string(parts(each, _Hook).manifest) for each in hooks]


def _decoded(text: bytes | msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Damaged(f"The release record is not JSON: {error}") from error


def _gunzip(packed: bytes, most: int) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        found = stream.decompress(packed, most)
    except zlib.error as error:
        raise Damaged(f"The release record is not gzip: {error}") from error
    if stream.unconsumed_tail:
        raise _too_large(most)
    if not stream.eof:
        raise Damaged("The release record is cut off.")
    return found


def _too_large(most: int) -> Large:
    return Large(f"The release record unpacks to more than {most // 2**20} MiB.")
