"""Properties that are tried a stated number of times; the summary of a run says how often."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st


@dataclass
class Tally:
    """The examples of a property: wanted, tried, and accepted by the code under test."""

    times: int
    made: int = 0
    accepted: int = 0


TALLIES: dict[str, Tally] = {}


def tried(
    times: int, *, accepting: float = 0.0, **drawn: st.SearchStrategy[Any]
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Try a property with ``times`` examples; fails also if it was tried less often.

    The property returns whether the portal accepted its input. At least a share of
    ``accepting`` has to be, or nothing would be said about what is. Parameters that are not
    drawn are fixtures, the same for all examples.
    """

    def decorate(test: Callable[..., Any]) -> Callable[..., None]:
        tally = TALLIES[test.__name__] = Tally(times)

        def run(**fixtures: Any) -> None:
            tally.made = tally.accepted = 0

            def example(**values: Any) -> None:
                accepted = bool(test(**fixtures, **values))
                tally.made += 1
                tally.accepted += accepted

            example.__name__ = example.__qualname__ = test.__name__
            example.__module__ = test.__module__
            settings(max_examples=times)(given(**drawn)(example))()
            assert tally.made >= times
            assert tally.accepted >= accepting * tally.made, tally

        run.__name__ = run.__qualname__ = test.__name__
        run.__module__, run.__doc__ = test.__module__, test.__doc__
        kept = [
            each for name, each in inspect.signature(test).parameters.items() if name not in drawn
        ]
        run.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
        return run

    return decorate


def tallies() -> dict[str, tuple[int, int]]:
    """Return how often each property was tried in this process, and how many were accepted."""
    return {name: (each.made, each.accepted) for name, each in TALLIES.items() if each.made}


def summary(made: dict[str, tuple[int, int]]) -> Iterator[str]:
    """A line for each property that was tried in a run, and their sum."""
    for name, (times, accepted) in sorted(made.items()):
        yield f"{times:6,} {name} ({accepted:,} accepted)"
    if made:
        yield f"{sum(times for times, _ in made.values()):6,} generated in all"


def encodable(value: Any) -> Any:
    """Return plain data in whose texts all is escaped that UTF-8 cannot tell."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {encodable(name): encodable(each) for name, each in value.items()}
        case list() | tuple():
            return type(value)(encodable(each) for each in value)
        case _:
            return value
