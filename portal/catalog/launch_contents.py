"""Reads the contents of the launch form's further fields, and shows their values again. Pure."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from typing import cast

from portal.catalog.launch_field import FieldError, Parse, refuse, text, whole
from portal.catalog.values import Values, as_list, as_mapping, get, has
from portal.domain import names, quantities
from portal.domain.labels import label_key_problem, label_value_problem

MAX_LINES = 100
MAX_COMMAND = 4_000
MAX_CONTENT = 4_000
MAX_START = 3_600
USUAL_START = 180
"""Seconds that the chart gives a start by itself."""
START_PERIOD = 2
"""Seconds between checks of a start."""
EMPTY = "empty"
"""The word after a writable folder that begins without the image's files."""
IMAGE_USER, ROOT = "image", "root"
MAX_USER = 2**31 - 1

_SCRATCH = ("/tmp", "/dev/shm")  # noqa: S108 - paths in the app's container
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+", re.ASCII)
_TIMEZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)


def lines(raw: object) -> list[str]:
    """The lines of a content that are not empty.

    Raises:
        FieldError: these are too many, or too long.
    """
    content = "" if raw is None else str(raw)
    if len(content) > MAX_CONTENT:
        raise FieldError(f"This is too long: at most {MAX_CONTENT} characters.")
    found = [each.strip() for each in content.splitlines() if each.strip()]
    if len(found) > MAX_LINES:
        raise FieldError(f"These are too many: at most {MAX_LINES} lines.")
    return found


def _fit(content: str) -> str:
    if not names.survives_helm(content) or not content.isprintable():
        raise FieldError(names.UNSUPPORTED_CHARACTER)
    return content


def amount(raw: object) -> str | None:
    """An amount of memory or disk."""
    found = text(raw)
    refuse(quantities.memory_problem(found))
    return quantities.plain_memory(found) or None


def name(what: str) -> Parse:
    """The name of an object, which messages call ``what``."""

    def read(raw: object) -> str | None:
        found = text(raw)
        refuse(found and names.object_name_problem(found, what))
        return found or None

    return read


def name_list(what: str) -> Parse:
    """The names of objects, one a line."""

    def read(raw: object) -> list[str] | None:
        found = lines(raw)
        for each in found:
            refuse(names.object_name_problem(each, what))
        if len(set(found)) < len(found):
            raise FieldError("A name is given twice. Keep one of them.")
        return found or None

    return read


def show_lines(value: object) -> str | None:
    """A list of texts, one a line."""
    found = as_list(value)
    return "\n".join(map(str, found)) if all(isinstance(each, str) for each in found) else None


def words(raw: object) -> list[str] | None:
    """A command line, taken apart as a shell does it, without expanding anything."""
    line = _fit(text(raw, MAX_COMMAND))
    try:
        found = shlex.split(line)
    except ValueError as error:
        open_quote = "quotation" in str(error)
        raise FieldError(
            "A quote is not closed: write another, or a backslash before it."
            if open_quote
            else "A backslash at the end stands for nothing: remove it."
        ) from error
    return found or None


def show_words(value: object) -> str | None:
    """A list of words as a shell takes them; None if they do not fit into a line."""
    found = as_list(value)
    if not all(isinstance(each, str) and each.isprintable() for each in found):
        return None
    return shlex.join(map(str, found))


def path(raw: object) -> str | None:
    """A path of a URL, "" for none; None for "/"."""
    found = _fit(text(raw))
    if found and not found.startswith("/"):
        raise FieldError(f"A path begins with “/”: /{found[:60]}")
    if " " in found:
        raise FieldError("A path holds no spaces.")
    return None if found == "/" else found


def base_path(raw: object) -> str | None:
    """The path below which an app is served, without a slash at its end; None for "/"."""
    found = _fit(text(raw)).rstrip("/")
    if not found:
        return None
    if not _BASE_PATH.fullmatch(found) or ".." in found:
        raise FieldError(
            "A base path is made of parts such as /team/sales, of letters, digits and “-”, “_”, "
            "“.”, “~”."
        )
    return found


def start_time(raw: object) -> int | None:
    """Seconds that a start may take; None for what the chart gives."""
    seconds = whole(raw, "The time in seconds")
    if seconds is None or seconds == USUAL_START:
        return None
    if not 1 <= seconds <= MAX_START:
        raise FieldError(f"Choose between 1 and {MAX_START} seconds.")
    return math.ceil(seconds / START_PERIOD) * START_PERIOD


def spread_start_time(seconds: object) -> Values:
    """Return the values of the startup probe: its period, and the failures that it allows."""
    return {
        "startupProbe.periodSeconds": START_PERIOD,
        "startupProbe.failureThreshold": cast("int", seconds) // START_PERIOD,
    }


def look_start_time(values: Mapping[str, object]) -> int | None:
    """Seconds that the values let a start take."""
    probe = as_mapping(get(values, "startupProbe"))
    period, failures = (
        probe.get("periodSeconds", START_PERIOD),
        probe.get("failureThreshold", USUAL_START // START_PERIOD),
    )
    if isinstance(period, int) and isinstance(failures, int):
        return period * failures
    return None


def time_zone(raw: object) -> str | None:
    """The name of a time zone."""
    found = text(raw, 64)
    if found and not _TIMEZONE.fullmatch(found):
        raise FieldError("A time zone is a name such as Europe/Berlin or UTC.")
    return found or None


def folders(raw: object) -> list[Values] | None:
    """Writable folders, one a line; ``empty`` after a path leaves out the image's files."""
    found: dict[str, Values] = {}
    for number, line in enumerate(lines(raw), start=1):
        folder, _, word = line.partition(" ")
        if word.strip() not in {"", EMPTY}:
            raise FieldError(
                f"Line {number}: a path holds no spaces; after it only the word “{EMPTY}” may be."
            )
        where = folder.rstrip("/") or folder
        if problem := names.mount_path_problem(where):
            raise FieldError(f"Line {number}: {problem}")
        for other in (*found, *_SCRATCH):
            if where == other or within(where, other) or within(other, where):
                raise FieldError(f"Line {number}: {_overlap(where, other)}")
        found[where] = {"path": where, **({} if word.strip() else {"copy": True})}
    if len(found) > 20:
        raise FieldError("At most 20 folders: name a folder above them.")
    return list(found.values()) or None


def _overlap(folder: str, other: str) -> str:
    if other in _SCRATCH:
        return f"{other} is writable already."
    if folder == other:
        return f"{folder} is given twice. Keep one of them."
    return f"{folder} and {other} lie one in the other. Keep the upper one."


def within(folder: str, other: str) -> bool:
    """Return True if ``folder`` lies in ``other``."""
    return folder.startswith(f"{other.rstrip('/')}/")


def show_folders(value: object) -> str | None:
    """Writable folders, one a line."""
    found: list[str] = []
    for each in as_list(value):
        folder = as_mapping(each)
        where = folder.get("path")
        if not isinstance(where, str) or not where.isprintable():
            return None
        found.append(where if folder.get("copy") else f"{where} {EMPTY}")
    return "\n".join(found)


def labels(raw: object) -> Values | None:
    """Labels, one ``key=value`` a line."""
    found: Values = {}
    for number, line in enumerate(lines(raw), start=1):
        key, equals, value = (each.strip() for each in line.partition("="))
        problem = label_key_problem(key) or label_value_problem(value)
        if not equals:
            problem = "write key=value; there is no “=” here."
        elif key in found:
            problem = f"{key} is given twice. Keep one of them."
        if problem:
            raise FieldError(f"Line {number}: {problem}")
        found[key] = value
    return found or None


def show_labels(value: object) -> str:
    """Labels, one a line."""
    return "\n".join(f"{key}={each}" for key, each in as_mapping(value).items())


# The user that the app runs as.

_CONTEXT = "containerSecurityContext"
USER_PATHS = tuple(
    f"{_CONTEXT}.{each}" for each in ("runAsUser", "runAsGroup", "runAsNonRoot", "capabilities")
)


def user(raw: object) -> object:
    """``image``, ``root`` or the number of a user; None for the portal's own."""
    found = text(raw).lower()
    if found in {"", "1001"}:
        return None
    if found in {IMAGE_USER, ROOT}:
        return found
    if found == "0":
        return ROOT
    if not (found.isascii() and found.isdigit()) or int(found) > MAX_USER:
        raise FieldError(
            f"Write a user's number, “{IMAGE_USER}” for the image's own user, or leave it empty "
            "for 1001. Names of users mean nothing outside the image."
        )
    return int(found)


def spread_user(value: object) -> Values:
    """The security context of a user."""
    account, group, *_ = USER_PATHS
    if value == IMAGE_USER:
        return {account: None, group: None}  # takes the chart's own away
    if value == ROOT:
        # With the runtime's own capabilities: what needs root mostly changes owners, or its user.
        return {
            account: 0,
            group: 0,
            f"{_CONTEXT}.runAsNonRoot": False,
            f"{_CONTEXT}.capabilities": None,
        }
    return {account: value, group: value}


def look_user(values: Mapping[str, object]) -> str | None:
    """The user of a security context."""
    where = f"{_CONTEXT}.runAsUser"
    if not has(values, where):
        return None
    found = get(values, where)
    if found is None:
        return IMAGE_USER
    return ROOT if found == 0 else str(found)
