"""The identity of the user who makes a request."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct


class Identity(Struct, frozen=True):
    """A user and their groups, as named by a trusted party.

    ``extra`` are further attributes for Kubernetes: names and their values, in order.
    ``anonymous`` is True in the mode ``none``, where all users share one account.
    """

    user: str
    groups: tuple[str, ...] = ()
    anonymous: bool = False
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


ANONYMOUS = Identity(user="anonymous", anonymous=True)


def has_room(
    identity: Identity, present: Collection[Identity], *, most: int, most_of_one: int
) -> bool:
    """Return True if ``identity`` may be one more beside those who are ``present``.

    ``most`` is the limit of all together, and ``most_of_one`` that of one user, which does not
    count in the mode ``none``.
    """
    mine = sum(each.user == identity.user for each in present)
    return len(present) < most and (identity.anonymous or mine < most_of_one)
