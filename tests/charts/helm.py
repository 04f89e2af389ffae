"""The helm command as the tests use it: a real one, that knows no cluster."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """The result of ``helm template``: manifests, or an error."""

    manifests: tuple[Json, ...]
    error: str

    def one(self, kind: str) -> Json:
        """Return the only manifest of a kind; fails when there is none or more than one."""
        found = self.all(kind)
        assert len(found) == 1, f"{len(found)} of {kind}; {self.error}"
        return found[0]

    def all(self, kind: str) -> list[Json]:
        """Return the manifests of a kind."""
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    @property
    def kinds(self) -> set[str]:
        """The kinds that were rendered."""
        return {manifest["kind"] for manifest in self.manifests}


class Helm:
    """The helm command, cut off from any cluster and from the user's own settings."""

    def __init__(self, program: str, home: Path, more: dict[str, str] | None = None) -> None:
        self._program = program
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HELM_NO_PLUGINS": "1",
            "KUBECONFIG": os.devnull,
            **(more or {}),
        }

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run helm and return what it printed and how it ended."""
        return subprocess.run(
            [self._program, *arguments],
            input=stdin,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def template(
        self,
        chart: Path,
        values: Json | None = None,
        *flags: str,
        release: str = "my-app",
        namespace: str = "apps",
    ) -> Rendered:
        """Render a chart with values (as a file would give them) and flags such as ``--set``."""
        command = ["template", release, str(chart), "-n", namespace, "--values", "-", *flags]
        result = self.run(*command, stdin=yaml.safe_dump(values or {}))
        if result.returncode:
            return Rendered((), result.stderr)
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        manifests = [document for document in yaml.load_all(result.stdout, loader) if document]
        return Rendered(tuple(manifests), "")

    def notes(self, chart: Path, values: Json, *, release: str = "my-app") -> str:
        """Return the notes an installation would end with, without installing anything."""
        command = [
            "install",
            release,
            str(chart),
            "-n",
            "apps",
            "--dry-run=client",
            "--values",
            "-",
        ]
        result = self.run(*command, stdin=yaml.safe_dump(values))
        assert result.returncode == 0, result.stderr
        return result.stdout.partition("\nNOTES:\n")[2]
