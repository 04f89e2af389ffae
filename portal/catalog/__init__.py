"""What can be launched: the built-in chart, its values, and the presets."""
