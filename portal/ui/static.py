"""The static files of the portal and its libraries, each under an immutable address.

An address is ``/static/<digest>/<group>/<path>``. The digest is that of all files of the group, so
that relative references, such as those of style sheets, lead to immutable addresses as well.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import cast

from dash.fingerprint import check_fingerprint  # pyright: ignore[reportUnknownVariableType]
from msgspec import Struct

ASSETS = Path(__file__).parent / "assets"
PREFIX = "/static/"

PORTAL = "portal"
DASH = "dash"
BOOTSTRAP = "dash_bootstrap_components"

STYLES = ("vendor/bootstrap.min.css", "vendor/icons.css", "web/portal.css")
"""Style sheets of every page, in their order. (``chart.js`` loads uPlot's with uPlot itself.)"""

EARLY = ("styles.js", "theme.js")
"""Scripts that run before anything is drawn, and before Dash's."""

UNUSED = (
    "polyfill@",  # for browsers without JavaScript modules, which the portal does not support
    "dash_table/",
)
"""Beginnings of names of Dash's own scripts that no page of the portal uses."""

_DASH_FILES = ("deps/*.min.js", "dash-renderer/build/dash_renderer.min.js", "html/*.min.js")
_LOADED_LATER = ("dcc/async-slider.js", "dcc/async-upload.js")
"""Parts of Dash's components that Dash loads when a page needs them."""

_SUITE = "/_dash-component-suites/"
_SCRIPT = re.compile(r'<script src="([^"]+)"></script>')


class StaticFile(Struct, frozen=True):
    """A file and its address."""

    path: Path
    name: str
    """Group and path: the part of the address that stays the same when its content changes."""
    digest: str
    media: str

    @property
    def address(self) -> str:
        """Its address."""
        return f"{PREFIX}{self.digest}/{self.name}"


class StaticFiles:
    """All static files by name."""

    def __init__(self, groups: Mapping[str, Mapping[str, Path]]) -> None:
        self.files: dict[str, StaticFile] = {
            file.name: file for group, paths in groups.items() for file in _files(group, paths)
        }

    def address(self, group: str, path: str) -> str:
        """The address of a file.

        Raises:
            KeyError: there is none of that name.
        """
        return self.files[f"{group}/{path}"].address

    def styles(self) -> str:
        """The HTML that loads the style sheets of every page."""
        return "\n    ".join(
            f'<link rel="stylesheet" href="{self.address(PORTAL, style)}">' for style in STYLES
        )

    def early(self) -> str:
        """The HTML that loads the scripts that run first."""
        return _scripts(self.address(PORTAL, script) for script in EARLY)

    def head(self) -> str:
        """The HTML that loads icon, style sheets and theme, for a page without Dash."""
        icon = self.address(PORTAL, "favicon.svg")
        return (
            f'<link rel="icon" type="image/svg+xml" href="{icon}">\n    {self.styles()}\n    '
            f"{self.early()}"
        )

    def scripts(self, dashs: str) -> str:
        """The HTML that loads the scripts of every page; ``dashs`` is Dash's own.

        They keep Dash's order; the portal's own come before Dash's renderer, as Dash would place
        them. Scripts that a later version of Dash adds are loaded from Dash's own address.
        """
        needed = [
            self._moved(source)
            for source in _SCRIPT.findall(dashs)
            if not any(name in source for name in UNUSED)
        ]
        place = next(
            (at for at, address in enumerate(needed) if "dash_renderer" in address), len(needed)
        )
        own = [
            file.address
            for name, file in sorted(self.files.items())
            if name.startswith(f"{PORTAL}/web/") and name.endswith(".js")
        ]
        needed[place:place] = own
        return _scripts(needed)

    def _moved(self, source: str) -> str:
        """The static address of the script that Dash serves at ``source``."""
        package, _, path = source.removeprefix(_SUITE).partition("/")
        plain = cast(str, check_fingerprint(path)[0])
        known = self.files.get(f"{package}/{plain}")
        return known.address if known else source


def _scripts(addresses: Iterable[str]) -> str:
    return "\n    ".join(f'<script src="{address}"></script>' for address in addresses)


@cache
def collect() -> StaticFiles:
    """The static files of this installation, read once."""
    dash, bootstrap = (Path(str(files(name))) for name in (DASH, BOOTSTRAP))
    return StaticFiles(
        {
            PORTAL: _below(ASSETS, ASSETS.glob("**/*.*")),
            DASH: _below(
                dash,
                [
                    *(path for pattern in _DASH_FILES for path in dash.glob(pattern)),
                    *dash.glob("dcc/dash_core_components*.js"),
                    *(dash / path for path in _LOADED_LATER),
                ],
            ),
            BOOTSTRAP: _below(bootstrap, bootstrap.glob("_components/*.min.js")),
        }
    )


def _below(root: Path, paths: Iterable[Path]) -> dict[str, Path]:
    """The files that are served, of ``paths``: without those compressed ahead of time."""
    return {
        path.relative_to(root).as_posix(): path
        for path in paths
        if path.suffix in {".js", ".css", ".svg"}
    }


def _files(group: str, paths: Mapping[str, Path]) -> list[StaticFile]:
    digest = hashlib.sha256()
    for name, path in sorted(paths.items()):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    make = partial(StaticFile, digest=digest.hexdigest()[:16])
    return [
        make(
            path=path,
            name=f"{group}/{name}",
            media=mimetypes.guess_type(name)[0] or "application/octet-stream",
        )
        for name, path in sorted(paths.items())
    ]
