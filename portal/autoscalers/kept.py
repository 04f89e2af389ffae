"""The newest scale-ups of autoscalers as they are kept in the database, and put back after a start.

Of an app that are at most ``MOST`` autoscalers with eight scale-ups of twenty pods each.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from portal.autoscalers.pod_starts import SLACK, PodStart
from portal.autoscalers.reaction import KEPT, ScaleUp
from portal.domain.keys import Key

if TYPE_CHECKING:
    from portal.autoscalers.followers import Followers

MOST = 8
"""The most autoscalers of an app whose scale-ups are kept."""

LONGEST = 300
"""The most characters that are kept of the scheduler's words."""

LARGEST = 2**20
"""Bytes of what is kept before compression."""


class KeptReaction(Struct, frozen=True):
    """The newest scale-ups of an autoscaler, oldest first; ``uid`` tells it from a later one."""

    name: str
    uid: str
    scale_ups: tuple[ScaleUp, ...]


class KeptReactions:
    """The port of ``portal.history`` to what is followed."""

    def __init__(self, followers: Followers) -> None:
        self._followers = followers

    def known(self, key: Key) -> tuple[KeptReaction, ...] | None:
        """Return what is to be kept of an app; None if there is nothing."""
        return (
            tuple(
                KeptReaction(each.hpa.key.name, each.hpa.uid, each.scale_ups)
                for each in self._followers.known(key)
                if each.scale_ups
            )[:MOST]
            or None
        )

    def encoded(self, known: tuple[KeptReaction, ...]) -> bytes:
        """Return it as bytes."""
        return zlib.compress(msgspec.msgpack.encode(tuple(map(_short, known))))

    def decoded(self, body: bytes) -> tuple[KeptReaction, ...] | None:
        """Return what was kept; None if it is of a later version, or damaged."""
        try:
            content = zlib.decompressobj().decompress(body, LARGEST)
            return msgspec.msgpack.decode(content, type=tuple[KeptReaction, ...])
        except (zlib.error, msgspec.MsgspecError):
            return None

    def restore(self, key: Key, kept: tuple[KeptReaction, ...]) -> None:
        """Put what was kept before what was seen of an app since the start."""
        self._followers.restore(key, {(each.name, each.uid): each.scale_ups for each in kept})


def _short(reaction: KeptReaction) -> KeptReaction:
    def pod(each: PodStart) -> PodStart:
        return replace(each, held=each.held[:LONGEST]) if len(each.held) > LONGEST else each

    return replace(
        reaction,
        scale_ups=tuple(
            replace(each, pods=tuple(map(pod, each.pods))) for each in reaction.scale_ups
        ),
    )


def with_kept(seen: Sequence[ScaleUp], kept: Sequence[ScaleUp]) -> tuple[ScaleUp, ...]:
    """Return the scale-ups that were kept and those seen since the start, oldest first.

    Of one that is among both the kept one counts: events that told of it may be gone.
    """
    new = [each for each in seen if not any(_same(each, other) for other in kept)]
    return tuple(sorted((*kept, *new), key=lambda each: (each.decided, each.id))[-KEPT:])


def _same(one: ScaleUp, other: ScaleUp) -> bool:
    near = abs(one.decided - other.decided) <= SLACK
    return one.id == other.id or (near and one.after == other.after)
