"""A range from the portal's own record, and what another one adds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from portal.domain.errors import DatabaseUnavailable
from portal.domain.keys import Key
from portal.history.longer import Beyond, LongerHistory, LongHistory, ReadBeyond, joined
from portal.history.model import ChartRange
from portal.history.summary import Reading, Summary, coarser, pack, unpack
from portal.prometheus.client import PrometheusUnavailable
from portal.state.model import AppState
from portal.state.store import Store
from portal.viewmodels.series import long_series_view, record_notices, source_words
from tests.unit.state import make

KEY = Key("apps", "web")
OWN = Summary(900, 3, 3, 2, cpu=Reading(0.5, 0.6))
OTHER = Summary(900, None, 9, None, cpu=Reading(9, 9), memory=Reading(10.0, 20.0))
EARLIER = replace(OTHER, at=0)


async def kept(key: Key, chosen: ChartRange) -> Sequence[Summary]:
    return [OWN]


async def away(key: Key, chosen: ChartRange) -> Sequence[Summary]:
    raise DatabaseUnavailable("The portal's database does not answer.", "Wait.")


async def other(state: AppState, chosen: ChartRange, now: int) -> Beyond:
    return Beyond((EARLIER, OTHER), ("x_total",))


async def silent(state: AppState, chosen: ChartRange, now: int) -> Beyond:
    raise PrometheusUnavailable("Prometheus does not answer (TimeoutError).")


def test_the_own_record_counts_and_only_gaps_are_filled() -> None:
    found, borrowed = joined([OWN], [EARLIER, OTHER])
    assert found == [EARLIER, replace(OWN, memory=OTHER.memory)]
    assert borrowed == (0,)


@pytest.mark.parametrize("beyond", [None, silent])
async def test_it_is_never_worse_than_without(beyond: ReadBeyond | None) -> None:
    found = await LongerHistory(Store(), kept, beyond).read(KEY, ChartRange.WEEK)
    assert (list(found.summaries), found.borrowed) == ([OWN], ())
    assert ("TimeoutError" in found.failure) == (beyond is not None)


async def test_a_database_that_is_away() -> None:
    with pytest.raises(DatabaseUnavailable):
        await LongerHistory(Store(), away, None).read(KEY, ChartRange.WEEK)
    found = await LongerHistory(Store(), away, other).read(KEY, ChartRange.WEEK)
    assert (list(found.summaries), found.borrowed) == ([EARLIER, OTHER], (0, 900))
    assert "database" in found.failure
    neither = await LongerHistory(Store(), away, silent).read(KEY, ChartRange.WEEK)
    assert not neither.summaries
    assert "database" in neither.failure
    assert "TimeoutError" in neither.failure


async def test_without_a_database_memory_comes_first() -> None:
    clock = make.Clock()
    store = Store(clock)
    make.app(store, "web")
    store.snapshot.app(make.key("web"))
    begun = int(make.T0.timestamp()) // 300 * 300
    mine = replace(OTHER, at=begun, current=7)

    async def beyond(state: AppState, chosen: ChartRange, now: int) -> Beyond:
        return Beyond((replace(mine, at=begun - 300), mine))

    found = await LongerHistory(store, None, beyond).read(make.key("web"), ChartRange.DAY)
    assert [each.at for each in found.summaries] == [begun - 300, begun]
    assert found.summaries[1].current != 7
    assert found.borrowed == (begun - 300,)


def test_where_it_is_from() -> None:
    first = datetime.fromtimestamp(900, UTC)
    words = source_words(LongHistory((EARLIER, OWN), (0,)))
    assert words.startswith(f"Until {first:%H:%M} UTC on 1 January from Prometheus")
    assert "how many pods were desired" in words
    assert source_words(LongHistory((OWN,))) == ""
    assert source_words(LongHistory((OTHER,), (900,))).startswith("From Prometheus, since")
    later = replace(OTHER, at=1800, desired=1)
    assert source_words(LongHistory((OWN, later), (1800,))) == (
        "Where the portal has no record of its own, from Prometheus."
    )


def test_what_is_missing_is_said() -> None:
    found = LongHistory((), (), ("x_total", "y"), "Prometheus does not answer.")
    failed, lacking = record_notices(found)
    assert failed.body == "Prometheus does not answer."
    assert "x_total and y" in lacking.body
    assert record_notices(LongHistory()) == ()


def test_numbers_that_are_not_known_stay_so() -> None:
    unknown = replace(OWN, desired=None, ready=None)
    assert unpack(pack([unknown]))[0].desired is None
    (found,) = coarser([unknown, replace(OWN, at=1800)], 3600)
    assert (found.desired, found.current, found.ready) == (3, 3, 2)
    (none,) = coarser([unknown], 3600)
    assert (none.desired, none.ready) == (None, None)
    assert long_series_view([unknown], 900).desired == (None,)
