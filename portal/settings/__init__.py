"""Settings, typed and checked, from environment variables named ``DASH_PORTAL_*``.

``docs/settings.md`` is generated from the descriptions of the fields of the parts.
"""

from portal.settings.part import PREFIX, SettingsError
from portal.settings.providers import SHORTEST_KEY
from portal.settings.settings import Settings, documentation

__all__ = ["PREFIX", "SHORTEST_KEY", "Settings", "SettingsError", "documentation"]
