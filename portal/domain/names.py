"""Rules for names, host names, ports and environment variables, as Kubernetes and Helm have them.

The ``*_problem`` functions return a sentence that says what is wrong and what to do, or ""
when all is well.
"""

from __future__ import annotations

import re

from msgspec import Struct

from portal.domain.launch import EnvVar
from portal.domain.secrets import looks_secret

MAX_RELEASE_NAME = 53
"""Helm's limit; it leaves ten of a DNS label's 63 characters for suffixes."""

UNSUPPORTED_CHARACTER = "This holds a character that Helm cannot pass on; type it anew without it."
"""Error message for a text that ``survives_helm`` refuses."""

MAX_LABEL = 63
MAX_HOSTNAME = 253
MAX_MOUNT_PATH = 255
MAX_ENV = 64 * 1024
MAX_ENV_LINES = 1_000

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNFIT = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def _label_problem(text: str, what: str, limit: int) -> str:
    if len(text) > limit:
        return f"{what} may have at most {limit} characters; this has {len(text)}."
    if _LABEL.fullmatch(text):
        return ""
    suggestion = slug(text, limit)
    hint = f" For example: {suggestion}" if suggestion and suggestion != text else ""
    if text != text.lower():
        return f"{what} is written in lower case.{hint}"
    if text.startswith("-") or text.endswith("-"):
        return f"{what} begins and ends with a letter or digit, not with “-”.{hint}"
    return f"{what} may hold only lower-case letters, digits and “-”.{hint}"


def slug(text: str, limit: int = MAX_RELEASE_NAME) -> str:
    """Return the nearest valid name to ``text``, "" if there is none."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return "-".join(words).lstrip("0123456789-")[:limit].rstrip("-")


def release_name_problem(name: str) -> str:
    """Check a release name: a DNS-1123 label that begins with a letter, at most 53 long.

    It must begin with a letter because it becomes the name of a Service too.
    """
    if not name:
        return "Give the app a name, for example sales-dashboard."
    problem = _label_problem(name, "The name", MAX_RELEASE_NAME)
    if problem:
        return problem
    if name[0].isdigit():
        return f"The name begins with a letter, for example app-{name}."[:200]
    return ""


def namespace_problem(name: str) -> str:
    """Check a namespace name: a DNS-1123 label."""
    if not name:
        return "Choose a namespace."
    return _label_problem(name, "A namespace", MAX_LABEL)


def hostname_problem(host: str) -> str:
    """Check a host name: an RFC 1123 subdomain, without scheme, port or path."""
    if not host:
        return "Give the host name at which the app is to be reached, for example app.example.com."
    if "://" in host:
        return "Give the host name alone, without “http://”."
    if "/" in host:
        return "Give the host name alone, without a path."
    if ":" in host:
        return "Give the host name alone, without a port."
    if "*" in host:
        return "A wildcard cannot be used here: give one host name."
    if host != host.lower():
        return f"A host name is written in lower case: {host.lower()}"[:300]
    if len(host) > MAX_HOSTNAME:
        return f"A host name may have at most {MAX_HOSTNAME} characters; this has {len(host)}."
    labels = host.split(".")
    if "" in labels:
        return "A host name neither begins nor ends with a dot, and has no two dots in a row."
    if all(label.isdigit() for label in labels):
        return "Give a host name, not an IP address."
    for label in labels:
        if len(label) > MAX_LABEL:
            return f"Each part of a host name may have at most {MAX_LABEL} characters."
        if not _LABEL.fullmatch(label):
            return (
                f"“{label}” in the host name may hold only letters, digits and “-”, "
                "and begins and ends with a letter or digit."
            )
    return ""


def claim_problem(name: str) -> str:
    """Check the name of a volume claim: an RFC 1123 subdomain."""
    if len(name) > MAX_HOSTNAME:
        return f"A volume claim's name may have at most {MAX_HOSTNAME} characters."
    if not all(_LABEL.fullmatch(part) for part in name.split(".")):
        return "A volume claim's name holds only lower-case letters, digits, “-” and “.”."
    return ""


def object_name_problem(name: str, what: str) -> str:
    """Return what is wrong with the name of an object, an RFC 1123 subdomain; "" if it is valid.

    ``what`` is the kind of the object, in words.
    """
    if len(name) > MAX_HOSTNAME:
        return f"The name of a {what} may have at most {MAX_HOSTNAME} characters."
    if not all(_LABEL.fullmatch(part) for part in name.split(".")):
        return (
            f"“{name[:60]}” cannot be the name of a {what}: it holds only lower-case letters, "
            "digits, “-” and “.”."
        )
    return ""


_SYSTEM = frozenset({"bin", "dev", "etc", "lib", "lib64", "proc", "sbin", "sys", "tmp", "usr"})


def mount_path_problem(path: str) -> str:
    """Check a mount path: absolute, and not over one of the container's system folders."""
    if not path:
        return "Say where the app finds the volume, for example /data."
    if not path.startswith("/"):
        return f"A path begins with “/”, for example /{path.lstrip('./')[:60] or 'data'}."
    if path.strip("/") == "":
        return "A volume cannot be mounted at “/”: choose a folder such as /data."
    if len(path) > MAX_MOUNT_PATH:
        return f"A path may have at most {MAX_MOUNT_PATH} characters; this has {len(path)}."
    if ":" in path or " " in path or not path.isprintable():
        return "A path holds neither spaces nor “:”."
    parts = path.strip("/").split("/")
    if {".", "..", ""} & set(parts):
        return "A path is written out, without “..” or double slashes."
    if len(parts) == 1 and parts[0] in _SYSTEM:
        return f"/{parts[0]} is the container's own: choose another folder, such as /data."
    return ""


def port_problem(port: int | None) -> str:
    """Check a port number."""
    if port is None:
        return "Give the port that the app listens on; Dash uses 8050."
    if not 1 <= port <= 65535:
        return f"A port lies between 1 and 65535; this is {port}."
    return ""


def is_env_name(name: str) -> bool:
    """Return True for a valid name of an environment variable."""
    return bool(_ENV_NAME.fullmatch(name))


class EnvLines(Struct, frozen=True):
    """Environment variables read from text; ``error`` and ``warning`` are sentences or ""."""

    variables: tuple[EnvVar, ...]
    error: str = ""
    warning: str = ""


def survives_helm(text: str) -> bool:
    """Return True if Helm passes a text on unchanged.

    Its ``toYaml`` cannot write some control characters: it silently writes nothing, leaving out
    the list that contains the text as well. Unicode line breaks become spaces, and unpaired
    surrogates cannot be encoded.
    """
    return not _UNFIT.search(text)


def fits_env_line(name: str, value: str) -> bool:
    """Return True if ``parse_env`` can read this variable from a line."""
    one_line = not any(each in value for each in "\r\n\0")
    return bool(_ENV_NAME.fullmatch(name)) and one_line and survives_helm(value)


def parse_env(text: str) -> EnvLines:
    """Read one ``NAME=value`` a line. Empty lines and lines that begin with ``#`` are skipped.

    The value is everything after the first ``=``, unchanged. Texts above ``MAX_ENV`` characters
    or ``MAX_ENV_LINES`` lines are refused.
    """
    found: dict[str, EnvVar] = {}
    warning = ""
    if len(text) > MAX_ENV:
        return EnvLines((), f"This is too long: at most {MAX_ENV // 1024} KiB.")
    if sum(map(text.count, "\r\n")) > MAX_ENV_LINES:
        return EnvLines((), f"These are too many: at most {MAX_ENV_LINES:,} lines.")
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals:
            return EnvLines((), f"Line {number}: write NAME=value; there is no “=” here.")
        if name.startswith("export "):
            return EnvLines((), f"Line {number}: leave out “export”.")
        if not _ENV_NAME.fullmatch(name):
            return EnvLines(
                (),
                f"Line {number}: “{name[:60]}” cannot be a variable's name. Use letters, digits "
                "and “_”, and do not begin with a digit.",
            )
        if "\0" in value:
            return EnvLines((), f"Line {number}: the value holds a NUL character; remove it.")
        if not survives_helm(value):
            return EnvLines((), f"Line {number}: {UNSUPPORTED_CHARACTER}")
        if name in found:
            return EnvLines((), f"Line {number}: {name} is given twice. Keep one of them.")
        found[name] = EnvVar(name, value)
        if not warning and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            warning = f"Line {number}: the quotes will be part of the value of {name}."
        if looks_secret(name) and value:
            warning = (
                f"{name} looks like a secret. Its value is kept in the release, where everyone "
                "who may look at this app can read it."
            )
    return EnvLines(tuple(found.values()), "", warning)
