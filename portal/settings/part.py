"""The base of each part of the settings, and what the parts share."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, cast

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

PREFIX = "DASH_PORTAL_"


class SettingsError(Exception):
    """A setting is wrong; the message names the variable and the expected value."""


class Part(BaseModel):
    """Some of the settings, which do not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _split(value: object) -> object:
    if isinstance(value, str):
        with suppress(ValueError):
            listed: object = json.loads(value)
            if isinstance(listed, list):
                return tuple(cast("list[object]", listed))
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Names that a variable has with commas between them, or as a JSON list: names of a directory's
groups may have commas in them."""


def unquoted(error: Exception) -> str:
    """Return what is wrong with a file of settings, without its content: it may hold a password."""
    match error:
        case ValidationError():
            return "; ".join(
                ": ".join([*(str(part) for part in problem["loc"]), problem["msg"]])
                for problem in error.errors(include_url=False, include_input=False)
            )
        case yaml.MarkedYAMLError(problem_mark=mark) if mark is not None:
            return f"it is not valid YAML at line {mark.line + 1}, column {mark.column + 1}."
        case yaml.YAMLError():
            return "it is not valid YAML."
        case _:
            return str(error)


def secret_of(path: Path | None, name: str) -> str:
    """Read the file that the setting ``name`` names, "" if it names none.

    Raises:
        SettingsError: the file cannot be read or is empty.
    """
    if path is None:
        return ""
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{PREFIX}{name.upper()}: {error}") from None
    if not secret:
        raise SettingsError(f"{PREFIX}{name.upper()}: the file is empty.")
    return secret
