"""How anything runs: one operation at a time on each release, recorded, and taken over."""
