"""The settings of the images that may be run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from portal.images.registries import ImageLookup, ImageRegistry
from portal.settings.part import PREFIX, Names, Part, SettingsError, unquoted


class ImageSettings(Part):
    """The settings of the images that may be run."""

    allowed_images: Annotated[
        Names,
        Field(
            description="Comma-separated patterns of the images that may be run, such as "
            "`registry.example.com/team/*`, without tags: what forms accept, and every image in "
            "what a chart renders. Empty: all."
        ),
    ] = ()
    image_lookup: Annotated[
        ImageLookup,
        Field(
            description="Which registries the portal asks about images before a launch: `public`, "
            "those that are listed and all others over HTTPS at public addresses, or `listed` "
            "alone. Never for images that `DASH_PORTAL_ALLOWED_IMAGES` leaves out."
        ),
    ] = ImageLookup.PUBLIC
    image_registries_file: Annotated[
        Path | None,
        Field(
            description="YAML list of registries that are asked about images at whatever address, "
            "without TLS, or with a sign-in of the portal's own."
        ),
    ] = None

    def image_registries(self) -> tuple[ImageRegistry, ...]:
        """Read the file of registries.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        if self.image_registries_file is None:
            return ()
        try:
            entries: object = yaml.safe_load(self.image_registries_file.read_text()) or []
            listed = TypeAdapter(tuple[ImageRegistry, ...]).validate_python(entries)
        except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
            raise SettingsError(f"{PREFIX}IMAGE_REGISTRIES_FILE: {unquoted(error)}") from None
        if len({each.name for each in listed}) < len(listed):
            raise SettingsError(f"{PREFIX}IMAGE_REGISTRIES_FILE: a registry is there twice.")
        return listed
