"""The query of a list: the part behind the ``?`` of its address and of its live topic."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from urllib.parse import parse_qsl, quote

from msgspec import Struct
from msgspec.structs import replace

from portal.viewmodels.columns import COLUMNS, SORTABLE

DEFAULT_SORT = "name"

LONGEST = {"q": 300, "namespace": 63, "owner": 160}
"""Characters of a text in a query, encoded. More is cut off."""

_PAGE = re.compile(r"[1-9][0-9]{0,4}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Bucket(StrEnum):
    """The status filters of a list. Each row is in one of them."""

    ATTENTION = "attention"
    CHANGING = "changing"
    READY = "ready"
    IDLE = "idle"


_BUCKETS = {bucket.value: bucket for bucket in Bucket}


class ListQuery(Struct, frozen=True):
    """A list's filters, order and page. ``sort`` has a "-" in front when it is descending.

    ``status`` is one of ``Bucket``, or of another list's filters.

    Create it with ``parse``, which drops anything invalid.
    """

    q: str = ""
    namespace: str = ""
    status: str | None = None
    owner: str = ""
    sort: str = DEFAULT_SORT
    page: int = 1

    @staticmethod
    def parse(
        text: str | None,
        sortable: Collection[str] | None = None,
        states: Mapping[str, str] = _BUCKETS,
    ) -> ListQuery:
        """The query of an address. Unknown, malformed and overlong parts are ignored.

        ``sortable`` and ``states`` are the columns and status filters of the list; None for those
        of Apps and Admin.
        """
        try:
            pairs = parse_qsl((text or "").lstrip("?")[:4096], max_num_fields=32)
        except ValueError:
            return ListQuery()
        columns = SORTABLE if sortable is None else sortable
        given = dict(reversed(pairs))  # the first of two counts
        sort, page, status = given.get("sort", ""), given.get("page", ""), given.get("status", "")
        return ListQuery(
            q=_clean("q", given),
            namespace=_clean("namespace", given),
            status=states.get(status),
            owner=_clean("owner", given),
            sort=sort if sort.removeprefix("-") in columns else DEFAULT_SORT,
            page=int(page) if _PAGE.fullmatch(page) else 1,
        )

    def encode(self) -> str:
        """The canonical text of the query: printable ASCII; "" for the defaults."""
        given = {
            "q": self.q,
            "namespace": self.namespace,
            "status": self.status or "",
            "owner": self.owner,
            "sort": "" if self.sort == DEFAULT_SORT else self.sort,
            "page": "" if self.page == 1 else str(self.page),
        }
        return "&".join(f"{name}={_quoted(text)}" for name, text in given.items() if text)

    @property
    def column(self) -> str:
        """The column that it is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def downwards(self) -> bool:
        """True if the largest comes first."""
        return self.sort.startswith("-")

    def by(self, column: str, *, first_down: bool | None = None) -> ListQuery:
        """The same sorted by ``column``, or the other way round if it already is.

        ``first_down``: the largest comes first; None for what the column of Apps and Admin says.
        """
        if first_down is None:
            first_down = COLUMNS[column].largest_first
        down = not self.downwards if column == self.column else first_down
        return replace(self, sort=f"-{column}" if down else column, page=1)

    def at(self, page: int) -> ListQuery:
        """Another page of the same."""
        return replace(self, page=page)


def _quoted(text: str) -> str:
    """``text`` encoded as JavaScript's encodeURIComponent does, so that both agree."""
    return quote(text, safe="!'()*")


def _clean(name: str, given: Mapping[str, str]) -> str:
    """A parameter as one line, cut to its longest length."""
    text = given.get(name, "").encode(errors="replace").decode()
    text = _UNPRINTABLE.sub(" ", text).strip()[: LONGEST[name]]
    while len(_quoted(text)) > LONGEST[name]:
        text = text[:-1]
    return text.strip()


EVERYTHING = ListQuery()
"""The query without filters."""
