"""The asynchronous half of the ``kubernetes`` package, without its synchronous one.

The package imports both at once, which takes a tenth of the portal's start and 12 MiB for what
the portal never calls. So it is entered here without running its ``__init__``; whatever else
somebody asks of it is imported when they do.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType


def _enter() -> None:
    spec = importlib.util.find_spec("kubernetes")
    if spec is None:
        return  # the import below says so
    package = importlib.util.module_from_spec(spec)

    def part(name: str) -> ModuleType:
        try:
            return importlib.import_module(f"kubernetes.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(name) from error

    package.__getattr__ = part  # type: ignore[method-assign]
    sys.modules["kubernetes"] = package


if "kubernetes" not in sys.modules:
    _enter()

from kubernetes.aio import config  # noqa: E402
from kubernetes.aio.client import ApiClient, Configuration  # noqa: E402
from kubernetes.aio.client.rest import RESTClientObject  # noqa: E402
from kubernetes.aio.config import ConfigException  # noqa: E402

__all__ = ["ApiClient", "ConfigException", "Configuration", "RESTClientObject", "config"]
