"""Help beside a control: a "?" that opens a sentence, by pointer, touch and keyboard."""

from __future__ import annotations

from portal.catalog.launch_fields import BY_NAME
from portal.ui import html
from portal.ui.components.basics import icon, wildcards


def help_on(control: str, label: str, text: str) -> html.Details:
    """The help on the control with the id ``control``, whose label is ``label``."""
    summary = html.Summary(
        icon("help"), title="Help", **wildcards({"aria-label": f"Help on {label}"})
    )
    return html.Details(
        [summary, html.P(text)], className="help", **wildcards({"data-help": control})
    )


def launch_help(name: str, control: str) -> html.Details:
    """The help on a control that sets a field of the launch form, as its table describes it."""
    entry = BY_NAME[name]
    return help_on(control, entry.label, entry.hint)
