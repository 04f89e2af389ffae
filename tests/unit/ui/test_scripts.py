"""The browser's scripts, run by Node.js without a browser, where there is one."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import files
from typing import Any

import pytest

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js")

BROWSER = """
globalThis.window = globalThis;
const heard = {};
window.addEventListener = (name, listener) => (heard[name] = listener);
window.dispatchEvent = () => {};
window.matchMedia = () => ({ matches: true, addEventListener: () => {} });
globalThis.document = {
  documentElement: { dataset: {} }, getElementById: () => null, querySelector: () => null,
};
let reloads = 0;
globalThis.location = { reload: () => reloads++ };
globalThis.setTimeout = (later) => later();
const keep = (get) => {
  for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(globalThis, name, { configurable: true, get });
};
"""


def run(asset: str, before: str, after: str) -> Any:
    """Run a script of the portal's between two others; what ``result`` is in the end."""
    source = files("portal.ui").joinpath("assets", *asset.split("/")).read_text()
    script = f"{BROWSER}{before}\n{source}\nconst result = {after};\n"
    script += "process.stdout.write(JSON.stringify(result));"
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-"], input=script, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


THEME = "[document.documentElement.dataset.bsTheme, (heard.load(), reloads)]"


def test_where_storage_is_blocked_there_is_a_theme_and_no_endless_loading() -> None:
    before = "keep(() => { throw new Error('blocked'); });"
    assert run("theme.js", before, THEME) == ["dark", 0]


@pytest.mark.parametrize(("tries", "reloads"), [(None, 1), (2, 1), (3, 0)])
def test_an_empty_page_is_loaded_again_three_times(tries: int | None, reloads: int) -> None:
    before = f"""
    const items = {{ "dash-portal-reloads": {json.dumps(tries)} }};
    const storage = {{
      getItem: (key) => items[key] ?? null, setItem: (key, value) => (items[key] = value),
    }};
    keep(() => storage);
    """
    assert run("theme.js", before, THEME) == ["dark", reloads]


@pytest.mark.parametrize(
    ("replicas", "chosen", "disabled", "reset"),
    [
        (0, 1, False, "d-none"),
        (0, 2, False, ""),
        (1, 1, True, "d-none"),
        (2, 1, False, ""),
        (2, 2, True, "d-none"),
    ],
)
def test_what_differs_from_now_can_be_applied(
    replicas: int, chosen: int, disabled: bool, reset: str
) -> None:
    live = {"mode": "fixed", "replicas": replicas, "min_replicas": 0, "max_replicas": 0}
    values = [False, chosen, [1, 4], True, 70, False, 80]
    show = f"window.dash_clientside.portal.scaleShow(...{json.dumps([live, *values])})"
    assert run("web/controls.js", "", show)[5:] == [disabled, reset]


def test_the_chart_puts_the_new_points_behind_the_settled_ones() -> None:
    def series(times: list[int], *metrics: str) -> dict[str, Any]:
        columns = ("desired", "current", "ready", "min_replicas", "max_replicas", "cpu", "memory")
        return {
            "times": times,
            **{name: list(times) for name in columns},
            "metrics": [[name, list(times), [70] * len(times)] for name in metrics],
        }

    def shown(settled: dict[str, Any], tail: dict[str, Any]) -> dict[str, list[int]]:
        theme = "window.portalTheme = { current: () => 'light' };"
        chart = f"window.dash_clientside.portal.chart(...{json.dumps([settled, tail])})"
        traces = f"Object.fromEntries({chart}.data.map((each) => [each.name, each.y]))"
        return run("web/chart.js", theme, traces)

    both = shown(series([1, 2], "CPU"), series([3, 4], "CPU"))
    assert both["CPU"] == both["ready"] == both["memory used"] == [1, 2, 3, 4]
    late = shown(series([1, 2, 3, 4], "CPU"), series([3, 4, 5], "CPU"))
    assert late["CPU"] == late["desired"] == [1, 2, 3, 4, 5], "the tail of a moment ago"
    new = shown(series([1, 2]), series([3], "CPU"))
    assert new["CPU"] == [None, None, 3]
    assert shown(series([]), series([7]))["CPU used"] == [7]
