"""Presets: images that the launch form offers, from the portal's settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """An image with settings to start from. Empty quantities leave the form's defaults."""

    name: str
    repository: str
    tag: str
    port: int = 8050
    description: str = ""
    cpu_request: str = ""
    cpu_limit: str = ""
    memory_request: str = ""
    memory_limit: str = ""
    session_affinity: bool = False
