"""Unpacking of Helm's release bodies, with limits on bytes and on JSON values.

A Secret of 1 MiB may unpack to a thousand times as much text, and its JSON takes far more memory as
objects. So the values of a body are counted before it is decoded, only the needed parts are
decoded, and large bodies are decoded one at a time.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable
from typing import TypeVar, cast

import msgspec
from msgspec import Struct

from portal.cluster.json_object import JsonObject
from portal.threads import in_single_thread, in_thread

SMALL = 2**20
"""Bytes of JSON up to which bodies are decoded concurrently. Most are a tenth of that."""
MAX_BODY = 16 * 2**20
"""Bytes of JSON that a body may unpack to: some twenty times the size of a Secret."""
MAX_PART = 2**20
"""Bytes of JSON of one decoded part, such as the values."""
MAX_NODES = 50_000
"""JSON values in a decoded part."""
MAX_MEMBERS = 1_000_000
"""JSON values in a whole body, which is split into parts that stay JSON."""

_NULL = b"null"
NOTHING = msgspec.Raw(_NULL)
_GZIP = b"\x1f\x8b\x08"
_STRUCTURE = (b",", b"[", b"{")
"""Delimiters: JSON has at least one for each value. Those in texts count too, which is safe."""

T = TypeVar("T")
Input = TypeVar("Input")


class Damaged(ValueError):
    """A release body that cannot be read; the message says why."""


class TooLarge(Damaged):
    """A body that unpacks to more bytes than allowed."""


class Body(Struct):
    """A release with its parts still as JSON, so that unused ones are never decoded."""

    namespace: msgspec.Raw = NOTHING
    info: msgspec.Raw = NOTHING
    chart: msgspec.Raw = NOTHING
    config: msgspec.Raw = NOTHING
    manifest: msgspec.Raw = NOTHING
    hooks: msgspec.Raw = NOTHING


class Info(Struct):
    """The ``info`` of a release, with its fields still as JSON."""

    description: msgspec.Raw = NOTHING
    notes: msgspec.Raw = NOTHING
    first_deployed: msgspec.Raw = NOTHING
    last_deployed: msgspec.Raw = NOTHING


class Chart(Struct):
    """The chart of a release, with its fields still as JSON."""

    metadata: msgspec.Raw = NOTHING
    values: msgspec.Raw = NOTHING


class Hook(Struct):
    """A hook of a release, with its fields still as JSON."""

    name: msgspec.Raw = NOTHING
    kind: msgspec.Raw = NOTHING
    manifest: msgspec.Raw = NOTHING
    events: msgspec.Raw = NOTHING
    last_run: msgspec.Raw = NOTHING


async def read_bounded(read: Callable[[Input, int], T], source: Input) -> T:
    """The result of ``read(source, most)``, computed in a thread.

    ``most`` is the limit in bytes: first ``SMALL``, and if that raises ``TooLarge``, ``MAX_BODY``
    while no other large body is read. ``source`` is an encoded body, or the Secret with it.
    """
    try:
        return await in_thread(read, source, SMALL)
    except TooLarge:
        return await in_single_thread(read, source, MAX_BODY)


def unpack(encoded: str, most: int) -> bytes:
    """The JSON in ``data.release`` of a Helm Secret, which is base64 twice, gzip or not.

    Raises:
        TooLarge: it is more than ``most`` bytes.
        Damaged: it cannot be unpacked.
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
    """The body of a release, split into its parts.

    Raises:
        Damaged: as ``unpack``, or it is not a release.
    """
    return parts(unpack(encoded, most), Body)


def parts(text: bytes | msgspec.Raw, kind: type[T]) -> T:
    """A JSON object as ``kind``, whose fields are still JSON; an empty one for null.

    Raises:
        Damaged: it is not an object.
    """
    if len(memoryview(text)) == len(_NULL) and bytes(text) == _NULL:
        return kind()
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise Damaged("The release record is odd: a part of it is not an object.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Damaged(f"The release record is not JSON: {error}") from error


def members(text: bytes | msgspec.Raw, what: str) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, still as JSON.

    Raises:
        Damaged: there are too many, or it is not an object.
    """
    check_size(text, what, MAX_BODY, MAX_MEMBERS)
    return parts(text, dict[str, msgspec.Raw])


def check_size(text: bytes | msgspec.Raw, what: str, most: int, nodes: int) -> None:
    """Raise ``Damaged`` if JSON has more than ``most`` bytes, or may have more values than
    ``nodes``."""
    whole = bytes(text)
    if len(whole) <= most:
        # In pieces, so that other threads get the interpreter's lock in between.
        pieces = (whole[at : at + SMALL] for at in range(0, len(whole), SMALL))
        if sum(piece.count(each) for piece in pieces for each in _STRUCTURE) <= nodes:
            return
    raise Damaged(
        f"The release record is too large: its {what} are more than {most // 2**20} MiB, "
        f"or more than {nodes:,} values."
    )


def tree(part: msgspec.Raw, what: str) -> JsonObject:
    """The object in a part; {} for null.

    Raises:
        Damaged: it is too large, or not an object.
    """
    check_size(part, what, MAX_PART, MAX_NODES)
    found = _decoded(part)
    if found is not None and not isinstance(found, dict):
        raise Damaged(f"The release record is odd: its {what} are not an object.")
    return cast("JsonObject", found or {})


def string(part: msgspec.Raw) -> str:
    """The text in a part; "" for anything else."""
    found = _decoded(part) if bytes(memoryview(part)[:1]) == b'"' else None
    return found if isinstance(found, str) else ""


def hooks(release: Body) -> list[Hook]:
    """The hooks of a release.

    Raises:
        Damaged: they are too large, or not a list.
    """
    check_size(release.hooks, "hooks", MAX_BODY, MAX_MEMBERS)
    found = listed(release.hooks, "hooks")
    return [parts(each, Hook) for each in found if bytes(memoryview(each)[:1]) == b"{"]


def hook_manifests(release: Body) -> list[str]:
    """The manifests of a release's hooks.

    Raises:
        Damaged: they are too large, or not a list.
    """
    return [string(each.manifest) for each in hooks(release)]


def listed(part: msgspec.Raw, what: str) -> list[msgspec.Raw]:
    """The items of a JSON list, still as JSON; [] for null.

    Raises:
        Damaged: it is not a list.
    """
    try:
        return msgspec.json.decode(part, type=list[msgspec.Raw] | None) or []
    except msgspec.ValidationError as error:
        raise Damaged(f"The release record is odd: its {what} are not a list.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Damaged(f"The release record is not JSON: {error}") from error


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


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The release record unpacks to more than {most // 2**20} MiB.")
