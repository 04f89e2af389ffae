"""The terms of handing an app over: what is asked, what is wrong with it, what it changes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.impersonation import name_problem
from portal.domain.keys import Key
from portal.domain.owners import NOBODY, Owners, Role, label_of, text_of, too_many
from portal.domain.role_bindings import ROLES, RoleBinding, Subject
from portal.releases.namespace_roles import NamespaceRoles

NOTHING = "nothing"
"""The giver keeps nothing: as ``keep`` of a request."""
ROLES_KEPT = "roles"
"""The giver keeps the roles in the namespace, where Kubernetes decides: as ``keep``."""

CANNOT_BE_TOLD = (
    "The portal stopped while this was under way, and it cannot be told how far it was."
)
"""The error of an interrupted operation of which is not noted what was asked."""


class HandOverRequest(Struct, frozen=True):
    """A hand-over as it is asked for.

    ``to`` is the new owner as typed. ``keep`` is a ``Role`` that the former owner keeps or
    ``NOTHING``; where Kubernetes decides ``ROLES_KEPT`` or ``NOTHING``, and ``role`` is the role
    in the namespace that the new owner is given, "" for none.
    """

    to: str
    keep: str
    role: str = ""


class HandOverPreview(Struct, frozen=True):
    """The changes of a hand-over, in sentences.

    ``doubt`` is what makes the new owner's name doubtful, "" if nothing does.
    """

    doubt: str
    words: tuple[str, ...]


class RoleChanges(Struct, frozen=True):
    """The changes of RoleBindings, where Kubernetes decides.

    ``given`` is the one to make, None if there is none or the new owner has it. ``taken`` are those
    to take back, the weakest role first: whoever takes their own back may do less with each.
    ``left`` are the others of the giver, which the portal has not made.
    """

    given: RoleBinding | None = None
    taken: tuple[RoleBinding, ...] = ()
    left: tuple[RoleBinding, ...] = ()


class HandOverTerms(Struct, frozen=True):
    """A hand-over of the release ``key`` by ``giver``, from ``former`` ("": unknown) to ``to``.

    ``left`` is what ``former`` may do afterwards. ``roles`` is None where owners decide.
    """

    key: Key
    giver: Identity
    former: str
    to: str
    before: Owners
    after: Owners
    left: Role | None = None
    roles: RoleChanges | None = None


def read_person(text: str) -> tuple[str, str]:
    """Return the name of a user in a field, and what is wrong with it ("" if valid).

    >>> read_person(" user: ann ")
    ('ann', '')
    """
    name = text.strip()
    if name.startswith("group:"):
        return "", "An owner is one person. Give a group a role instead."
    name = name.removeprefix("user:").strip()
    if not name or name == ANONYMOUS.user:
        return "", "Name the person, as the portal shows them: user:NAME."
    if problem := name_problem(name):
        return "", f"The name {problem}."
    if not text_of(label_of(name)):
        return "", "The name is too long to be kept as that of an owner."
    return name, ""


def asks_roles(asked: HandOverRequest) -> bool:
    """Return True if RoleBindings are to change, where Kubernetes decides."""
    return bool(asked.role) or asked.keep == NOTHING


def owners_after(
    asked: HandOverRequest, before: Owners, former: str, *, by_owner: bool, again: bool = False
) -> tuple[Owners, dict[str, str]]:
    """Return the owners after a hand-over, and what is wrong with what is asked, by field.

    ``again``: to whoever is the owner already, for the rest of a hand-over that ended half-way.
    """
    to, problem = read_person(asked.to)
    found = {"to": problem} if problem else {}
    if to and label_of(to) == before.owner and not again:
        found["to"] = f"{to} is the owner already."
    kept: Role | None = None
    if by_owner and asked.keep != NOTHING:
        if asked.keep not in set(Role):
            found["keep"] = "Choose one of these."
        elif former:
            kept = Role(asked.keep)
    elif not by_owner and asked.keep not in {NOTHING, ROLES_KEPT}:
        found["keep"] = "Choose one of these."
    if found:
        return NOBODY, found
    after = before.handed_over(former if by_owner else "", to, kept)
    if not all(text_of(each) for each in after.shared if each not in before.shared):
        found["keep"] = f"The name {former} is too long to be kept: choose “{NOTHING}”."
    elif problem := too_many(after.shared):
        found["keep"] = problem
    return after, found


def role_changes(
    asked: HandOverRequest, giver: str, to: str, found: Sequence[RoleBinding], roles: NamespaceRoles
) -> tuple[RoleChanges, dict[str, str]]:
    """Return what happens to the RoleBindings of a namespace, and what is wrong, by field.

    Nobody gives their own role away unless somebody has it afterwards.
    """
    if asked.role and asked.role not in ROLES:
        return RoleChanges(), {"role": "Choose one of the roles."}
    if giver == to and asked.keep == NOTHING:
        return RoleChanges(), {"keep": "You are the new owner: keep your roles."}
    me, them = Subject("user", giver), Subject("user", to)
    theirs = {roles.role(each) for each in found if them in each.subjects}
    mine = [each for each in found if me in each.subjects]
    own = [each for each in mine if each.made and each.subjects == (me,)]
    taken = sorted(own, key=lambda each: _rank(roles.role(each))) if asked.keep == NOTHING else []
    given = asked.role and asked.role not in theirs
    changes = RoleChanges(
        roles.binding(asked.role, them) if given else None,
        tuple(taken),
        tuple(each for each in mine if each not in taken),
    )
    if asked.keep != NOTHING:
        return changes, {}
    if not taken:
        return changes, {"keep": "You have no role here that was given in the portal: keep it."}
    needed = roles.role(taken[-1])
    if max(map(_rank, {asked.role, *theirs})) < _rank(needed):
        return changes, {
            "role": f"Give them {needed}, or keep your role: nobody else may have it otherwise."
        }
    return changes, {}


def terms_words(
    terms: HandOverTerms, roles: NamespaceRoles | None, apps: int, *, links: bool
) -> tuple[str, ...]:
    """Return what a hand-over changes, and what is not possible any more, in sentences.

    ``apps`` are those of the namespace, ``links`` is True if there may be read-only links.
    """
    if terms.roles is None:
        words = _by_owner(terms, links=links)
    else:
        words = _by_kubernetes(terms, terms.roles, roles, apps)
    counts = f"It counts as one of {terms.to}'s apps (limits.apps)"
    if terms.former not in {"", terms.to}:
        counts += f", no longer of {terms.former}'s"
    return (*words, f"{counts}.")


def known_words(to: str, owners: Collection[str]) -> str:
    """Return what makes a name doubtful, "" if nothing does; ``owners`` are labels of users."""
    if label_of(to) in owners:
        return ""
    if doubt := case_words(to, owners):
        return doubt
    return f"{to} has no app here yet: check the spelling. The portal cannot look people up."


def case_words(name: str, owners: Collection[str]) -> str:
    """Return that somebody has a name but for its case, "" if nobody has; ``owners`` as above."""
    label = label_of(name)
    if label in owners:
        return ""
    like = next((each for each in sorted(owners) if each.casefold() == label.casefold()), "")
    if not like:
        return ""
    return f"{name} has no app here, but {text_of(like)} has: upper and lower case count."


def unfinished_words(
    asked: HandOverRequest, to: str, actor: str, *, noted: bool, roles: bool
) -> tuple[str, str] | None:
    """Return what is left of a hand-over by ``actor`` whose portal was killed, and what to do.

    None if it is done. ``noted``: Helm's newest record names ``to`` as the owner. ``roles`` is True
    where roles in namespaces can change. They are given before that, and taken back after it.
    """
    if not to:
        return (
            CANNOT_BE_TOLD,
            "Look at Owner and sharing, and hand it over again if it is not as it should be.",
        )
    gives, takes = roles and bool(asked.role), roles and asked.keep == NOTHING
    again = f"Hand it over to {to} again, with the same choices"
    if noted and takes:
        return (
            f"The portal stopped while this was under way: {to} is the owner now, and {actor} may "
            "still have roles in the namespace that were to be taken back.",
            f"{actor} can hand it over to {to} again, with the same choices, which takes the rest "
            "back; or roles are taken back one by one below People.",
        )
    if noted:
        return None
    if gives:
        return (
            f"The portal stopped while this was under way: {to} is not the owner yet, and may have "
            f"the role {asked.role} in the namespace by now.",
            f"{again}: that goes on from there. Or take the role back below People.",
        )
    return "The portal stopped before anything was changed.", f"{again}."


def _by_owner(terms: HandOverTerms, *, links: bool) -> tuple[str, ...]:
    to, former, key, left = terms.to, terms.former, terms.key, terms.left
    words = [f"{to} becomes the owner of {key.name}: may change, share, hand over and remove it."]
    if not former:
        return (*words, "Its owner until now is not known.")
    own = former == terms.giver.user
    who = "You" if own else former
    if left is None:
        words.append(
            f"{who} can then no longer change or share it, read its values and logs, or take it "
            "back."
        )
    else:
        words.append(f"{who} can still {_MAY[left]}")
    if left is not Role.OWN:
        words.append(f"Only {to}, those who may own it and administrators can give it back.")
        if links:
            words.append(f"Read-only links that {'you' if own else former} made stop working.")
    others = [f"{role}: {', '.join(names)}" for role in Role if (names := _others(terms, role))]
    if others:
        words.append(f"It stays shared ({'; '.join(others)}).")
        if not own and left is not Role.OWN and any("group:" in each for each in others):
            words.append(f"What a group of {former}'s may, {former} may still.")
    return tuple(words)


def done_words(terms: HandOverTerms) -> str:
    """Return what the former owner keeps of a hand-over that is done, for whoever may read it."""
    to, who = terms.to, terms.former
    if terms.roles is None:
        if not who:
            return ""
        kept = f"can still {_MAY[terms.left]}" if terms.left else "keeps nothing by themselves."
        return f"{to} is the owner now; {who} {kept}"
    if terms.roles.taken:
        return f"{to} is the owner now; roles of {terms.giver.user} were taken back."
    return f"{to} is the owner now; {terms.giver.user} keeps the roles in the namespace."


_MAY = {
    Role.OWN: "do all with it.",
    Role.OPERATE: "change it and read it (operate), but not share it or hand it over.",
    Role.VIEW: "read its values, logs and objects (view), but change nothing.",
}


def _others(terms: HandOverTerms, role: Role) -> tuple[str, ...]:
    return tuple(each for each in terms.after.shared_as(role) if each != f"user:{terms.former}")


def _by_kubernetes(
    terms: HandOverTerms, changes: RoleChanges, roles: NamespaceRoles | None, apps: int
) -> tuple[str, ...]:
    to, key = terms.to, terms.key
    already = " already" if terms.former == to else ""
    words = [f"{to} is noted as the owner of {key.name}{already}, in the labels of its record."]
    if changes.given is not None and roles is not None:
        words.append(
            f"{to} gets the role {roles.role(changes.given)} in the namespace {key.namespace}, for "
            f"all of its apps ({apps})."
        )
    else:
        words.append(f"What {to} may do there does not change: RoleBindings decide that.")
    if changes.taken and roles is not None:
        taken = ", ".join(roles.role(each) for each in reversed(changes.taken))
        words.append(
            f"Your own role there is taken back ({taken}). You can then no longer change, or see, "
            "what it allowed, in any app of the namespace, and not give yourself the role again."
        )
        if changes.left:
            names = ", ".join(each.name for each in changes.left)
            words.append(
                f"What you have by {names} stays: that was not given in the portal. So does what a "
                "group of yours has."
            )
    else:
        words.append("You keep the roles that you have there.")
    return tuple(words)


def _rank(role: str) -> int:
    """Return how much one of the ``ROLES`` allows; -1 for none of them."""
    return ROLES.index(role) if role in ROLES else -1
