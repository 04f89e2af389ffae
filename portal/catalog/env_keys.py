"""Variables that come from one key of a Secret or ConfigMap, and new secret values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from portal.catalog.launch_contents import lines
from portal.catalog.launch_field import FieldError, refuse
from portal.catalog.values import Values, as_list, as_mapping, overlay
from portal.domain.launch import SecretVar
from portal.domain.names import is_env_name, object_name_problem, parse_env

CONFIG_MAP = "configmap:"
"""The prefix of a ConfigMap's name in a line; without it the name is a Secret's."""

_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}", re.ASCII)
_REFERENCES = {"secretKeyRef": "", "configMapKeyRef": CONFIG_MAP}
_VARIABLES = "extraEnvVars"


def read_keys(raw: object) -> tuple[Values, ...]:
    """Read one ``NAME=secret/key`` or ``NAME=configmap:name/key`` a line, as entries of the chart.

    Raises:
        FieldError: a line is wrong.
    """
    found: dict[str, Values] = {}
    for number, line in enumerate(lines(raw), start=1):
        name, equals, source = (each.strip() for each in line.partition("="))
        kind = "configMapKeyRef" if source.startswith(CONFIG_MAP) else "secretKeyRef"
        of, slash, key = source.removeprefix(CONFIG_MAP).partition("/")
        problem = object_name_problem(of, "ConfigMap" if _REFERENCES[kind] else "Secret")
        if not (equals and slash):
            problem = f"write NAME=secret/key, or NAME={CONFIG_MAP}name/key."
        elif not is_env_name(name):
            problem = f"“{name[:60]}” cannot be a variable's name."
        elif not problem and not _KEY.fullmatch(key):
            problem = f"“{key[:60]}” cannot be a key: letters, digits, “-”, “_” and “.”."
        elif name in found:
            problem = f"{name} is given twice. Keep one of them."
        if problem:
            raise FieldError(f"Line {number}: {problem}")
        found[name] = {"name": name, "valueFrom": {kind: {"name": of, "key": key}}}
    return tuple(found.values())


def key_line(entry: object) -> str:
    """The line for an entry of ``extraEnvVars``; "" if no line can say all of it."""
    variable = as_mapping(entry)
    source = as_mapping(variable.get("valueFrom"))
    for kind, prefix in _REFERENCES.items():
        reference = as_mapping(source.get(kind))
        if source.keys() == {kind} and reference.keys() == {"name", "key"}:
            line = f"{variable.get('name')}={prefix}{reference['name']}/{reference['key']}"
            try:
                return line if read_keys(line) == (variable,) else ""
            except FieldError:
                return ""
    return ""


def show_keys(values: Mapping[str, object]) -> str:
    """All variables from one key, one a line."""
    found = (key_line(each) for each in as_list(values.get(_VARIABLES)))
    return "\n".join(filter(None, found))


def read_secrets(raw: object) -> tuple[SecretVar, ...]:
    """Read new secret values, one ``NAME=value`` a line.

    Raises:
        FieldError: a line is wrong; the value is not repeated.
    """
    read = parse_env("" if raw is None else str(raw))
    refuse(read.error)
    if empty := [each.name for each in read.variables if not each.value]:
        raise FieldError(f"{empty[0]} has no value. To keep the one that it has, leave it out.")
    return tuple(SecretVar(each.name, each.value) for each in read.variables)


def with_secrets(values: Mapping[str, object], secret: str, names: Iterable[str]) -> Values:
    """``values`` with variables from the keys of a Secret, in the place of those of that name."""
    fresh: dict[str, Values] = {
        name: {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}
        for name in names
    }
    kept: list[object] = [
        fresh.pop(str(as_mapping(each).get("name")), each)
        for each in as_list(values.get(_VARIABLES))
    ]
    return overlay(values, {_VARIABLES: [*kept, *fresh.values()]})
