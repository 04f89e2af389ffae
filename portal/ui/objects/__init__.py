"""The page of a release's objects: their tree, and one of them in detail."""
