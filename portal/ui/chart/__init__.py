"""The page of a chart: a form, with its values as YAML beside it."""
