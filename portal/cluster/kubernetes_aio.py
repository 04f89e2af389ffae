"""The asynchronous half of the ``kubernetes`` package, without its synchronous one.

The package imports all of itself at once, which takes more than a tenth of the portal's start and
12 MiB for code that the portal never calls. So it and its asynchronous half are registered here
without running their ``__init__``; other attributes of them are imported on first use.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType


def _register(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None:
        return  # the imports below raise the error
    package = importlib.util.module_from_spec(spec)

    def part(wanted: str) -> ModuleType:
        try:
            return importlib.import_module(f"{name}.{wanted}")
        except ModuleNotFoundError as error:
            raise AttributeError(wanted) from error

    package.__getattr__ = part  # type: ignore[method-assign]
    sys.modules[name] = package


if "kubernetes" not in sys.modules:
    _register("kubernetes")
    _register("kubernetes.aio")

from kubernetes.aio import config  # noqa: E402
from kubernetes.aio.client import ApiClient, Configuration  # noqa: E402
from kubernetes.aio.client.rest import RESTClientObject  # noqa: E402
from kubernetes.aio.config import ConfigException  # noqa: E402

__all__ = ["ApiClient", "ConfigException", "Configuration", "RESTClientObject", "config"]
