"""Values that the launch form cannot show."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.catalog.dash_app import to_values
from portal.catalog.unmapped import unmapped
from portal.domain.keys import LAUNCHED_BY
from tests.unit.catalog.test_dash_app import AUTO, DEFAULTS, SITE, SPEC, SPECS


@pytest.mark.parametrize("spec", [*SPECS, replace(SPEC, autoscaling=AUTO)])
def test_nothing_of_what_the_form_made(spec: Any) -> None:
    assert unmapped(to_values(spec, "ann", SITE), DEFAULTS) == ()
    assert unmapped(DEFAULTS, DEFAULTS) == ()


def test_everything_else_is_named() -> None:
    values = {
        "podLabels": {"team": "a"},
        "tolerations": [{"key": "gpu"}],
        "service": {"port": 80, "annotations": {"a.b/c": "d"}},
        "commonAnnotations": {LAUNCHED_BY: "ann", "team": "a"},
        "extraEnvVars": [{"name": "A", "value": "1"}, {"name": "S", "valueFrom": {}}],
        "httpRoute": {"hostnames": ["a", "b"]},
        "persistence": {"existingClaim": "d", "subPath": "x"},
    }
    assert set(unmapped(values, DEFAULTS)) == {
        "podLabels.team",
        "tolerations",
        "service.annotations.a.b/c",
        "commonAnnotations.team",
        "extraEnvVars (S)",
        "httpRoute.hostnames after the first",
        "persistence.subPath",
    }
