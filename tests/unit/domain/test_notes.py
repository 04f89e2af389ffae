"""Notes show no secret that the release is known to have."""

from __future__ import annotations

import base64

import pytest

from portal.domain.notes import shown_notes
from portal.domain.scrubber import HIDDEN

MADE = "made-by-the-chart-7"
GIVEN = 'gi"ven <by> a person'
DEFAULT = "in-the-defaults"
ENCODED = base64.b64encode(MADE.encode()).decode()
MANIFEST = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: Secret}}
data: {{a: "b: ["}}
---
apiVersion: v1
kind: Secret
metadata: {{name: s}}
data: {{password: {ENCODED}}}
---
broken: [Secret
"""
VALUES = ({"auth": {"password": GIVEN}, "plain": "nothing-secret"}, {"auth": {"token": DEFAULT}})


@pytest.mark.parametrize(
    "notes",
    [
        f"Log in with {MADE}.",
        f"In base64: {ENCODED}",
        f"http://x/?p={MADE}",
        f"Log in with {GIVEN}",
        'As JSON: gi\\"ven \\u003cby\\u003e a person',
        "As an address: gi%22ven%20%3Cby%3E%20a%20person, gi%22ven+%3Cby%3E+a+person",
        "As HTML: gi&quot;ven &lt;by&gt; a person",
        f"By default it is {DEFAULT}!",
        f"Basic {base64.b64encode(f'admin:{MADE}'.encode()).decode()}",
        "postgres://ada:of-somebody-else@db/x",
    ],
)
def test_secrets_are_hidden(notes: str) -> None:
    shown = shown_notes(f"Hello.\n{notes}\nnothing-secret", VALUES, [MANIFEST])
    assert HIDDEN in shown
    assert shown.startswith("Hello.\n")
    assert shown.endswith("\nnothing-secret")
    for each in (MADE, "ven", DEFAULT, "somebody", ENCODED[:8]):
        assert each not in shown


def test_secrets_of_hooks_and_lists_count() -> None:
    listed = f"kind: List\nitems:\n- kind: Secret\n  stringData: {{a: {MADE}}}\n"
    assert shown_notes(f"x {MADE}", [], ["", listed]) == f"x {HIDDEN}"
    quoted = f'{{"kind": "Secret", "stringData": {{"a": "{MADE}"}}}}'
    assert shown_notes(f"x {MADE}", [], [quoted]) == f"x {HIDDEN}"


@pytest.mark.parametrize("notes", ["", "\n", "1. Get the address:\n   kubectl get svc sales\n"])
def test_harmless_notes_stay(notes: str) -> None:
    assert shown_notes(notes, VALUES, [MANIFEST]) == notes
