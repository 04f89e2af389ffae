"""Sentences for what could not be checked of an image. Pure."""

from __future__ import annotations

from portal.images.registries import ImageName
from portal.images.report import Part, Problem
from portal.registry.failure import Failure, FetchError

_LAUNCH = "The launch does not depend on this: the cluster's nodes pull by themselves."
_ADMIN = "Correct the name, or ask an administrator to name the registry in the portal's settings."
_PRIVATE = (
    "If it is private, choose a pull secret for it. Nodes that have a sign-in of their own pull it "
    "all the same."
)


def problem(part: Part, error: FetchError, name: ImageName, *, deadline: float = 0.0) -> Problem:
    """Return a failure in words, with what to do. ``deadline`` is in seconds."""
    message, advice = _words(part, error, name, deadline)
    return Problem(part, error.failure, message, advice, error.retry_after)


def not_listed(name: ImageName) -> Problem:
    """Return what is said of a registry that the settings do not let the portal ask."""
    words = f"The portal does not ask {name.registry} about images."
    return Problem(Part.IMAGE, Failure.NOT_ALLOWED, words, _LAUNCH)


def missing(name: ImageName, *, repository: bool | None) -> Problem:
    """Return what is said of an image that is not there.

    ``repository`` tells whether there is one of that name; None if that is not known.
    """
    if not name.tag or repository is False:
        words = f"{name.registry} has no image {name.path}."
        return Problem(Part.IMAGE, Failure.NOT_FOUND, words, f"Check the name. {_PRIVATE}")
    which = "digest" if name.tag.startswith("sha256:") else "tag"
    words = f"{name.repository} has no {which} {name.tag[:80]}."
    advice = "Choose another tag." if repository else "Check the name and the tag."
    return Problem(Part.IMAGE, Failure.NOT_FOUND, words, advice)


def _words(part: Part, error: FetchError, name: ImageName, deadline: float) -> tuple[str, str]:
    registry = name.registry
    again = "Try again in a moment."
    match error.failure:
        case Failure.TIMEOUT:
            return f"{registry} did not answer within {deadline:g} seconds.", f"{again} {_LAUNCH}"
        case Failure.BUSY:
            return "The portal is looking at many images just now.", f"{again} {_LAUNCH}"
        case Failure.UNKNOWN_HOST:
            return f"The registry {registry} is not known: no such host name.", "Check the name."
        case Failure.UNREACHABLE:
            return f"{registry} cannot be reached from the portal. {error}", f"{again} {_LAUNCH}"
        case Failure.TLS:
            return (
                f"There is no trusted connection to {registry}. {error}",
                f"A registry without TLS has to be named in the portal's settings. {_LAUNCH}",
            )
        case Failure.NOT_ALLOWED | Failure.ADDRESS:
            return (
                f"{registry} is not asked: the portal asks public registries, and those that an "
                "administrator has named.",
                f"{_ADMIN} {_LAUNCH}",
            )
        case Failure.SIGN_IN:
            return (
                f"{name.repository} is private, or does not exist.",
                f"Check the name. {_PRIVATE}",
            )
        case Failure.WRONG_SIGN_IN:
            return (
                f"{registry} does not accept the user name and password that are kept for it.",
                "Pods that pull with them do not get the image either: renew the pull secret.",
            )
        case Failure.NO_ACCESS:
            return (
                f"{registry} refuses {name.path}: it does not exist, or the user name that "
                "it has accepted may not have it.",
                "Check the name, or ask for access to it.",
            )
        case Failure.TOKEN_HOST:
            return f"{registry} wants the password sent elsewhere. {error}", _LAUNCH
        case Failure.THROTTLED:
            wait = f"in {error.retry_after:.0f} seconds" if error.retry_after else "in some minutes"
            return f"{registry} answers too many requests just now.", f"Try again {wait}. {_LAUNCH}"
        case Failure.SERVER:
            return f"{registry} has a failure of its own. {error}", f"{again} {_LAUNCH}"
        case Failure.TOO_LARGE:
            return f"{registry} sends more than is read. {error}", _LAUNCH
        case Failure.UNSUPPORTED:
            return f"{name.repository}: {error}", "Build and push it with a current tool."
        case Failure.NOT_FOUND if part is Part.TAGS:
            return f"{registry} does not list the tags of {name.path}.", "Write the tag."
        case Failure.NOT_FOUND:
            return f"{registry} has lost a part of {name.repository}.", "Push the image again."
        case Failure.CREDENTIALS:
            return f"The sign-in for {registry} cannot be used. {error}", "Tell an administrator."
        case Failure.MALFORMED:
            return f"{registry} does not answer as a registry does. {error}", "Check the name."
