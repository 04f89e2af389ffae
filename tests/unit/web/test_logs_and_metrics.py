import json
import logging
from datetime import UTC, datetime

from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationPhase
from portal.releases.install import LAUNCH
from portal.web.logs import JsonFormatter
from portal.web.metrics import Metrics


def test_a_log_line_is_json_with_its_extra_fields():
    record = logging.makeLogRecord(
        {"msg": "took %s", "args": ("3 s",), "name": "portal", "release": "a/b"}
    )
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == "took 3 s"
    assert line["release"] == "a/b"
    assert "\n" not in JsonFormatter().format(record)


def test_operations_and_gauges_are_published():
    metrics = Metrics()
    metrics.gauge("releases", "Releases known", lambda: 7)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    metrics.freshness(lambda: [("pods", at), ("nodes", None)])
    metrics.ended(
        Operation(
            id="1",
            key=Key("apps", "a"),
            verb=LAUNCH,
            actor="x",
            phase=OperationPhase.FAILED,
            created_at=at,
            updated_at=at,
            helm_seconds=0.5,
        )
    )
    text = metrics.render().decode()
    assert "dash_portal_releases 7.0" in text
    assert 'dash_portal_operations_total{phase="failed",verb="launch"} 1.0' in text
    assert 'dash_portal_helm_seconds_count{verb="launch"} 1.0' in text
    alive = next(line for line in text.splitlines() if 'source="pods"' in line)
    assert float(alive.split()[-1]) == at.timestamp()
    assert 'source="nodes"} 0.0' in text
