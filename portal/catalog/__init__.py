"""Charts that can be launched: the built-in one with its presets, and those of the catalogue."""
