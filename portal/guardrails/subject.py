"""A manifest under review and the facts about the cluster, which the rules look at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec import Struct, field

from portal.domain.errors import ChartError
from portal.domain.keys import (
    HELM_RELEASE_NAME,
    HELM_RELEASE_NAMESPACE,
)
from portal.domain.manifests import Ref, Tree, keeps
from portal.domain.projects import UNLIMITED_APPS, AppLimits
from portal.guardrails.manifest import MAX_OBJECTS, PodSpec, Rendered, pod_specs
from portal.guardrails.references import (
    Reference,
    references,
)
from portal.guardrails.rules import Violation

PUBLIC = frozenset({("ConfigMap", "kube-root-ca.crt")})
"""Objects that Kubernetes puts into every namespace for every pod to read."""


class ExistingObject(Struct, frozen=True):
    """Labels and annotations of an object in the cluster, and whether it is being deleted."""

    labels: Tree = field(default_factory=dict[str, object])
    annotations: Tree = field(default_factory=dict[str, object])
    deleting: bool = False

    @property
    def release(self) -> str:
        """The Helm release that owns it, as ``namespace/name``; "" if none does."""
        name = self.annotations.get(HELM_RELEASE_NAME)
        return f"{self.annotations.get(HELM_RELEASE_NAMESPACE)}/{name}" if name else ""

    @property
    def kept(self) -> bool:
        """True if Helm keeps the object when it uninstalls that release."""
        return bool(self.release) and keeps(self.annotations)


class ClusterFacts(Struct, frozen=True):
    """The facts about the cluster that the rules need.

    Args:
        namespaced: by ``apiVersion`` and ``kind``, True for a namespaced kind, None for one that
            the cluster does not serve.
        referenced: Secrets, ConfigMaps and volume claims by kind and name; None if absent.
        default_token: True if the ``default`` ServiceAccount mounts its token into pods.
        pod_problems: the objection of Kubernetes to each pod, "" for none; () if not asked.
        live: the manifest's objects as they are in the cluster; None if absent.
        selectors: owner (``namespace/name`` of a release, or "") and selector of each Service of
            the namespace.
        limits: the limits that the namespace sets for apps.
    """

    namespaced: Mapping[tuple[str, str], bool | None] = field(
        default_factory=dict[tuple[str, str], "bool | None"]
    )
    referenced: Mapping[tuple[str, str], ExistingObject | None] = field(
        default_factory=dict[tuple[str, str], "ExistingObject | None"]
    )
    default_token: bool = True
    pod_problems: tuple[str, ...] = ()
    live: Mapping[Ref, ExistingObject | None] = field(
        default_factory=dict[Ref, "ExistingObject | None"]
    )
    selectors: tuple[tuple[str, Tree], ...] = ()
    limits: AppLimits = UNLIMITED_APPS


class GuardrailSettings(Struct, frozen=True):
    """An administrator's settings for the rules.

    ``images`` are patterns of allowed images, all if empty; ``hosts`` are the portal's own host
    names, which no app may claim.
    """

    images: tuple[str, ...] = ()
    hosts: frozenset[str] = frozenset()


class Subject:
    """A manifest under review: its objects, their pods, and the release and its namespace."""

    def __init__(
        self,
        objects: tuple[Rendered, ...],
        namespace: str,
        release: str,
        site: GuardrailSettings,
        upcoming: Collection[str] = (),
    ) -> None:
        self.upcoming = frozenset(upcoming)
        """Secrets that the portal is about to make for the release."""
        self.namespace = namespace
        self.release = release
        self.objects = objects
        self.site = site
        self.pods = tuple(pod for each in objects for pod in pod_specs(each))
        if len(self.pods) > MAX_OBJECTS:
            raise ChartError(f"The chart renders more than {MAX_OBJECTS} pods.")
        self._made: dict[str, dict[str, list[frozenset[str] | None]]] = {}
        for each in objects:
            if each.ref.group == "":
                names = self._made.setdefault(each.ref.kind, {})
                names.setdefault(each.ref.name, []).append(each.hook)
        self.outside = tuple(self._outside())
        """Objects of the manifest with their references to objects that the release does not
        make."""
        if len({(found.kind, found.name) for _, found in self.outside}) > MAX_OBJECTS:
            raise ChartError(f"The chart refers to more than {MAX_OBJECTS} objects.")

    @property
    def key(self) -> str:
        """The release, as ``namespace/name``."""
        return f"{self.namespace}/{self.release}"

    def makes(self, kind: str, name: str, user: Rendered) -> bool:
        """Return True if the release surely creates a core object before ``user``'s pods need it.

        An object of a hook exists at that hook's events only, so it counts only for hooks of these
        events.
        """
        return any(
            hook is None or (user.hook is not None and user.hook <= hook)
            for hook in self._made.get(kind, {}).get(name, ())
        )

    def _outside(self) -> Iterator[tuple[Rendered, Reference]]:
        by_owner: dict[int, list[PodSpec]] = {}
        for pod in self.pods:
            by_owner.setdefault(id(pod.owner), []).append(pod)
        for each in self.objects:
            found = references(each, tuple(by_owner.get(id(each), ())))
            for reference in {one.path: one for one in found}.values():
                named = (reference.kind, reference.name)
                if named not in PUBLIC and not self.makes(*named, each):
                    yield each, reference


Check = Callable[[Subject, ClusterFacts], Iterator[Violation]]
