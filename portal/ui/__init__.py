"""The Dash user interface: pages, callbacks, components."""
