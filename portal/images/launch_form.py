"""The meaning of a report on an image for the launch form as it is filled in. Pure.

``raw`` is the form's content by the field's name. Fields that the form does not have are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from portal.catalog.launch_contents import IMAGE_USER, ROOT
from portal.catalog.launch_field import FieldError, whole
from portal.catalog.launch_fields import BY_NAME
from portal.domain import quantities
from portal.domain.launch import Exposure
from portal.images.advice import APP_USER, AdviceKind, AskedFor, advice, below
from portal.images.framework_table import WORKING_FOLDER, FrameworkSettings
from portal.images.frameworks import SuggestedPort
from portal.images.report import ImageConfig, ImageReport

_FOLDERS = AskedFor().folders
_SETTING = ("env", "env_keys", "secrets")
"""The fields that set variables, one ``NAME=…`` a line."""
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - in the app's own pod


class Change(Struct, frozen=True):
    """A content that suits better than the one in a field.

    ``now`` is the present one. ``to`` takes its place, or ``lines`` are added to it.
    """

    field: str
    now: str
    to: str | bool = ""
    lines: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The field's name on the page."""
        return BY_NAME[self.field].label


class Changes(Struct, frozen=True):
    """Changes that overwrite nothing that somebody has filled in, and those that would."""

    free: tuple[Change, ...] = ()
    filled_in: tuple[Change, ...] = ()


def asked_for(raw: Mapping[str, object]) -> AskedFor:
    """Return how the form would have the image run."""
    try:
        port = whole(raw.get("port"), "A port")
    except FieldError:
        port = None
    folders = [line.split()[0] for line in _lines(raw, "writable_folders")]
    return AskedFor(
        port,
        command=bool(_text(raw, "command") or _text(raw, "args")),
        variables=frozenset(
            line.partition("=")[0].strip() for field in _SETTING for line in _lines(raw, field)
        ),
        user=_user(_text(raw, "runs_as")),
        writable=bool(raw.get("writable_root")),
        folders=(*_FOLDERS, *folders),
    )


def warnings(
    report: ImageReport, asked: AskedFor, port: SuggestedPort | None = None
) -> dict[str, str]:
    """Return what is to be said beside fields, by the field's name, the gravest first.

    ``port`` is the one that the image seems to listen on.
    """
    found: dict[str, str] = {}
    for each in advice(report, asked, port):
        if each.kind is not AdviceKind.TAG:  # the form says that itself
            found[each.field] = f"{found.get(each.field, '')} {each.message}".strip()
    return found


def base_path_warning(
    settings: FrameworkSettings, report: ImageReport | None, raw: Mapping[str, object]
) -> dict[str, str]:
    """Return the option that is missing in the command of an app that is served below a path."""
    path, told = _base_path(raw), settings.base_path
    if not path or (told and told.variable):
        return {}
    if told is None:
        return {
            "base_path": f"No setting tells {settings.framework} of it: unless the app's own code "
            "answers below that path, a proxy has to take it off the requests. A host name of the "
            "app's own is simpler."
        }
    config = (report.config if report else None) or ImageConfig()
    given = " ".join((*config.words, _text(raw, "command"), _text(raw, "args")))
    if told.option in given:
        return {}
    return {
        "base_path": f"{settings.framework} has to be told, by an option of its command: "
        f"{told.option}={path}{told.ending}"
    }


def _base_path(raw: Mapping[str, object]) -> str:
    """Return the path below which the app is served; "" if that is all of a host."""
    try:
        exposed = Exposure(_text(raw, "exposure")).needs_hostname
        return str(BY_NAME["base_path"].read(raw.get("base_path")) or "") if exposed else ""
    except ValueError:
        return ""  # the field has its error


def port_change(
    port: SuggestedPort | None, raw: Mapping[str, object], asked: AskedFor
) -> Change | None:
    """Return the change to the port that the image seems to listen on, if it is another."""
    if port is None or asked.command or port.number == asked.port:
        return None
    return Change("port", _text(raw, "port"), str(port.number))


def changes(
    settings: FrameworkSettings,
    report: ImageReport | None,
    raw: Mapping[str, object],
    asked: AskedFor,
    port: SuggestedPort | None = None,
) -> Changes:
    """Return what differs in the form from the settings of a framework.

    What the image says of itself counts more than the framework's own. ``asked`` is what the form
    asks for (``asked_for``), ``port`` the one that the image seems to listen on.
    """
    free: list[Change] = []
    filled_in: list[Change] = []
    for each in _changes(settings, report, raw, asked, port):
        usual = _shown(BY_NAME[each.field].default)
        (free if each.lines or each.now in {"", usual} else filled_in).append(each)
    return Changes(tuple(free), tuple(filled_in))


def _changes(
    settings: FrameworkSettings,
    report: ImageReport | None,
    raw: Mapping[str, object],
    asked: AskedFor,
    port: SuggestedPort | None,
) -> Iterator[Change]:
    config = (report.config if report else None) or ImageConfig()
    contents: dict[str, str | bool] = {
        "port": str(port.number if port else settings.port),
        "health_path": settings.health_path and _base_path(raw) + settings.health_path,
    }
    if settings.session_affinity:
        contents["session_affinity"] = True
    chosen_size = _text(raw, "size")  # that is how much there is
    if not chosen_size and _is_less(_text(raw, "memory_limit"), settings.memory):
        contents["memory_limit"] = settings.memory
        if _is_less(_text(raw, "memory_request"), settings.memory):
            contents["memory_request"] = settings.memory
    for name, content in contents.items():
        now = _shown(raw.get(name))
        if name in BY_NAME and now != _shown(content):
            yield Change(name, now, content)
    for name, lines in (
        ("env", tuple(_environment(settings, config, asked, _base_path(raw)))),
        ("writable_folders", tuple(_folders(settings, config, asked))),
    ):
        if name in BY_NAME and lines:
            yield Change(name, _text(raw, name), lines=lines)


def _environment(
    settings: FrameworkSettings, config: ImageConfig, asked: AskedFor, base_path: str
) -> Iterator[str]:
    set_already = {*config.environment, *asked.variables}
    reached = any(_ANY_ADDRESS in each for each in config.words)
    environment = dict(settings.environment)
    if base_path and settings.base_path and settings.base_path.variable:
        told = settings.base_path
        environment[told.variable] = f"{base_path}{told.ending}"
    for name, value in environment.items():
        if name not in set_already and not (reached and value == _ANY_ADDRESS):
            yield f"{name}={value}"


def _folders(settings: FrameworkSettings, config: ImageConfig, asked: AskedFor) -> Iterator[str]:
    if asked.writable:
        return
    for each in settings.folders:
        folder = config.working_folder.rstrip("/") if each == WORKING_FOLDER else each
        if folder and not below(folder, asked.folders):
            yield folder if each == WORKING_FOLDER else f"{folder} empty"


def _user(content: object) -> int | None:
    try:
        user = BY_NAME["runs_as"].read(content)
    except FieldError:
        return APP_USER  # the field has its error
    if user == IMAGE_USER:
        return None
    if user == ROOT:
        return 0
    return user if isinstance(user, int) else APP_USER


def _is_less(content: str, amount: str) -> bool:
    try:
        return bool(content) and quantities.parse(content) < quantities.parse(amount)
    except quantities.QuantityError:
        return False  # the field has its error


def _lines(raw: Mapping[str, object], name: str) -> list[str]:
    return [each.strip() for each in _text(raw, name).splitlines() if each.strip()]


def _text(raw: Mapping[str, object], name: str) -> str:
    return _shown(raw.get(name))


def _shown(content: object) -> str:
    if isinstance(content, bool):
        return "on" if content else "off"
    return "" if content is None else str(content).strip()
