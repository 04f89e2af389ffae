"""Advice on an image that is to be launched with a form as it is filled in. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum

from msgspec import Struct

from portal.domain.images import tag_warning
from portal.images.frameworks import SuggestedPort, listens_on_loopback
from portal.images.report import ImageConfig, ImageReport

APP_USER = 1001
"""The user that the built-in chart runs containers as, unless told otherwise."""


class AskedFor(Struct, frozen=True):
    """The form's part in how the image is run.

    ``port`` None: none is filled in. ``command`` tells that the form gives one. ``variables`` are
    the names that it sets. ``user`` is who the container runs as; None means the image's own user.
    ``writable`` tells that the container may write to its own disk, ``folders`` below which
    folders it may in any case.
    """

    port: int | None = None
    command: bool = False
    variables: frozenset[str] = frozenset()
    user: int | None = APP_USER
    writable: bool = False
    folders: tuple[str, ...] = ("/tmp",)  # noqa: S108 - an emptyDir of the built-in chart


class AdviceKind(StrEnum):
    """A subject of advice."""

    PLATFORM = "platform"
    NO_COMMAND = "no-command"
    LOOPBACK = "loopback"
    ROOT = "root"
    USER = "user"
    PORT = "port"
    VARIABLES = "variables"
    VOLUMES = "volumes"
    TAG = "tag"
    PRIVATE = "private"


class Severity(StrEnum):
    """The weight of an advice."""

    PROBLEM = "problem"
    """It will not run like this."""
    WARNING = "warning"
    """It may not."""
    NOTE = "note"


class Advice(Struct, frozen=True):
    """One thing to say, beside the field ``field`` of the launch form."""

    kind: AdviceKind
    severity: Severity
    field: str
    message: str


def advice(
    report: ImageReport, asked: AskedFor, port: SuggestedPort | None = None
) -> tuple[Advice, ...]:
    """Return what to say of an image that is launched as a form asks for, the gravest first.

    ``port`` is the one that the image seems to listen on.
    """
    found = [*_of_platforms(report), *_of_tag(report), *_of_sign_in(report)]
    if report.config is not None:
        found += _of_config(report.config, asked, port)
    order = list(Severity)
    return tuple(sorted(found, key=lambda each: order.index(each.severity)))


def _of_platforms(report: ImageReport) -> Iterator[Advice]:
    left_out = ", ".join(map(str, report.nodes_left_out))
    if report.image is None or not left_out:
        return
    offered = ", ".join(map(str, report.image.platforms))
    if report.runs_here is False:
        yield Advice(
            AdviceKind.PLATFORM,
            Severity.PROBLEM,
            "repository",
            f"The image is for {offered}, and the cluster's nodes are {left_out}: build it for "
            f"those (docker build --platform {report.node_platforms[0]}).",
        )
    else:
        yield Advice(
            AdviceKind.PLATFORM,
            Severity.WARNING,
            "repository",
            f"The image is for {offered}: pods that land on a node of {left_out} do not start.",
        )


def _of_tag(report: ImageReport) -> Iterator[Advice]:
    warning = tag_warning(report.tag)
    if warning:
        pin = f" To keep just this one, use {report.image.digest}." if report.image else ""
        yield Advice(AdviceKind.TAG, Severity.NOTE, "tag", warning + pin)


def _of_sign_in(report: ImageReport) -> Iterator[Advice]:
    if report.wants_sign_in:
        yield Advice(
            AdviceKind.PRIVATE,
            Severity.WARNING,
            "pull_secrets",
            "The image's registry wants a sign-in. Name the pull secret that has it, unless the "
            "nodes have one of their own.",
        )


def _of_config(
    config: ImageConfig, asked: AskedFor, port: SuggestedPort | None
) -> Iterator[Advice]:
    if not config.words and not asked.command:
        yield Advice(
            AdviceKind.NO_COMMAND,
            Severity.PROBLEM,
            "repository",
            "The image has neither an entry point nor a command (ENTRYPOINT, CMD), so there is "
            "nothing to start.",
        )
    if not asked.command and listens_on_loopback(config, asked.variables):
        yield Advice(
            AdviceKind.LOOPBACK,
            Severity.PROBLEM,
            "repository",
            "Its command has the app listen on 127.0.0.1, where nothing outside its pod reaches "
            "it: have it listen on 0.0.0.0.",
        )
    yield from _of_user(config, asked)
    if not asked.command:
        yield from _of_port(port, asked)
    yield from _of_variables(config, asked.variables)
    yield from _of_volumes(config, asked)


def _of_user(config: ImageConfig, asked: AskedFor) -> Iterator[Advice]:
    if asked.user is None:
        if config.runs_as_root:
            yield Advice(
                AdviceKind.ROOT,
                Severity.PROBLEM,
                "repository",
                "The image runs as root, which is not admitted here (Pod Security): have it run "
                "as another user (USER in its Dockerfile).",
            )
        elif config.user_id is None:
            yield Advice(
                AdviceKind.USER,
                Severity.PROBLEM,
                "repository",
                f"The image names its user, {config.user.partition(':')[0][:40]}. Kubernetes "
                "cannot tell that this is not root (runAsNonRoot): a number is needed.",
            )
    elif config.runs_as_root and asked.user != 0:
        yield Advice(
            AdviceKind.ROOT,
            Severity.WARNING,
            "repository",
            f"The image is made to run as root. Here it runs as user {asked.user}"
            + ("" if asked.writable else _READ_ONLY.format(folders=" and ".join(asked.folders)))
            + ": an app that writes beside its code, or listens on a port below 1024, may fail."
            + (_BELOW_ROOT if _needs_root_home(config) else ""),
        )


_BELOW_ROOT = (
    " What is installed below /root, where its PATH or its command leads, is out of that user's "
    "reach: install it for all users."
)


def _needs_root_home(config: ImageConfig) -> bool:
    search = config.environment.get("PATH", "").split(":")
    return any(f"{each}/".startswith("/root/") for each in (*search, *config.words))


_READ_ONLY = ", and may write below {folders} only"


def _of_port(suggested: SuggestedPort | None, asked: AskedFor) -> Iterator[Advice]:
    if suggested is None or asked.port in {None, suggested.number}:
        return
    yield Advice(
        AdviceKind.PORT,
        Severity.WARNING,
        "port",
        f"The image seems to listen on {suggested.number}, not on {asked.port}: "
        f"{suggested.reason}.",
    )


def _of_variables(config: ImageConfig, given: Collection[str]) -> Iterator[Advice]:
    missing = [
        each
        for each in config.needed
        if each.name not in given and not config.environment.get(each.name)
    ]
    if missing:
        told = ", ".join(
            f"{each.name} ({each.description[:80]})" if each.description else each.name
            for each in missing[:10]
        )
        yield Advice(
            AdviceKind.VARIABLES,
            Severity.WARNING,
            "env",
            f"The image's labels ask for environment variables: {told}.",
        )


def _of_volumes(config: ImageConfig, asked: AskedFor) -> Iterator[Advice]:
    if asked.writable:
        return
    closed = [each for each in config.volumes if not below(each, asked.folders)]
    if closed:
        yield Advice(
            AdviceKind.VOLUMES,
            Severity.WARNING,
            "repository",
            f"The image declares volumes ({', '.join(closed[:5])}): the app writes there, and "
            "needs writable folders. Kubernetes makes none by itself.",
        )


def below(path: str, folders: Collection[str]) -> bool:
    """Return True if a path is one of ``folders``, or in one of them."""
    return any(f"{path.rstrip('/')}/".startswith(f"{each.rstrip('/')}/") for each in folders)
