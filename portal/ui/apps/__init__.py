"""The pages Apps (one's own releases) and Admin (all releases)."""
