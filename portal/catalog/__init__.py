"""What can be launched: the built-in chart and its presets, and any chart of the catalogue."""
