"""The history of apps in the database: what outlives a restart, and longer ranges of the chart."""
