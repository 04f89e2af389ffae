"""The form of a project, and the YAML of its objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc
from msgspec import Struct

from portal.domain.projects import PROJECT_LABEL
from portal.guardrails.rules import Level
from portal.projects.form import LONGEST_PURPOSE, NO_SIZE, OPEN, RESTRICTED, ROLE_FIELDS
from portal.projects.manifests import Found
from portal.projects.model import CONTAINER, QUOTA
from portal.ui import html, ids
from portal.ui.components.basics import Node, button, card, code_block
from portal.ui.components.sliders import field

PAUSE = 500
"""Milliseconds without a key after which a field is checked."""


class Words(Struct, frozen=True):
    """The label and the hint of a field."""

    label: str
    hint: str = ""


WORDS: Mapping[str, Words] = {
    "name": Words("Name", "The name of the namespace. It cannot be changed later."),
    "purpose": Words("Purpose", "What the project is for, in a sentence."),
    "viewers": Words("Viewers", "See apps and read their logs."),
    "launchers": Words("Launchers", "Also launch and change apps."),
    "maintainers": Words("Maintainers", "Also run commands in pods (exec), where it is allowed."),
    "administrators": Words("Administrators", "Also give these roles to others in this project."),
    "quota_cpu": Words("CPU requests", "requests.cpu"),
    "quota_memory": Words("Memory requests", "requests.memory"),
    "quota_cpu_limits": Words("CPU limits", "limits.cpu"),
    "quota_memory_limits": Words("Memory limits", "limits.memory"),
    "quota_pods": Words("Pods", "pods"),
    "quota_storage": Words("Storage", "requests.storage"),
    "quota_claims": Words("Volume claims", "persistentvolumeclaims"),
    "quota_load_balancers": Words("Load balancers", "services.loadbalancers"),
    "cpu_request": Words("CPU request", "defaultRequest"),
    "memory_request": Words("Memory request", "defaultRequest"),
    "cpu_limit": Words("CPU limit", "default"),
    "memory_limit": Words("Memory limit", "default"),
    "level": Words("Pod Security level", "The namespace enforces it, and warns of what breaks it."),
    "network": Words(
        "Traffic out of the project",
        "Traffic in comes from the project, the portal and ingress controllers alone: an app with "
        "a NodePort or a load balancer of its own is not reached from outside.",
    ),
    "images": Words("Allowed images", "Patterns, one per line. Empty: all that the portal allows."),
    "charts": Words("Allowed charts", "Such as team/*, one per line. Empty: the whole catalogue."),
    "size": Words("Default size", "The size that the launch form begins with."),
}

LEVEL_WORDS: Mapping[Level, str] = {
    Level.RESTRICTED: "restricted: no root, no privileges",
    Level.BASELINE: "baseline: no known ways to gain privileges",
    Level.PRIVILEGED: "privileged: no limits",
}
NETWORK_WORDS = {
    OPEN: "open: everywhere",
    RESTRICTED: "restricted: DNS, and within the project",
}


def form(
    raw: Mapping[str, str],
    *,
    sizes: tuple[str, ...],
    by_role: bool,
    now: Found | None = None,
    manifests: str = "",
    save: str = "Create",
) -> list[Node]:
    """The form, filled in from ``raw``; ``now`` is the project as it is, None for a new one."""

    def draw(name: str, class_name: str = "") -> Node:
        manager = now.manager(name) if now is not None else ""
        locked = bool(manager) or (name == "name" and now is not None)
        words = WORDS[name]
        return field(
            ids.project(name),
            words.label,
            _control(name, raw.get(name, ""), sizes, locked=locked),
            note_id=ids.project_note(name),
            hint=f"{manager} manages this: change it there." if manager else words.hint or None,
            class_name=class_name,
        )

    people = [html.Div([draw(each, "half") for each in ROLE_FIELDS], className="fields")]
    return [
        dcc.Store(id=ids.PROJECT_OPENED, data=now.project.name if now is not None else ""),
        card(
            "Project",
            html.Div([draw("name", "half"), draw("purpose", "half")], className="fields"),
            icon_name="folder",
        ),
        card(
            "People (RoleBindings)",
            [
                html.P(
                    "One per line: user:NAME or group:NAME, as they sign in. Each role includes "
                    "the one before it.",
                    className="quiet-text",
                ),
                *people,
            ]
            if by_role
            else [
                html.P(
                    "In this portal everybody who signs in sees every namespace and may launch "
                    "there: roles in a project would change nothing.",
                    className="quiet-text",
                ),
                html.Div(people, className="d-none"),
            ],
            icon_name="person",
        ),
        card(
            "Quota (ResourceQuota)",
            html.Div([draw(each, "small") for each in QUOTA], className="fields"),
            icon_name="sliders",
        ),
        card(
            "Container defaults (LimitRange)",
            html.Div([draw(each, "small") for each in CONTAINER], className="fields"),
            icon_name="boxes",
        ),
        card(
            "Security",
            html.Div([draw("level", "half"), draw("network", "half")], className="fields"),
            icon_name="admin",
        ),
        card(
            "What may run",
            html.Div(
                [draw("images", "half"), draw("charts", "half"), draw("size", "half")],
                className="fields",
            ),
            icon_name="launch",
        ),
        card(
            "Manifests",
            [
                html.P(
                    "These objects are applied, and nothing else. A namespace that comes from Git "
                    f"is shown as a project if it has the label {PROJECT_LABEL}: true.",
                    className="quiet-text",
                ),
                code_block(ids.PROJECT_MANIFESTS, manifests, "the manifests", title="YAML"),
                dcc.Download(id=ids.PROJECT_DOWNLOADED),
            ],
            icon_name="file",
            aside=button(
                "Download",
                ids.PROJECT_DOWNLOAD,
                color="secondary",
                outline=True,
                size="sm",
                icon_name="save",
            ),
        ),
        html.Div(id=ids.PROJECT_FAILURE),
        html.Div(button(save, ids.PROJECT_SAVE, icon_name="check"), className="button-row"),
    ]


def _control(name: str, text: str, sizes: tuple[str, ...], *, locked: bool) -> Node:
    id = ids.project(name)
    if name in ROLE_FIELDS or name in {"images", "charts"}:
        return dbc.Textarea(
            id=id,
            value=text,
            rows=3,
            readonly=locked,
            debounce=PAUSE,
            className="mono",
            spellcheck=False,
        )
    options: dict[str, Any] = {
        "level": {each.value: words for each, words in LEVEL_WORDS.items()},
        "network": NETWORK_WORDS,
        "size": {NO_SIZE: "None", **{each: each for each in sizes}},
    }
    if name in options:
        listed: list[Any] = [
            {"label": words, "value": value} for value, words in options[name].items()
        ]
        return dbc.Select(id=id, options=listed, value=text or NO_SIZE, disabled=locked)
    return dbc.Input(
        id=id,
        type="text",
        value=text,
        readonly=locked,
        autocomplete="off",
        maxlength=LONGEST_PURPOSE,
        debounce=PAUSE,
    )
