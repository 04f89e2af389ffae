"""The settings of what is offered for a launch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from portal.catalog.presets import Preset, read_presets
from portal.catalog.sizes import read_sizes
from portal.catalog.sources import Source, SourceKind
from portal.domain.charts import BUILT_IN
from portal.domain.sizes import Size
from portal.settings.part import PREFIX, Part, SettingsError, unquoted


class CatalogSettings(Part):
    """The settings of what is offered for a launch."""

    presets_file: Annotated[
        Path | None, Field(description="YAML list of the images that the launch form offers.")
    ] = None
    sizes_file: Annotated[
        Path | None,
        Field(
            description="YAML list of named sizes that the launch form offers: resources, and the "
            "nodes to run on."
        ),
    ] = None
    catalog_file: Annotated[
        Path | None,
        Field(description="YAML list of the sources of charts, beside the built-in one."),
    ] = None
    catalog_interval: Annotated[
        float, Field(ge=10, description="Seconds between two reads of the sources of charts.")
    ] = 300.0
    catalog_index_limit: Annotated[
        int,
        Field(
            ge=1,
            le=200,
            description="MiB that the index of a repository of charts may have. It is read by a "
            "process of its own, and again only when it has changed; memory grows with it.",
        ),
    ] = 20
    chart_path: Annotated[Path, Field(description="The built-in chart.")] = Path("charts/dash-app")
    chart_ref: Annotated[
        str, Field(description="Name of the chart in the helm command to copy.")
    ] = "charts/dash-app"

    def presets(self) -> tuple[Preset, ...]:
        """Read the presets file.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        if self.presets_file is None:
            return ()
        try:
            entries: object = yaml.safe_load(self.presets_file.read_text()) or []
            return read_presets(entries)
        except (OSError, yaml.YAMLError, ValueError) as error:
            raise SettingsError(f"{PREFIX}PRESETS_FILE: {unquoted(error)}") from None

    def sizes(self) -> tuple[Size, ...]:
        """Read the file of sizes.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        if self.sizes_file is None:
            return ()
        try:
            entries: object = yaml.safe_load(self.sizes_file.read_text()) or []
            return read_sizes(entries)
        except (OSError, yaml.YAMLError, ValueError) as error:
            raise SettingsError(f"{PREFIX}SIZES_FILE: {unquoted(error)}") from None

    def sources(self) -> tuple[Source, ...]:
        """Read the file of sources; the built-in chart comes first.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        own = Source(BUILT_IN, SourceKind.BUILTIN, path=self.chart_path)
        if self.catalog_file is None:
            return (own,)
        try:
            entries: object = yaml.safe_load(self.catalog_file.read_text()) or []
            listed = TypeAdapter(tuple[Source, ...]).validate_python(entries)
        except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
            raise SettingsError(f"{PREFIX}CATALOG_FILE: {unquoted(error)}") from None
        names = [each.name for each in (own, *listed)]
        if len(set(names)) < len(names):
            raise SettingsError(f"{PREFIX}CATALOG_FILE: two sources have the same name.")
        return (own, *listed)
