"""The browser's scripts, run by Node.js without a browser, where there is one."""

from __future__ import annotations

import json
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from importlib.resources import files
from typing import Any

import pytest

from portal.live.topics import list_topic
from portal.viewmodels.columns import SORTABLE
from portal.viewmodels.query import ListQuery

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
    """Run a script of the portal's between two others; what ``after`` is in the end.

    That may be a promise.
    """
    source = files("portal.ui").joinpath("assets", *asset.split("/")).read_text()
    script = f"{BROWSER}{before}\n{source}\nPromise.resolve({after})"
    script += ".then((result) => process.stdout.write(JSON.stringify(result)));"
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


QUERIES = (
    "",
    "??q=a+b%26c&page=2",
    "sort=name&page=1",
    "sort=-name",
    "sort=-updated&page=0",
    "sort=key&status=x&page=999999",
    "page=%D9%A3&status=idle",
    "q=&q=second&q=third",
    "q=%20&owner=%EF%BB%BFbom%EF%BB%BF",
    "q=%E2%80%83wide%E2%80%83&namespace=a%00%09b%C2%85",
    "bogus=1&q=%zz&namespace=%ff",
    "owner=ada@example.org&q=it's(*)!~",
    "q=" + "x" * 400,
    "q=" + "%F0%9F%8C%B7" * 60 + "&page=7",
    "namespace=" + "a" * 61 + "++b",
    "owner=" + "%C3%BC" * 100,
    "&".join(f"a{number}=1" for number in range(40)) + "&q=x",
    "a=" + "x" * 5000 + "&q=x",
    "q",
    "Q=x&q=%E2%80%A8line",
)


def test_a_query_is_spelled_as_the_server_spells_it() -> None:
    dataset = json.dumps({"liveView": "admin", "sortable": " ".join(SORTABLE)})
    before = f"const page = {{ dataset: {dataset} }};"
    before += """
    document.querySelector = () => page;
    document.addEventListener = () => {};
    document.getElementById = () => null;
    Object.assign(location, { pathname: "/admin", search: "" });
    globalThis.CustomEvent = class {};
    """
    follow = f"""{json.dumps(QUERIES)}.map((text) => {{
      location.search = `?${{text}}`;
      heard._dashprivate_pushstate();
      return page.dataset.liveView;
    }})"""
    assert run("web/list.js", before, follow) == [
        list_topic("admin", ListQuery.parse(text).encode()) for text in QUERIES
    ]


def test_the_chart_puts_the_new_points_behind_the_settled_ones() -> None:
    def series(times: list[int], *metrics: str) -> dict[str, Any]:
        columns = ("desired", "current", "ready", "min_replicas", "max_replicas", "cpu", "memory")
        return {
            "times": times,
            **{name: list(times) for name in columns},
            "metrics": [[name, list(times), [70] * len(times)] for name in metrics],
        }

    def shown(settled: dict[str, Any], tail: dict[str, Any]) -> dict[str, list[int]]:
        drawn = f"window.dash_clientside.portal.chart(...{json.dumps([settled, tail])})"
        lines = "window.portalChart.panels(drawn.series, drawn.theme).flatMap(({ lines }) => lines)"
        by_name = f"Object.fromEntries({lines}.map((each) => [each.name, each.values]))"
        return run("web/chart.js", LIGHT, f"((drawn) => {by_name})({drawn})")

    both = shown(series([1, 2], "CPU"), series([3, 4], "CPU"))
    assert both["CPU"] == both["ready"] == both["memory used"] == [1, 2, 3, 4]
    late = shown(series([1, 2, 3, 4], "CPU"), series([3, 4, 5], "CPU"))
    assert late["CPU"] == late["desired"] == [1, 2, 3, 4, 5], "the tail of a moment ago"
    new = shown(series([1, 2]), series([3], "CPU"))
    assert new["CPU"] == [None, None, 3]
    assert shown(series([]), series([7]))["CPU used"] == [7]


def _drawn(times: list[int], long: dict[str, Any] | None = None) -> dict[str, Any]:
    """The series that is drawn for live samples at these times."""
    names = ("desired", "current", "ready", "min_replicas", "max_replicas", "cpu", "memory")
    live = {name: [1] * len(times) for name in names}
    live |= {"times": times, "metrics": [["CPU", [50] * len(times), [70] * len(times)]]}
    none = {name: [] for name in (*names, "times", "metrics")}
    given = json.dumps([live, none, "light", long])
    found = run("web/chart.js", LIGHT, f"window.dash_clientside.portal.chart(...{given}).series")
    assert isinstance(found, dict)
    return found


def test_no_line_is_drawn_where_nobody_watched() -> None:
    found = _drawn([0, 10, 300, 310, 4000, 4010])
    assert found["times"] == [0, 10, 300, 310, 311, 4000, 4010]
    assert found["ready"] == [1, 1, 1, 1, None, 1, 1]
    assert found["metrics"][0][2] == [70, 70, 70, 70, None, 70, 70]
    slow = [0, 600, 1200, 1800]
    assert _drawn(slow)["times"] == slow, "polled every ten minutes"


def test_a_longer_range_is_continued_by_the_live_samples() -> None:
    names = ("desired", "current", "ready", "min_replicas", "max_replicas", "cpu", "memory")
    long = {
        **{name: [2, 2, 2] for name in (*names, "cpu_highest", "memory_highest")},
        **{"times": [0, 900, 4500], "step": 900, "metrics": [["Memory", [1, 2, 3], [80] * 3]]},
        "metrics_highest": [[4, 5, 6]],
    }
    found = _drawn([4600, 5399, 5400, 5410], long)
    assert found["times"] == [0, 900, 1800, 4500, 5400, 5410]
    assert found["ready"] == [2, 2, None, 2, 1, 1]
    assert found["cpu_highest"] == [2, 2, None, 2, None, None]
    assert [name for name, *_ in found["metrics"]] == ["Memory", "CPU"]
    assert found["metrics_highest"] == [[4, 5, None, 6, None, None], [None] * 6]


def test_a_longer_range_says_which_values_it_has() -> None:
    long = {**SERIES, "step": 900, "metrics_highest": [[30, None, 99]]}
    long |= {"cpu_highest": [0.5, None, 1], "memory_highest": [70, None, 2100]}
    assert chart(long, "columns(series, 'light').slice(1).map(([title]) => title)") == [
        *("CPU", "CPU, highest", "CPU target"),
        *("current, highest", "desired, highest", "ready, lowest", "min–max"),
        *("CPU used", "memory used", "CPU used, highest", "memory used, highest"),
    ]
    assert chart(long, "columns(series, 'light')[10][1](2)") == "1 cores"


LIGHT = "window.portalTheme = { current: () => 'light' };"
SERIES: dict[str, Any] = {
    "times": [0, 15, 30],
    "desired": [1, 2, 2],
    "current": [1, 1, 2],
    "ready": [1, 1, 2],
    "min_replicas": [1, 1, None],
    "max_replicas": [4, 4, None],
    "metrics": [["CPU", [20.4, None, 90], [70, 70, 70]]],
    "cpu": [0.0204, None, 0.18],
    "memory": [64.2, None, 2048],
}


def chart(series: dict[str, Any], result: str) -> Any:
    """Return the ``result`` for a chart's ``panels``, ``columns`` or ``moments``."""
    given = f"const series = {json.dumps(series)}, {{ panels, columns, moments }} = portalChart"
    return run("web/chart.js", LIGHT, f"(() => {{ {given}; return {result}; }})()")


def test_the_chart_has_a_plot_for_what_is_measured_decided_and_used() -> None:
    shape = (
        "panels(series, 'dark').map((each) => [each.title, each.lines.length, each.bands.length])"
    )
    assert chart(SERIES, shape) == [
        ["% of request", 2, 0],
        ["pods", 3, 1],
        ["cores", 2, 0],
    ]
    never = {"metrics": [], "cpu": [None] * 3, "memory": [None] * 3}
    fixed = {**SERIES, **never, "min_replicas": [None] * 3, "max_replicas": [None] * 3}
    assert chart(fixed, shape) == [["pods", 3, 0]]
    shares = "panels(series, 'light').reduce((sum, { share }) => sum + share, 0)"
    assert chart(SERIES, shares) == chart(fixed, shares) == 1


def test_the_tolerance_is_a_band_around_the_target() -> None:
    more = "{ tolerances: { CPU: [0.1, 0.2] } }"
    first = "({ name, least, most }) => [name, least[0], most[0]]"
    bands = f"panels(series, 'light', {more})[0].bands.map({first})"
    assert chart(SERIES, bands) == [["CPU tolerance", 63, 84]]


def test_a_curve_of_replicas_holds_each_value_until_the_next() -> None:
    first, last = SERIES["times"][0], SERIES["times"][-1]
    curve = json.dumps({"name": "what if", "times": [first + 1, last], "replicas": [3, 5]})
    values = f"panels(series, 'light', {{ curves: [{curve}] }})[1].lines[0].values"
    assert chart(SERIES, values) == [None, 3, 5]


def test_metrics_in_other_units_have_a_plot_and_colours_of_their_own() -> None:
    metrics = [["CPU", [50.0] * 3, [70] * 3], ["Memory", [40.0] * 3, [80] * 3]]
    metrics += [["orders, in all", [1200, None, 34.5], [30] * 3]]
    several = {**SERIES, "metrics": metrics, "units": {"orders, in all": "orders, in all"}}
    titles = "panels(series, 'light').map(({ title, lines }) => [title, lines.map((l) => l.name)])"
    assert chart(several, titles)[:2] == [
        ["% of request", ["CPU", "CPU target", "Memory", "Memory target"]],
        ["orders, in all", ["orders, in all", "orders, in all target"]],
    ]
    assert chart(several, "columns(series, 'light')[5][1](0)") == "1,200"
    styles = "panels(series, 'light').map(({ lines }) => lines.map((l) => [l.width, l.dash]))"
    for plot in chart(several, styles):
        assert len({json.dumps(style) for style in plot}) == len(plot), "not by colour alone"
    colours = "panels(series, 'dark').slice(0, 2).flatMap((p) => p.lines.map((l) => l.colour))"
    assert len({*chart(several, colours)}) == 3


def files_of(series: dict[str, Any], result: str, before: str = "") -> Any:
    """Return the ``result`` for a chart's ``csv``, ``parquet`` or ``svg``."""
    assets = files("portal.ui").joinpath("assets", "web", "chart.js").read_text()
    names = "{ csv, parquet, svg, named }"
    given = f"const series = {json.dumps(series)}, {names} = portalChartFiles"
    return run(
        "web/chart-files.js",
        f"{LIGHT}\n{assets}\n{before}",
        f"(() => {{ {given}; return {result}; }})()",
    )


def test_the_file_has_plain_numbers_and_the_marks() -> None:
    at = SERIES["times"][1]
    more = json.dumps({"marks": [[at - 3, 'Adds 1, to 2: "busy", 90 %', "decision", None]]})
    rows = str(files_of(SERIES, f"csv(series, {more})")).split("\r\n")
    assert rows[0].startswith("time,desired,current,ready,min_replicas,max_replicas,cpu_cores")
    assert rows[0].endswith("memory_mib,CPU percent,CPU target percent,marks")
    assert rows[1].endswith(",1,1,1,1,4,0.0204,64.2,20.4,70,")
    assert rows[2].endswith(',2,1,1,1,4,,,,70,"Adds 1, to 2: ""busy"", 90 %"')
    other = {**SERIES, "metrics": [["a, in all", [1, 2, 3], [4] * 3]], "units": {"a, in all": "a"}}
    assert '"a, in all","a, in all target"' in str(files_of(other, "csv(series)"))


def test_the_parquet_file_has_the_same_columns_with_their_types() -> None:
    writer = "window.parquetWriter = { parquetWriteBuffer: ({ columnData }) => columnData };"
    made = files_of(SERIES, "parquet(series)", writer)
    assert [(each["name"], each["type"]) for each in made][::4] == [
        *(("time", "TIMESTAMP"), ("min_replicas", "INT32")),
        *(("CPU percent", "DOUBLE"),),
    ]
    by_name = {each["name"]: each["data"] for each in made}
    assert by_name["max_replicas"] == [4, 4, None]
    assert by_name["marks"] == [None] * 3


def test_the_library_writes_a_parquet_file() -> None:
    library = files("portal.ui").joinpath("assets", "vendor", "parquet-writer.min.js").read_text()
    begins = "String.fromCharCode(...new Uint8Array(parquet(series)).slice(0, 4))"
    assert files_of(SERIES, begins, f"{library}; window.parquetWriter = parquetWriter;") == "PAR1"


def svg(series: dict[str, Any], more: str = "{}") -> ElementTree.Element:
    return ElementTree.fromstring(str(files_of(series, f"svg(series, 'dark', {more})")))


def test_the_drawing_has_the_lines_that_are_shown_and_their_key() -> None:
    name = "{http://www.w3.org/2000/svg}"
    marks = json.dumps([[15, "Adds 1", "decision", None], [5, "A test", "load-test", 20]])
    whole = svg(SERIES, f"{{ title: 'A & <b>', marks: {marks} }}")
    said = [each.text for each in whole.iter(f"{name}text")]
    assert said[0] == "A & <b>"
    assert {"CPU", "CPU target", "desired", "ready", "min–max", "% of request", "MiB"} <= {*said}
    assert [each.text for each in whole.iter(f"{name}title")][-2:] == ["Adds 1", "A test"]
    cpu = next(each for each in whole.iter(f"{name}path") if each.get("stroke-width") == "2.25")
    assert str(cpu.get("d")).count("M") == 2, "nothing is drawn where nothing was measured"
    some = svg(SERIES, "{ hidden: new Set(['CPU', 'CPU target']), shown: [0, 15] }")
    said = [each.text for each in some.iter(f"{name}text")]
    assert not {"CPU", "% of request"} & {*said}


def test_a_drawing_of_unknown_values_is_one_all_the_same() -> None:
    unknown = {**SERIES, "metrics": [["CPU", [None] * 3, [None] * 3]], "cpu": [0, 0, 0]}
    assert "NaN" not in ElementTree.tostring(svg(unknown)).decode()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Autoscaling of demo", "Autoscaling-of-demo-20231114-221320Z"),
        ("../..", "chart-20231114-221320Z"),
    ],
)
def test_files_are_named_after_the_app_and_the_time(title: str, name: str) -> None:
    assert files_of(SERIES, f"named({json.dumps(title)}, 1700000000)") == name


MARKS = [
    [SERIES["times"][0] - 900, "long before", "crash", None],
    [SERIES["times"][0] - 900, "until now", "load-test", SERIES["times"][1]],
    [SERIES["times"][0] + 1, "ended", "out-of-memory", None],
    [SERIES["times"][1], "decided", "decision", None],
    [SERIES["times"][2] + 5, "newer than the samples", "revision", None],
]


def marked(result: str) -> Any:
    given = f"const series = {json.dumps(SERIES)}, marks = {json.dumps(MARKS)}"
    use = "{ marksAt, kinds, columns, moments } = portalChart"
    before = f"{LIGHT} Object.assign(globalThis, {{ portalChart: null }});"
    script = f"(() => {{ {given}, {use.replace('portalChart', 'window.portalChart')}; "
    return run("web/chart.js", before, f"{script} return {result}; }})()")


def test_each_mark_is_told_at_one_sample_and_a_span_at_all_it_reaches() -> None:
    told = "[0, 1, 2].map((at) => marksAt(series.times, marks, at).map(([, words]) => words))"
    assert marked(told) == [
        ["until now"],
        ["until now", "ended", "decided"],
        ["newer than the samples"],
    ]
    every = "marksAt(series.times, marks, 2, 2).map(([, words]) => words)"
    assert marked(every) == ["until now", "ended", "decided", "newer than the samples"], (
        "a table that leaves samples out leaves no mark out"
    )


def test_the_legend_has_the_kinds_of_which_there_are_marks() -> None:
    assert marked("kinds(series, marks)") == [
        *("decision", "revision", "out-of-memory", "load-test"),
    ]
    assert marked("kinds(series, undefined)") == []


def test_the_table_has_the_marks() -> None:
    last = "columns(series, 'light', { marks }).at(-1)"
    assert marked(f"[{last}[0], {last}[1](1, 1)]") == ["marks", "until now ended decided"]


def test_the_table_says_what_the_chart_draws() -> None:
    rows = "moments(3).map((at) => columns(series, 'light').slice(1).map(([, say]) => say(at)))"
    titles = "columns(series, 'light').map(([title]) => title)"
    assert chart(SERIES, titles) == [
        *("time", "CPU", "CPU target", "current", "desired", "ready", "min–max"),
        *("CPU used", "memory used"),
    ]
    assert chart(SERIES, rows) == [
        ["90 %", "70 %", "2", "2", "2", "–", "0.18 cores", "2,048 MiB"],
        ["–", "70 %", "1", "2", "1", "1–4", "–", "–"],
        ["20 %", "70 %", "1", "1", "1", "1–4", "0.02 cores", "64 MiB"],
    ]


@pytest.mark.parametrize(
    ("count", "first", "rows"), [(0, None, 0), (240, 239, 240), (1440, 1439, 240)]
)
def test_the_table_has_the_newest_first_and_no_more_than_one_can_read(
    count: int, first: int | None, rows: int
) -> None:
    found = chart(SERIES, f"moments({count})")
    assert (found[0] if found else None, len(found)) == (first, rows)


@pytest.mark.parametrize(
    ("step", "ticks", "said"),
    [
        (0.0005, [0, 0.0005, 0.001], ["0", "0.0005", "0.001"]),
        (0.1, [0.1, 0.30000000000000004], ["0.1", "0.3"]),
        (50, [0, 50, 100], ["0", "50", "100"]),
    ],
)
def test_ticks_can_be_told_apart(step: float, ticks: list[float], said: list[str]) -> None:
    numbers = f"window.portalChart.numbers(null, {json.dumps(ticks)}, 0, 0, {step})"
    assert run("web/chart.js", LIGHT, numbers) == said


def test_lines_of_a_plot_differ_by_more_than_colour() -> None:
    styles = (
        "panels(series, 'light').map(({ lines }) => lines.map((each) => [each.width, each.dash]))"
    )
    for plot in chart(SERIES, styles):
        assert len({json.dumps(style) for style in plot}) == len(plot)


REACT = """
window.React = { createElement: (tag, props, ...children) => [tag, props ?? {}, ...children] };
"""


@pytest.mark.parametrize("short", [False, True])
def test_markup_draws_elements_as_dash_would(short: bool) -> None:
    def element(type: str, children: object, **props: object) -> object:
        if short:
            return {"t": type, "c": children, **({"p": props} if props else {})}
        return {"type": type, "namespace": "x", "props": {"children": children, **props}}

    content = [
        element("Tr", [element("Td", "a <b>", className="num"), None, element("Td", 3)]),
        element("A", [element("I", None), "Apps"], **{"href": "/", "data-inside": ""}),
        "text",
    ]
    drawn = run(
        "web/markup.js",
        REACT,
        f"window.portal_components.Markup({{ id: 'x', role: 'status', setProps: 1,"
        f" content: {json.dumps(content)} }})",
    )
    assert drawn == [
        *("div", {"id": "x", "role": "status"}),
        ["tr", {}, ["td", {"className": "num"}, "a <b>"], None, ["td", {}, 3]],
        ["a", {"href": "/", "data-inside": ""}, ["i", {}, None], "Apps"],
        "text",
    ]


@pytest.mark.parametrize("content", [None, "text", []])
def test_markup_without_elements(content: object) -> None:
    drawn = run(
        "web/markup.js",
        REACT,
        f"window.portal_components.Markup({{ id: 'x', content: {json.dumps(content)} }})",
    )
    assert drawn == ["div", {"id": "x"}, *([content] if content != [] else [])]


@pytest.mark.parametrize(
    ("env", "line", "after"),
    [
        (None, "A=1", "A=1"),
        ("B=2\n", "A=1", "B=2\nA=1"),
        ("A=0\nAB=2", "A=1", "A=1\nAB=2"),
        ("A=1", "A=1", "A=1"),
    ],
)
def test_a_connection_becomes_one_line_of_variables(env: str | None, line: str, after: str) -> None:
    connect = f"window.dash_clientside.portal.connect({json.dumps(line)}, {json.dumps(env)})"
    assert run("web/controls.js", "", connect) == [after, ""]


@pytest.mark.parametrize(
    ("name", "values"),
    [("M", ["1", "", "1Gi", "2Gi", True, True, True, True]), ("", [None] * 4 + [False] * 4)],
)
def test_a_size_gives_each_field_a_value_and_locks_it(name: str, values: list[object]) -> None:
    sizes = json.dumps({"M": values[:4] if name else ["9"] * 4})
    before = "window.dash_clientside = { no_update: null };"
    given = f"window.dash_clientside.portal.launchSize({name!r}, {sizes})"
    assert run("web/controls.js", before, given) == values


BASE = {
    **{"minimum": 1, "maximum": 4, "cpu": 70, "memory": None, "cpu_request": 100},
    **{"memory_request": 128, "up_window": 0, "down_window": 300, "up_pods": 0, "down_pods": 0},
}


@pytest.mark.parametrize(
    ("written", "again"),
    [
        ("min1_max4_cpu70", "min1_max4_cpu70_cpureq100_memreq128_up0_down300_uppods0_downpods0"),
        ("mem80_down60", "min1_max4_mem80_cpureq100_memreq128_up0_down60_uppods0_downpods0"),
        ("<b>", "min1_max4_cpureq100_memreq128_up0_down300_uppods0_downpods0"),
    ],
)
def test_the_settings_of_a_replay_in_an_address(written: str, again: str) -> None:
    both = f"portalWhatIf.text(portalWhatIf.values({json.dumps(written)}, {json.dumps(BASE)}))"
    assert run("web/whatif.js", "", both) == again


def test_the_settings_of_a_replay_in_words() -> None:
    said = f"portalWhatIf.words(portalWhatIf.values('max8_cpu50_uppods2', {json.dumps(BASE)}))"
    assert run("web/whatif.js", "", said) == (
        "1–8 pods, CPU 50 %; each requests 0.1 cores and 128 MiB; waits 300 s before removing; "
        "adds at most 2 a minute."
    )


WHAT_IF = """
const layout = { "what-if-base": { text: "min1_max4" }, "what-if-asked": null };
window.dash_component_api = { getLayout: (id) => ({ props: { data: layout[id] } }) };
const sent = [];
window.dash_clientside = { set_props: (id, { data }) => sent.push(data[0].split("_")[0]) };
window.portalAddress = { put: () => sent.push("address") };
let now = 0;
Object.defineProperty(globalThis, "performance", { value: { now: () => now } });
const own = () => window.dash_clientside.portal;
const set = (least) => [[least, 4], true, 70, false, 80, 100, 128, 0, 300, 0, 0];
const move = (least) => own().whatIfAsk(...set(least), []);
const text = (least) => portalWhatIf.text(set(least));
const answer = (least) => own().whatIfAnswered({ asked: [text(least)] }, layout["what-if-base"]);
"""


@pytest.mark.parametrize(
    ("does", "asked", "busy"),
    [
        ("move(1); answer(1)", ["min1", "address"], "false"),
        ("move(1); move(2); move(3); answer(1)", ["min1", "min3"], "true"),
        ("move(1); move(2); answer(1); answer(2)", ["min1", "min2", "address"], "false"),
        ("move(1); move(2); move(1); answer(1)", ["min1", "address"], "false"),
        ("move(1); now = 9000; move(2); answer(2)", ["min1", "min2", "address"], "false"),
        ("move(1); now = 9000; move(2); answer(1)", ["min1", "min2"], "true"),
    ],
    ids=["one", "the newest", "in turn", "there and back", "lost", "late"],
)
def test_the_newest_settings_are_replayed_one_question_at_a_time(
    does: str, asked: list[str], busy: str
) -> None:
    *before, last = does.split("; ")
    after = f"(() => {{ {'; '.join(before)}; const said = {last}; return [sent, said]; }})()"
    assert run("web/whatif.js", WHAT_IF, after) == [asked, busy]


def test_a_made_up_load_is_asked_for_once_one_is_chosen() -> None:
    before = """
    let data = null;
    const sent = [];
    window.dash_component_api = { getLayout: () => ({ props: { data } }) };
    window.portalAddress = { put: () => {} };
    window.dash_clientside = { callback_context: {}, no_update: null,
      set_props: (id, props) => { data = props.data; sent.push(data.load.shape); } };
    """
    moves = (
        "for (const shape of ['', '', 'spike', '', '']) of(shape, 'cores', 0, 1, 1, 1, null, [])"
    )
    after = f"(() => {{ const of = dash_clientside.portal.shapeOfPage; {moves}; return sent; }})()"
    assert run("web/shapes.js", before, after) == ["spike", ""]
