"""The kinds that the portal watches, a module each: API type, decoding, title, RBAC.

Every module of this package with a ``RESOURCE`` is a watched kind; it is registered nowhere else in
``portal.cluster``. The domain type of its objects determines what they belong to.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from portal.cluster.resource import Resource


def _found() -> tuple[Resource, ...]:
    modules = (import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__))
    return tuple(each.RESOURCE for each in modules if hasattr(each, "RESOURCE"))


RESOURCES = _found()
"""The watched kinds, ordered by module name."""
