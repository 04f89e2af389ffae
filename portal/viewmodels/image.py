"""The view of an image that is about to be launched, from a registry's report on it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from msgspec import Struct

from portal.domain.images import is_digest
from portal.images.advice import APP_USER
from portal.images.framework_table import BY_FRAMEWORK, Framework
from portal.images.frameworks import Confidence, Recognition, recognized, suggested_port
from portal.images.launch_form import (
    Change,
    Changes,
    asked_for,
    base_path_warning,
    changes,
    port_change,
    warnings,
)
from portal.images.report import (
    Existence,
    Image,
    ImageConfig,
    ImageReport,
    NeededVariable,
    Part,
    Problem,
)
from portal.registry.failure import Failure
from portal.viewmodels.model import Severity
from portal.viewmodels.words import count, joined, shortened, size

FIRST_TAGS = 10
"""Tags that are shown before somebody asks for more."""

RECOGNISED = "recognised"

MADE_WITH = (
    (RECOGNISED, "As recognised"),
    *((each.value, each.removeprefix("a ").replace("web", "Web")) for each in Framework),
)
"""The choices of what an app was made with: values and labels."""

_SHORT_DIGEST = len("sha256:") + 12
_LIKELY_TO_FAIL = frozenset(
    {
        Failure.SIGN_IN,
        Failure.WRONG_SIGN_IN,
        Failure.NO_ACCESS,
        Failure.UNKNOWN_HOST,
        Failure.CREDENTIALS,
    }
)
"""Failures that the cluster's nodes most likely meet as well."""


class Said(Struct, frozen=True):
    """A sentence with its severity and what to do; ``advice`` may be ""."""

    severity: Severity
    text: str
    advice: str = ""


class Fact(Struct, frozen=True):
    """A thing that an image says of itself, and what that means here."""

    label: str
    value: str
    note: str = ""


class ImageView(Struct, frozen=True):
    """The panel below an image's name.

    ``details`` are short facts beside ``said``. ``tags`` are the newest, ``more_tags`` those after
    them, and ``tags_note`` tells of others. ``pin`` is the digest that takes the tag's place, ""
    where it is there already. ``incomplete`` tells that asking again may find more.
    """

    said: Said
    details: tuple[str, ...] = ()
    tag: str = ""
    tags: tuple[str, ...] = ()
    more_tags: tuple[str, ...] = ()
    tags_note: str = ""
    pin: str = ""
    facts: tuple[Fact, ...] = ()
    problems: tuple[Said, ...] = ()
    incomplete: bool = False


class OfferView(Struct, frozen=True):
    """Settings that are offered for a form: ``sets`` at once, each of ``replaces`` on its own.

    ``notes`` are what else is good to know of such apps.
    """

    said: str
    sets: tuple[Change, ...] = ()
    replaces: tuple[Change, ...] = ()
    notes: tuple[Fact, ...] = ()


class FormView(Struct, frozen=True):
    """Warnings on a form by its fields, and a port and settings offered for it."""

    warnings: Mapping[str, str]
    port: Change | None = None
    offer: OfferView | None = None


def image_view(report: ImageReport) -> ImageView:
    """Return the panel for a report."""
    tags = report.tags.names if report.tags else ()
    image = report.image
    said = _said(report)
    return ImageView(
        said=said,
        details=tuple(_details(report, image)) if image else (),
        tag=report.tag,
        tags=tags[:FIRST_TAGS],
        more_tags=tags[FIRST_TAGS:],
        tags_note=_tags_note(report),
        pin=image.digest if image and not is_digest(report.tag) else "",
        facts=tuple(_facts(report, report.config)) if report.config else (),
        problems=tuple(
            Said(_severity(each), each.message, each.advice)
            for each in report.problems
            if each.message != said.text
        ),
        incomplete=any(each.failure is not Failure.NOT_FOUND for each in report.problems),
    )


def form_view(
    report: ImageReport | None, raw: Mapping[str, object], made_with: str = RECOGNISED
) -> FormView:
    """Return what there is to say of the form with the contents ``raw``.

    ``made_with`` is a framework that somebody has chosen, by name, or ``RECOGNISED``.
    """
    asked = asked_for(raw)
    offer = None
    found = recognized(report) if report else None
    port = suggested_port(report, found) if report else None
    chosen = next((each for each in Framework if each.value == made_with), None)
    if chosen:
        offer = _offer(chosen, "", changes(BY_FRAMEWORK[chosen], report, raw, asked, port))
    elif found:
        wanted = changes(BY_FRAMEWORK[found.framework], report, raw, asked, port)
        offer = _offer(found.framework, _recognition(found), wanted)
    offered = [each.field for each in (*offer.sets, *offer.replaces)] if offer else []
    framework = chosen or (found.framework if found else None)
    told = warnings(report, asked, port) if report else {}
    if framework:
        told |= base_path_warning(BY_FRAMEWORK[framework], report, raw)
    return FormView(
        warnings=told,
        port=port_change(port, raw, asked) if "port" not in offered else None,
        offer=offer,
    )


def _recognition(found: Recognition) -> str:
    sure = found.confidence is not Confidence.POSSIBLE
    return f"{'Looks' if sure else 'May be'} {'like ' if sure else ''}{found.framework}: " + (
        f"{found.reason}."
    )


def _offer(framework: Framework, said: str, wanted: Changes) -> OfferView:
    settings = BY_FRAMEWORK[framework]
    notes = [
        Fact("Session affinity", "on" if settings.session_affinity else "not needed", settings.why),
        Fact("WebSockets", "needed", "A proxy in front of the app has to let them through.")
        if settings.websockets
        else None,
        Fact("Base path", str(settings.base_path), "For an app that is served under a path.")
        if settings.base_path
        else None,
        Fact("Example of a command", settings.command) if settings.command else None,
    ]
    return OfferView(
        said=said or f"Settings that suit {framework}.",
        sets=wanted.free,
        replaces=wanted.filled_in,
        notes=tuple(each for each in notes if each),
    )


def _said(report: ImageReport) -> Said:
    problem = next((each for each in report.problems if each.part is Part.IMAGE), None)
    if report.exists is Existence.YES:
        if report.tag:
            return Said(Severity.GOOD, "The registry has this image.")
        return Said(Severity.QUIET, "The registry has this image: choose a tag.")
    if problem is None:
        return Said(Severity.QUIET, "The registry was not asked.")
    if report.exists is Existence.NO:
        return Said(Severity.BAD, problem.message, problem.advice)
    return Said(_severity(problem), problem.message, problem.advice)


def _severity(problem: Problem) -> Severity:
    return Severity.WARN if problem.failure in _LIKELY_TO_FAIL else Severity.QUIET


def _details(report: ImageReport, image: Image) -> Iterator[str]:
    if image.size is not None:
        yield f"{size(image.size)} to pull"
    if image.platforms:
        offered = joined([str(each) for each in image.platforms[:4]])
        if len(image.platforms) > 4:
            offered = f"{count(len(image.platforms), 'platform')}, {image.platform} among them"
        fits = report.runs_here and not report.nodes_left_out
        yield f"{offered}{', as the nodes' if fits else ''}"
    if report.signed_in:
        yield "read with a sign-in"
    yield image.digest[:_SHORT_DIGEST] + "…"


def _tags_note(report: ImageReport) -> str:
    tags = report.tags
    if tags is None:
        return ""
    if not tags.names:
        return "The registry lists no tags."
    if not tags.complete:
        return "The registry has more tags than were read."
    return f"{count(tags.left_out, 'tag')} more in the registry." if tags.left_out else ""


def _facts(report: ImageReport, config: ImageConfig) -> Iterator[Fact]:
    port = suggested_port(report, recognized(report))
    exposed = joined([f"{each.number}/{each.protocol}" for each in config.ports[:8]])
    if port or exposed:
        note = f"The app most likely listens on {port.number}: {port.reason}." if port else ""
        yield Fact("Ports exposed", exposed or "none", note)
    yield _user(config)
    if config.entry_point:
        yield Fact("Entry point", shortened(shlex.join(config.entry_point)))
    if config.command:
        yield Fact("Command", shortened(shlex.join(config.command)))
    if not config.words:
        yield Fact("Command", "none", "There is nothing to start.")
    yield Fact("Working folder", config.working_folder or "/")
    if config.volumes:
        yield Fact(
            "Volumes",
            joined(config.volumes[:8]),
            "Kubernetes makes none by itself: what is written there ends with the pod, unless a "
            "volume claim is mounted.",
        )
    if config.needed:
        yield Fact("Variables it asks for", joined([_needed(each) for each in config.needed[:20]]))
    if config.healthcheck:
        test = shortened(" ".join(config.healthcheck.test))
        yield Fact("Health check", test, "Docker's; Kubernetes asks the health path instead.")
    if config.created:
        yield Fact("Built", config.created[:10])


def _user(config: ImageConfig) -> Fact:
    if config.runs_as_root:
        return Fact(
            "User",
            "root",
            f"Here it runs as user {APP_USER} instead, unless the form says otherwise: it cannot "
            "write to files that belong to root.",
        )
    if config.user_id == APP_USER:
        return Fact("User", config.user)
    return Fact(
        "User",
        config.user,
        f"Here it runs as user {APP_USER} instead, unless the form says otherwise.",
    )


def _needed(variable: NeededVariable) -> str:
    about = shortened(variable.description, 80)
    return f"{variable.name} ({about})" if about else variable.name
