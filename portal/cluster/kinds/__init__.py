"""The kinds that the portal watches, a module each: API type, decoding, title, RBAC.

A module of this package that has a ``RESOURCE`` is a watched kind: nothing else in this room has to
be told of it. What an object belongs to is known by its domain type.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from portal.cluster.resource import Resource


def _found() -> tuple[Resource, ...]:
    modules = (import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__))
    return tuple(each.RESOURCE for each in modules if hasattr(each, "RESOURCE"))


RESOURCES = _found()
"""All that is watched for the store, by the name of the module."""
