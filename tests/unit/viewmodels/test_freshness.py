"""What of a page may be out of date."""

from __future__ import annotations

import pytest

from portal.domain.objects import Kind
from portal.state.model import Source
from portal.viewmodels.freshness import stale_words

from .make import NOW


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_name_for_people(kind: Kind) -> None:
    (words,) = stale_words({kind.value: Source(kind.value)}, NOW)
    assert not words.startswith(f"{kind.value}:")
