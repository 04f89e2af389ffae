"""The kubeconfig of a command that acts as a person: the portal's credentials, and who is meant.

Helm's own flags for that make it leave the service account of its pod aside, and know no extra
attributes; nor does a name in a file show in the list of processes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from portal.domain.errors import HelmError
from portal.domain.impersonation import OPERATION, Impersonated
from portal.domain.yaml_text import LOADER

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Folder in which a pod finds the credentials of its service account."""

_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")

_Object: TypeAlias = dict[str, Any]


@contextmanager
def kubeconfig_file(
    environment: Mapping[str, str],
    person: Impersonated,
    operation: str = "",
    folder: Path | None = None,
) -> Generator[Path]:
    """Yield a kubeconfig in ``folder`` by which a program acts as ``person``; removed afterwards.

    The API server's audit log gets the id ``operation`` with each request of the program. The
    credentials are those that the program would use in ``environment``.

    Raises:
        HelmError: the kubeconfig of ``environment`` cannot be read, or there is none and this is
            no pod.
    """
    try:
        cluster, user = _credentials(environment)
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
        raise HelmError(
            "The portal's own kubeconfig cannot be read.",
            "An administrator has to correct the portal's kubeconfig, or run it in a pod.",
        ) from error
    number, name = tempfile.mkstemp(prefix="kubeconfig-", dir=folder)
    try:
        with os.fdopen(number, "w") as file:
            json.dump(_config(cluster, user | _acting_as(person, operation)), file)
        yield Path(name)
    finally:
        Path(name).unlink()


def _acting_as(person: Impersonated, operation: str) -> _Object:
    extra = {"as-user-extra": {OPERATION: [operation]}} if operation else {}
    return {"as": person.user, "as-groups": list(person.groups), **extra}


def _config(cluster: _Object, user: _Object) -> _Object:
    name = "portal"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _credentials(environment: Mapping[str, str]) -> tuple[_Object, _Object]:
    """Return cluster and user as a kubeconfig has them; paths are absolute."""
    if "KUBECONFIG" not in environment:
        host, port = (environment[f"KUBERNETES_SERVICE_{each}"] for each in ("HOST", "PORT"))
        return (
            {
                "server": f"https://{f'[{host}]' if ':' in host else host}:{port}",
                "certificate-authority": str(ACCOUNT / "ca.crt"),
            },
            {"tokenFile": str(ACCOUNT / "token")},
        )
    path = Path(environment["KUBECONFIG"]).absolute()
    config: _Object = yaml.load(path.read_bytes(), LOADER)  # noqa: S506 - a safe one
    context = _named(config, "context", config["current-context"])
    return (
        _absolute(_named(config, "cluster", context["cluster"]), path.parent),
        _absolute(_named(config, "user", context["user"]), path.parent),
    )


def _named(config: _Object, kind: str, name: str) -> _Object:
    found = [each[kind] for each in config[f"{kind}s"] if each["name"] == name]
    return found[0]


def _absolute(entry: _Object, folder: Path) -> _Object:
    """Return an entry with the paths of its files, which may be relative to ``folder``."""
    return {name: str(folder / value) if name in _FILES else value for name, value in entry.items()}
