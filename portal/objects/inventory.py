"""The objects that a release consists of: those of its manifest, and those that come of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct, field

from portal.domain.manifests import Ref, Tree, at, objects
from portal.domain.objects import Kind
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.domain.removals import claim_prefixes
from portal.objects.links import Link, used
from portal.state.model import AppState

MOST = 500
"""The most objects of a manifest that are shown."""


class Inventory(Struct, frozen=True):
    """The objects of a release, as one revision's manifest names them.

    ``uses`` are the links of its workloads to what their pods use. ``claims`` are the beginnings
    of the names of the claims that its StatefulSets create, by the names of these. ``uid`` is that
    of Helm's record: a release that is installed again counts from 1 again. ``left_out`` is the
    number of objects beyond ``MOST``.
    """

    revision: int = 0
    refs: tuple[Ref, ...] = ()
    uses: Mapping[Ref, tuple[Link, ...]] = field(default_factory=dict[Ref, tuple[Link, ...]])
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    left_out: int = 0
    uid: str = ""

    def of(self, record: ReleaseRecord) -> bool:
        """Return True if this is the inventory of the revision that ``record`` tells of."""
        return (self.revision, self.uid) == (record.revision, record.uid)


NOTHING = Inventory()


def inventory_of(revision: ReleaseRevision) -> Inventory:
    """Return the inventory of a revision. The time grows with its manifest: do it in a thread.

    Raises:
        PortalError: the manifest cannot be read.
    """
    found = objects(revision.manifest, revision.key.namespace)
    refs = tuple(found)
    return Inventory(
        revision=revision.revision,
        refs=refs[:MOST],
        uses={
            ref: links for ref, tree in found.items() if (links := tuple(dict.fromkeys(used(tree))))
        },
        claims={
            ref.name: _claims(tree) for ref, tree in found.items() if ref.kind == "StatefulSet"
        },
        left_out=max(0, len(refs) - MOST),
        uid=revision.uid,
    )


def _claims(stateful_set: Tree) -> tuple[str, ...]:
    """Return the beginnings of the names of its claims, whatever becomes of them afterwards."""
    spec = {**at(stateful_set, "spec"), "persistentVolumeClaimRetentionPolicy": None}
    return tuple(claim_prefixes([{**stateful_set, "spec": spec}]))


def watched_names(state: AppState) -> frozenset[tuple[str, str]]:
    """Return kind and name of each object of a release in the snapshot."""
    return frozenset(
        [
            *((each.kind.value, each.key.name) for each in state.workloads),
            *((each.kind.value, each.key.name) for each in state.unreadable),
            *(("ReplicaSet", each.key.name) for each in state.replica_sets),
            *(("Job", each.key.name) for each in state.jobs),
            *(("CronJob", each.key.name) for each in state.cron_jobs),
            *(("Pod", each.key.name) for each in state.pods),
            *(("HorizontalPodAutoscaler", each.key.name) for each in state.hpas),
            *(("ScaledObject", each.key.name) for each in state.scaled_objects),
            *(("ScaledJob", each.key.name) for each in state.scaled_jobs),
            *(("VerticalPodAutoscaler", each.key.name) for each in state.vpas),
            *(("Service", each.key.name) for each in state.services),
            *(("Ingress", each.key.name) for each in state.ingresses),
            *(("HTTPRoute", each.key.name) for each in state.routes),
        ]
    )


def belongs(kind: str, name: str, state: AppState, inventory: Inventory) -> bool:
    """Return True if an object of the release's namespace is known to be one of the release."""
    if (kind, name) in watched_names(state):
        return True
    if any(
        (ref.kind, ref.name, ref.namespace) == (kind, name, state.key.namespace)
        for ref in inventory.refs
    ):
        return True
    if kind == "PersistentVolumeClaim":
        return claim_of(inventory, name)
    return kind == "Secret" and env_secret_of(state.key.name, name)


def claim_of(inventory: Inventory, name: str) -> bool:
    """Return True if a claim is one that a StatefulSet of the release creates."""
    prefix, _, ordinal = name.rpartition("-")
    return ordinal.isdecimal() and any(prefix in each for each in inventory.claims.values())


def claims_of(state: AppState, inventory: Inventory, stateful_set: str) -> tuple[Ref, ...]:
    """Return the claims of a StatefulSet's present pods."""
    return tuple(
        Ref("PersistentVolumeClaim", f"{prefix}-{ordinal}", state.key.namespace)
        for pod in state.pods
        if (pod.owner_kind, pod.owner) == ("StatefulSet", stateful_set)
        and (ordinal := pod.key.name.rpartition("-")[2]).isdecimal()
        for prefix in inventory.claims.get(stateful_set, ())
    )


def unwatched_refs(state: AppState, inventory: Inventory) -> tuple[Ref, ...]:
    """Return the objects of a release whose state has to be asked for, each once."""
    watched = {kind.value for kind in Kind}
    own = state.key.namespace
    found = [
        *(ref for ref in inventory.refs if ref.kind not in watched and ref.namespace == own),
        *(each for name in inventory.claims for each in claims_of(state, inventory, name)),
        *(
            Ref("Secret", link.name, own)
            for links in inventory.uses.values()
            for link in links
            if link.kind == "Secret" and env_secret_of(state.key.name, link.name)
        ),
    ]
    return tuple(dict.fromkeys(found))


def env_secret_of(release: str, name: str) -> bool:
    """Return True if a Secret is named as those with the values of a release's variables are."""
    return re.fullmatch(rf"{re.escape(release)}-env-[0-9a-f]{{6}}", name) is not None
