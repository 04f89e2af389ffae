"""Registries: where images and charts are kept, asked over HTTP by the distribution protocol."""
