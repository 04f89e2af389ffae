"""Recognises what an image was made with, and on which port it listens. Pure.

A command line leaves little doubt; a variable, a port or a name only hints. What is recognised is
offered, never forced.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import StrEnum
from itertools import islice

from msgspec import Struct

from portal.images.framework_table import BY_FRAMEWORK, Framework
from portal.images.report import ImageConfig, ImageReport


class Confidence(StrEnum):
    """A degree of certainty, as a word to be shown."""

    CERTAIN = "certainly"
    LIKELY = "probably"
    POSSIBLE = "perhaps"


class Recognition(Struct, frozen=True):
    """A framework, how sure that is, and the sign that tells."""

    framework: Framework
    confidence: Confidence
    reason: str

    @property
    def port(self) -> int:
        """The framework's own port, where it is not told otherwise."""
        return BY_FRAMEWORK[self.framework].port


class SuggestedPort(Struct, frozen=True):
    """The port that an app in the image most likely listens on, and the sign that tells."""

    number: int
    reason: str


class _Signs(Struct, frozen=True):
    """The signs of a framework: programs in the command, variables, ports, names."""

    framework: Framework
    programs: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    port_is_sign: bool = False
    names: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        return BY_FRAMEWORK[self.framework].port


class _Seen(Struct, frozen=True):
    """The properties of an image in which signs are looked for."""

    repository: str
    line: str
    programs: Collection[str]
    variables: Collection[str]
    ports: Collection[int]


_SIGNS = (
    _Signs(
        Framework.STREAMLIT,
        programs=("streamlit",),
        variables=(
            "STREAMLIT_SERVER_PORT",
            "STREAMLIT_SERVER_ADDRESS",
            "STREAMLIT_SERVER_HEADLESS",
        ),
        port_is_sign=True,
        names=("streamlit",),
    ),
    _Signs(
        Framework.VOILA,
        programs=("voila",),
        phrases=("jupyter voila",),
        port_is_sign=True,
        names=("voila",),
    ),
    _Signs(
        Framework.PANEL,
        programs=("panel",),
        variables=("BOKEH_ALLOW_WS_ORIGIN",),
        port_is_sign=True,
        names=("panel", "holoviz", "bokeh"),
    ),
    _Signs(
        Framework.SHINY_R,
        programs=("shiny-server",),
        phrases=("shiny::", "runApp(", "golem::", "run_app("),
        port_is_sign=True,
        names=("rocker/shiny", "r-shiny", "shiny-server"),
    ),
    _Signs(Framework.SHINY_PYTHON, phrases=("shiny run",), names=("shiny",)),
    _Signs(
        Framework.GRADIO,
        programs=("gradio",),
        variables=("GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME"),
        port_is_sign=True,
        names=("gradio",),
    ),
    _Signs(
        Framework.JUPYTER,
        programs=(
            "jupyter",
            "jupyter-lab",
            "jupyter-notebook",
            "jupyter-server",
            "jupyterhub-singleuser",
            "start-notebook.py",
            "start-notebook.sh",
            "start-singleuser.py",
            "start-singleuser.sh",
        ),
        variables=("JUPYTER_PORT", "JUPYTER_TOKEN", "NB_USER"),
        port_is_sign=True,
        names=("jupyter", "notebook"),
    ),
    _Signs(
        Framework.FASTAPI,
        programs=("fastapi", "uvicorn", "hypercorn", "daphne"),
        phrases=("uvicorn.workers.", "uvicorn_worker."),
        variables=("UVICORN_PORT", "UVICORN_HOST"),
        names=("fastapi", "uvicorn"),
    ),
    _Signs(
        Framework.DASH,
        phrases=("app:server", "dash_app", "dash run"),
        variables=("DASH_DEBUG", "DASH_URL_BASE_PATHNAME", "DASH_REQUESTS_PATHNAME_PREFIX"),
        port_is_sign=True,
        names=("dash",),
    ),
    _Signs(
        Framework.WEB_SERVER,
        programs=("nginx", "httpd", "httpd-foreground", "apache2-foreground", "caddy", "lighttpd"),
        variables=("NGINX_VERSION", "HTTPD_VERSION", "CADDY_VERSION"),
        names=("nginx", "httpd", "caddy"),
    ),
)
"""In the order in which they count where two are as sure."""

_GUESSED = {"app:server", "dash_app"}
"""Phrases that only hint."""

MAX_LINE = 2048
"""Characters of a command line that are looked at: pages ask at every key."""

_PORT_VARIABLES = (
    "STREAMLIT_SERVER_PORT",
    "GRADIO_SERVER_PORT",
    "UVICORN_PORT",
    "JUPYTER_PORT",
    "FLASK_RUN_PORT",
    "PORT",
)
_PORT_FLAG = re.compile(
    r"--(?:server[._-])?port[=\s]\s{0,3}(\d{1,5})\b"
    r"|--(?:ServerApp|NotebookApp|Voila)\.port[=\s]\s{0,3}(\d{1,5})\b"
    r"|(?:--bind|-b)[=\s]{0,3}[\w.\[\]-]{0,64}:(\d{1,5})\b"
    r"|(?:^|\s)-p\s{1,3}(\d{1,5})\b"
    r"|\bport\s{0,3}=\s{0,3}(\d{1,5})\b"
)
_HOST_FLAG = re.compile(
    r"--(?:host|ip|address|server[._-]address|(?:ServerApp|NotebookApp|Voila)\.ip)"
    r"[=\s]\s{0,3}([\w.:\[\]*-]{1,64})"
    r"|(?:--bind|-b)[=\s]{0,3}([\w.\[\]-]{1,64}):\d{1,5}\b"
    r"|\bhost\s{0,3}=\s{0,3}['\"]([^'\"\s]{1,64})['\"]"
)
_BETWEEN_WORDS = re.compile(r"[\s'\"`;&|()]+")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_LOOPBACK_BY_DEFAULT = {
    "uvicorn": "UVICORN_HOST",
    "flask": "FLASK_RUN_HOST",
}
"""Programs that listen on 127.0.0.1 unless told otherwise, and the variable that also tells. Not
gunicorn: a file in its working folder may tell it."""


def recognized(report: ImageReport) -> Recognition | None:
    """Return what an image was most surely made with; None if there is no sign of any."""
    config = report.config or ImageConfig()
    line = _line(config)
    seen = _Seen(
        repository=report.repository,
        line=line,
        programs=frozenset(_programs(line)),
        variables=config.environment.keys(),
        ports=frozenset(each.number for each in config.ports),
    )
    found = [
        Recognition(signs.framework, confidence, reason)
        for signs in _SIGNS
        for confidence, reason in islice(_told(signs, seen), 1)
    ]
    order = list(Confidence)
    return min(found, key=lambda each: order.index(each.confidence), default=None)


def suggested_port(report: ImageReport, known: Recognition | None) -> SuggestedPort | None:
    """Return the port that the app most likely listens on; None if nothing tells.

    ``known`` is what the image was ``recognized`` as.
    """
    config = report.config
    if config is None:
        return None
    told = _PORT_FLAG.search(_line(config))
    if told and (number := _port(next(each for each in told.groups() if each))):
        return SuggestedPort(number, "its command says so")
    for name in _PORT_VARIABLES:
        if number := _port(config.environment.get(name, "")):
            return SuggestedPort(number, f"its variable {name} says so")
    exposed = [each.number for each in config.ports if each.protocol == "tcp"]
    if known and known.port in exposed:
        return SuggestedPort(known.port, "the image exposes it")
    if len(exposed) == 1:
        return SuggestedPort(exposed[0], "the image exposes it")
    if known and known.confidence is not Confidence.POSSIBLE and not exposed:
        return SuggestedPort(known.port, f"{known.framework} uses it")
    return None


def listens_on_loopback(config: ImageConfig, given: Collection[str] = ()) -> bool:
    """Return True if the command has the app listen where nothing outside its pod reaches it.

    ``given`` are the names of variables that are set beside the image's own.
    """
    line = _line(config)
    told = _HOST_FLAG.search(line)
    if told:
        return next(each for each in told.groups() if each) in _LOOPBACK
    for program in _programs(line):
        if program in _LOOPBACK_BY_DEFAULT:
            return _LOOPBACK_BY_DEFAULT[program] not in {*config.environment, *given}
    return False


def _told(signs: _Signs, seen: _Seen) -> Iterator[tuple[Confidence, str]]:
    """The signs that there are of a framework, the surest first."""
    for each in signs.programs:
        if each in seen.programs:
            yield Confidence.CERTAIN, f"its command runs {each}"
    for each in signs.phrases:
        if each in seen.line:
            sure = Confidence.LIKELY if each in _GUESSED else Confidence.CERTAIN
            yield sure, f"its command has “{each}”"
    for each in signs.variables:
        if each in seen.variables:
            yield Confidence.LIKELY, f"it sets {each}"
    parts = re.split(r"[/._-]", seen.repository)
    for each in signs.names:
        if each in (seen.repository if "/" in each or "-" in each else parts):
            yield Confidence.POSSIBLE, f"its name has “{each}”"
    if signs.port_is_sign and signs.port in seen.ports:
        yield Confidence.POSSIBLE, f"it exposes port {signs.port}"


def _line(config: ImageConfig) -> str:
    return " ".join(config.words)[:MAX_LINE]


def _programs(line: str) -> list[str]:
    """The programs that a command line may run: its words, by name, those of a shell's too."""
    words = _BETWEEN_WORDS.split(line)
    return [each.rpartition("/")[2] for each in words if not each.startswith("-")]


def _port(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if 1 <= number <= 65535 else None
