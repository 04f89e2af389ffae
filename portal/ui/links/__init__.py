"""The page that a read-only link shows, and the panel in which links are made."""
