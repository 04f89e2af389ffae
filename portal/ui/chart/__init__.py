"""One chart of the catalogue: its form, and its values as text beside it."""
