"""People with different roles, and the portal that asks Kubernetes about them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scale.api import Api
from benchmarks.scale.portal_process import PORT, PortalProcess, running
from benchmarks.scale.seed import MARK

PEOPLE = 100
RBAC = "/apis/rbac.authorization.k8s.io/v1"
SECRET = "a-secret-of-a-benchmark"


@dataclass(frozen=True)
class Person:
    """A person, and the namespaces in which they have a role; empty: all."""

    user: str
    namespaces: tuple[str, ...]

    @property
    def headers(self) -> dict[str, str]:
        """What a proxy would send for this person."""
        return {"X-Portal-Secret": SECRET, "X-Forwarded-User": self.user}


def people(namespaces: list[str]) -> list[Person]:
    """Return ``PEOPLE`` with one to five namespaces each; every tenth sees all of them."""
    count = len(namespaces)
    return [
        Person(
            f"bench-person-{number}",
            ()
            if number % 10 == 0
            else tuple(namespaces[(number + step * 7) % count] for step in range(1 + number % 5)),
        )
        for number in range(PEOPLE)
    ]


def binding(user: str, role: str, kind: str) -> dict[str, Any]:
    """A RoleBinding or ClusterRoleBinding of one user to a ClusterRole."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": user, "labels": MARK},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
    }


def binding_path(namespace: str, user: str = "") -> str:
    """Return the API path of RoleBindings, or of one user's."""
    return f"{RBAC}/namespaces/{namespace}/rolebindings" + (f"/{user}" if user else "")


async def bind(api: Api, person: Person, role: str) -> None:
    """Give a person the role."""
    if not person.namespaces:
        path = f"{RBAC}/clusterrolebindings"
        await api.call("POST", path, binding(person.user, role, "ClusterRoleBinding"), fine=[409])
    for namespace in person.namespaces:
        given = binding(person.user, role, "RoleBinding")
        await api.call("POST", binding_path(namespace), given, fine=[409])


async def unbind_all(api: Api, persons: Iterable[Person]) -> None:
    """Remove what ``bind`` made outside namespaces, which are removed anyway."""
    for person in persons:
        if not person.namespaces:
            await api.call("DELETE", f"{RBAC}/clusterrolebindings/{person.user}", fine=[404])


@asynccontextmanager
async def asking_kubernetes(
    account: Path, *, port: int = PORT, person: Person | None = None, **settings: str
) -> AsyncGenerator[PortalProcess]:
    """A portal behind a proxy that names people; its session is ``person``'s."""
    with tempfile.NamedTemporaryFile("w", prefix="bench-secret-") as secret:
        secret.write(SECRET)
        secret.flush()
        async with running(
            account,
            port=port,
            headers=person.headers if person else None,
            auth_mode="header",
            auth_secret_file=secret.name,
            authorization="kubernetes",
            **settings,
        ) as portal:
            await portal.ready()
            await portal.settled()
            yield portal
