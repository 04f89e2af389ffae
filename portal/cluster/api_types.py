"""API types that objects of several kinds share; those of a single kind are in ``kinds``.

They are decoded straight from JSON: fields that are not declared are skipped. Fields that the API
leaves out have a default, which also stands for a null and for a time that cannot be read (see
``lenient``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct, field

from portal.cluster.lenient import Time, decode_leniently
from portal.domain.keys import Key
from portal.domain.objects import UNDATED

Json = Raw | bytes | str
Shape = TypeVar("Shape")
Found = TypeVar("Found")


def from_json(shape: type[Shape]) -> Callable[[Callable[[Shape], Found]], Callable[[Json], Found]]:
    """Decorate a function of a ``shape`` so that it takes the object as JSON.

    The function then raises ``ValueError``, with the path, for JSON that does not have the shape,
    but for nulls and times that cannot be read.
    """
    read = msgspec.json.Decoder(shape).decode

    def decorate(decode: Callable[[Shape], Found]) -> Callable[[Json], Found]:
        @wraps(decode)
        def decode_json(raw: Json) -> Found:
            try:
                found = read(raw)
            except ValueError:
                found = decode_leniently(shape, raw)
            return decode(found)

        return decode_json

    return decorate


class Part(Struct, frozen=True, rename="camel", gc=False):
    """Base of the types for parts of API objects, with their ``camelCase`` field names."""


class Owner(Part, frozen=True):
    """``metadata.ownerReferences[]``."""

    name: str
    kind: str = ""
    controller: bool | None = None
    kind: str = ""


class BasicMeta(Part, frozen=True):
    """The part of ``metadata`` that identifies an object and its version, and annotations."""

    name: str
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Meta(BasicMeta, frozen=True, kw_only=True):
    """``metadata``."""

    creation_timestamp: Time = UNDATED
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    owner_references: tuple[Owner, ...] | None = None
    finalizers: tuple[str, ...] | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None


class Condition(Part, frozen=True):
    """``status.conditions[]``."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None


class Conditions(Part, frozen=True):
    """The conditions of ``status``."""

    conditions: tuple[Condition, ...] | None = None


class _LoadBalancerIngress(Part, frozen=True):
    hostname: str = ""
    ip: str = ""


class _LoadBalancer(Part, frozen=True):
    ingress: tuple[_LoadBalancerIngress, ...] | None = None


class LoadBalancerStatus(Part, frozen=True):
    """``status`` of a Service or an Ingress."""

    load_balancer: _LoadBalancer = _LoadBalancer()


# Lists and watches.


class ListMeta(Part, frozen=True):
    """``metadata`` of a list; ``rest`` is the continue token of its next page."""

    resource_version: str = ""
    rest: str = field(default="", name="continue")


class ObjectList(Part, frozen=True):
    """A page of a list, with its items still as JSON."""

    metadata: ListMeta | None = None
    items: tuple[Raw, ...] | None = None


class Change(Part, frozen=True):
    """One event of a watch, with its object still as JSON."""

    object: Raw
    type: str = ""


class _AnyMeta(Part, frozen=True):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class AnyObject(Part, frozen=True):
    """The fields common to all objects, and the error of a ``Status``."""

    metadata: _AnyMeta = _AnyMeta()
    code: int | None = None
    message: str = ""

    @property
    def key(self) -> Key:
        """Namespace and name, "" where it has none."""
        return Key(self.metadata.namespace, self.metadata.name)


def any_object(raw: Json) -> AnyObject:
    """The common fields of any object; an empty one where they cannot be decoded."""
    try:
        return _any(raw)
    except ValueError:
        return AnyObject()


@from_json(AnyObject)
def _any(found: AnyObject) -> AnyObject:
    return found
