"""Structured logs: one JSON object a line, or plain text for a terminal."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Literal

from portal.domain.request import current_request

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON; what is passed as ``extra`` becomes fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := current_request().id:
            line["request"] = request
        line.update({k: v for k, v in vars(record).items() if k not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(log_format: Literal["json", "text"], level: str) -> None:
    """Send all logs to standard error in one form."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter()
        if log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # pyhelm3 logs whole command lines, tokens included; the portal's runner logs them redacted.
    logging.getLogger("pyhelm3").setLevel(logging.WARNING)
