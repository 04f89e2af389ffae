"""API types that objects of several kinds share; those of a single kind are in ``kinds``.

Straight from JSON: what is not named here is passed over without being made. What the API leaves
out has its default here; lists and parts may also be null.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct, field

from portal.domain.keys import Key

Json = Raw | bytes | str
Shape = TypeVar("Shape")
Found = TypeVar("Found")


def reading(shape: type[Shape]) -> Callable[[Callable[[Shape], Found]], Callable[[Json], Found]]:
    """Have a function of ``shape`` take an object as JSON.

    It then raises ``ValueError`` for what is not of that shape, saying where.
    """
    read = msgspec.json.Decoder(shape).decode

    def decorate(decode: Callable[[Shape], Found]) -> Callable[[Json], Found]:
        @wraps(decode)
        def of_json(raw: Json) -> Found:
            return decode(read(raw))

        return of_json

    return decorate


class Part(Struct, frozen=True, rename="camel", gc=False):
    """A part of an object of the API; its fields are named as there, in ``camelCase``."""


class Owner(Part, frozen=True):
    """``metadata.ownerReferences[]``."""

    name: str
    controller: bool | None = None


class Name(Part, frozen=True):
    """As much of ``metadata`` as tells an object and its versions apart; and its annotations."""

    name: str
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Meta(Name, frozen=True, kw_only=True):
    """``metadata``."""

    creation_timestamp: datetime
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    owner_references: tuple[Owner, ...] | None = None
    finalizers: tuple[str, ...] | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None


class Condition(Part, frozen=True):
    """``status.conditions[]``."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class Conditions(Part, frozen=True):
    """``status``, as far as it has conditions."""

    conditions: tuple[Condition, ...] | None = None


class _Published(Part, frozen=True):
    hostname: str = ""
    ip: str = ""


class _LoadBalancer(Part, frozen=True):
    ingress: tuple[_Published, ...] | None = None


class Balanced(Part, frozen=True):
    """``status`` of a Service or an Ingress."""

    load_balancer: _LoadBalancer = _LoadBalancer()


# Lists and watches.


class ListMeta(Part, frozen=True):
    """``metadata`` of a list; ``rest`` is what its next page is asked for with."""

    resource_version: str = ""
    rest: str = field(default="", name="continue")


class ObjectList(Part, frozen=True):
    """A page of a list, its items unread."""

    metadata: ListMeta | None = None
    items: tuple[Raw, ...] | None = None


class Change(Part, frozen=True):
    """One line of a watch, its object unread."""

    object: Raw
    type: str = ""


class _AnyMeta(Part, frozen=True):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class AnyObject(Part, frozen=True):
    """What every object has; and of a ``Status``, what went wrong."""

    metadata: _AnyMeta = _AnyMeta()
    code: int | None = None
    message: str = ""

    @property
    def key(self) -> Key:
        """Namespace and name, "" where it has none."""
        return Key(self.metadata.namespace, self.metadata.name)


def anything(raw: Json) -> AnyObject:
    """What an object has in common with all others, however odd it is."""
    try:
        return _any(raw)
    except ValueError:
        return AnyObject()


_any = msgspec.json.Decoder(AnyObject).decode
