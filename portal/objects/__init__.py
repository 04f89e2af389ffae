"""The objects of a release: their tree, and each of them with its state and its links."""
