"""The page of an autoscaler in Chromium: how soon its chart is there, and follows and replays.

The portal's web application is the one of the pages' tests, in this process and over a made-up app
with six hours of 20 pods; no cluster is needed. Times are the browser's own. What else the machine
does is in them, so the time of the processor stands beside: of the browser's main thread, and of
this process for what the portal does.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from msgspec.structs import replace
from playwright.sync_api import Browser, CDPSession, Locator, Page

from benchmarks.table import Row, p50_p95, percentile
from dev.chromium import chromium
from portal.domain.keys import Key
from portal.domain.objects import HpaMetric, Pod, PodUsage
from portal.state.history import SPAN, History, Sample
from portal.state.model import AppState
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.ui import ids
from portal.ui.routes import autoscaling_path
from tests.pages.apps import WELL
from tests.pages.site import Running, Site, serving
from tests.unit.viewmodels.make import condition, deployment, hpa, pod

KEY = Key("apps", "busy")
SITE = "bench"
PODS = 20
POLL = 10
COUNT = 30
"""How often each is measured."""
DRAGS = 20
OPENS, TICK, REPLAYED = 0.300, 0.008, 0.100
"""The bars, in seconds."""
WIDTH, HEIGHT = 1360, 900

# Notes each drawing of a plot with the replayed curve, and each input, by the browser's clock.
OBSERVE = """(() => {
  const bench = window.bench = { draws: [], page: null, input: null, waiting: [] };
  const seen = (plot) => {
    const at = plot.series.findIndex(({ label }) => label === "what if");
    const curve = at < 0 ? "" : plot.data[at].join();
    bench.draws.push({ at: performance.now(), curve, last: plot.data[0].at(-1), plot });
    for (const each of bench.waiting) each();
  };
  bench.until = (holds) => new Promise((done) => {
    const look = () => {
      if (!holds()) return false;
      bench.waiting = bench.waiting.filter((each) => each !== look);
      requestAnimationFrame(() => requestAnimationFrame(done));
      return true;
    };
    if (!look()) bench.waiting.push(look);
  });
  let Plot;
  Object.defineProperty(window, "uPlot", {
    get: () => Plot,
    set: (given) => {
      Plot = class extends given {
        constructor(options, ...more) {
          const watch = { hooks: { draw: seen } };
          super({ ...options, plugins: [...(options.plugins ?? []), watch] }, ...more);
        }
      };
    },
  });
  new MutationObserver(() => {
    if (document.querySelector("[data-testid=autoscaling-page]")) bench.page ??= performance.now();
  }).observe(document, { childList: true, subtree: true });
  for (const kind of ["keydown", "pointerdown", "pointermove"])
    addEventListener(kind, (event) => { bench.input = event.timeStamp; }, { capture: true });
})()"""

PLOTS = "() => new Set(bench.draws.map(({ plot }) => plot)).size >= 3"
"""All plots have been drawn."""


class Ground:
    """The page's server, and the app that grows by a poll at a time."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.polls = SPAN // POLL
        self._began = datetime.now(UTC) - timedelta(seconds=SPAN)
        self._history = History()
        for number in range(self.polls):
            self._history = self._history.added(sample(self._at(number), number))
        self.url = running.url(SITE)
        self._put()

    def _at(self, number: int) -> datetime:
        return self._began + timedelta(seconds=POLL * number)

    def tick(self) -> int:
        """Have another poll; return its time in Unix seconds."""
        at = self._at(self.polls)
        self._history = self._history.added(sample(at, self.polls))
        self.polls += 1
        self._put()
        return int(at.timestamp())

    def _put(self) -> None:
        self._running.put(SITE, busy(self._history, self._at(self.polls - 1), self.polls))


def measure() -> list[Row]:
    """Return the rows of the page: its chart, a live update of it, and replays."""
    with serving({SITE: Site()}) as running, chromium() as browser:
        ground = Ground(running)
        return [opened(ground, browser), *followed(ground, browser), *replayed(ground, browser)]


def _tab(ground: Ground, browser: Browser) -> Page:
    page = browser.new_page(
        base_url=ground.url, viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce"
    )
    page.set_default_timeout(60_000)
    page.add_init_script(OBSERVE)
    return page


def _drawn(page: Page) -> None:
    page.wait_for_function("() => window.bench?.page")
    page.evaluate(f"() => bench.until({PLOTS})")
    page.locator("#live-state[data-state=live]").wait_for()


def opened(ground: Ground, browser: Browser) -> Row:
    """Return the row of the chart's opening, each time in a new tab of a warm browser."""
    from_page, from_start = list[float](), list[float]()
    context = browser.new_context(
        base_url=ground.url, viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce"
    )
    context.add_init_script(OBSERVE)
    page = context.new_page()
    for number in range(COUNT + 1):  # the first one fills the browser's cache
        page.goto(autoscaling_path(KEY))
        _drawn(page)
        at = page.evaluate(
            "() => [bench.page, Math.max(...bench.draws.slice(0, 3).map(({ at }) => at))]"
        )
        if number:
            from_page.append((at[1] - at[0]) / 1000)
            from_start.append(at[1] / 1000)
    context.close()
    return Row(
        f"autoscaling page: the page is there → the chart of six hours is drawn, {COUNT} times",
        f"{p50_p95(from_page)}; from the address p50 {percentile(from_start, 50) * 1000:.0f} ms",
        bar=f"p95 ≤ {OPENS * 1000:.0f} ms",
        met=percentile(from_page, 95) <= OPENS,
    )


class Cost:
    """What the page's main thread did between two looks, in seconds; by the clock or processor."""

    def __init__(self, page: Page, domain: str) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": domain})

    def __call__(self) -> dict[str, float]:
        """Return the sums so far, by their names."""
        told = cast("Any", self._session.send("Performance.getMetrics"))
        return {each["name"]: each["value"] for each in told["metrics"]}

    def close(self) -> None:
        """End the session."""
        self._session.detach()


def followed(ground: Ground, browser: Browser) -> list[Row]:
    """Return the row of live updates: the scripts of the page, and all that its thread does."""
    page = _tab(ground, browser)
    page.goto(autoscaling_path(KEY))
    _drawn(page)
    found: dict[str, list[float]] = {}
    for domain in ("timeTicks", "threadTicks"):
        cost = Cost(page, domain)
        for number in range(COUNT + 2):  # the first ones are compiled
            page.wait_for_timeout(300)  # views rest for a moment after each rendering
            page.evaluate("() => { bench.draws = []; }")
            before = cost()
            last = ground.tick()
            page.evaluate(
                f"""() => bench.until(() => bench.draws.filter(
                    ({{ last }}) => last >= {last}).length >= 3)"""
            )
            after = cost()
            if number > 1:
                for name in ("ScriptDuration", "TaskDuration"):
                    found.setdefault(f"{domain} {name}", []).append(after[name] - before[name])
        cost.close()
    page.close()
    script = found["timeTicks ScriptDuration"]
    own = found["threadTicks ScriptDuration"]
    return [
        Row(
            "autoscaling page: scripts of a live update with the chart of six hours, "
            f"{COUNT} times",
            f"{p50_p95(script)}; processor {p50_p95(own)}",
            f"with styles, layout and drawing {p50_p95(found['timeTicks TaskDuration'])}",
            bar=f"p50 ≤ {TICK * 1000:.0f} ms",
            met=percentile(script, 50) <= TICK,
        )
    ]


def replayed(ground: Ground, browser: Browser) -> list[Row]:
    """Return the rows of a slider's steps, of those just after a poll, and of drags."""
    page = _tab(ground, browser)
    page.goto(autoscaling_path(KEY))
    _drawn(page)
    return [
        _steps(ground, page, polls=False),
        _steps(ground, page, polls=True),
        _drags(page),
    ]


def _thumb(page: Page) -> Locator:
    target = page.locator(f"[id='{ids.what_if('cpu')}']")
    return target.locator("xpath=..").locator("[role=slider]").first


def _steps(ground: Ground, page: Page, *, polls: bool) -> Row:
    """Each step of the CPU target is one that has not been replayed before."""
    thumb = _thumb(page)
    thumb.focus()
    took, own, scripts = list[float](), list[float](), list[float]()
    cost = Cost(page, "threadTicks")
    for number in range(COUNT + 1):
        if polls:
            last = ground.tick()
            page.evaluate(
                f"() => bench.until(() => bench.draws.some(({{ last }}) => last >= {last}))"
            )
        page.wait_for_timeout(150)
        page.evaluate("() => { bench.draws = []; bench.input = null; }")
        began, before = time.process_time(), cost()
        thumb.press("ArrowLeft")
        _told(page, thumb)
        at = page.evaluate("() => [bench.input, bench.draws.find(({ curve }) => curve)?.at]")
        used, after = time.process_time() - began, cost()
        if number:
            took.append((at[1] - at[0]) / 1000)
            own.append(used)
            scripts.append(after["TaskDuration"] - before["TaskDuration"])
    cost.close()
    when = "just after a poll" if polls else "between polls"
    return Row(
        f"what if: a slider's step → its curve is drawn, six hours of {PODS} pods, {when}, "
        f"{COUNT} times",
        p50_p95(took),
        f"processor: portal {p50_p95(own)}; the page's thread {p50_p95(scripts)}",
        bar=f"p95 ≤ {REPLAYED * 1000:.0f} ms",
        met=percentile(took, 95) <= REPLAYED,
    )


def _told(page: Page, thumb: Locator) -> None:
    """Wait until the figures are those of the slider's value."""
    words = f"CPU target {thumb.get_attribute('aria-valuenow')} %"
    page.locator("#what-if-figures", has_text=words).wait_for()


def _drags(page: Page) -> Row:
    """Return the row of drags of a second: many inputs, of which the last one counts."""
    thumb = _thumb(page)
    track = thumb.locator("xpath=ancestor::*[contains(@class,'dash-slider-root')]")
    took, drawings = list[float](), list[int]()
    for number in range(DRAGS):
        box, knob = track.bounding_box(), thumb.bounding_box()
        assert box
        assert knob
        x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
        end = box["x"] + box["width"] * (0.2 + 0.6 * (number * 0.618 % 1))
        page.evaluate("() => { bench.draws = []; bench.input = null; }")
        page.mouse.move(x, y)
        page.mouse.down()
        for step in range(1, 61):
            page.mouse.move(x + (end - x) * step / 60, y)
            page.wait_for_timeout(16)
        page.mouse.up()
        _told(page, thumb)
        page.wait_for_timeout(500)
        found: list[float] = page.evaluate(
            """() => {
              const last = bench.draws.findLast(({ curve }) => curve).curve;
              const of = bench.draws.filter(({ curve }) => curve);
              const own = of.slice(of.findLastIndex(({ curve }) => curve !== last) + 1);
              return [bench.input, own[0].at, new Set(of.map(({ curve }) => curve)).size];
            }"""
        )
        took.append((found[1] - found[0]) / 1000)
        drawings.append(int(found[2]))
    return Row(
        f"what if: the last move of a drag of a second → the curve of its value, {DRAGS} times",
        p50_p95(took),
        f"{percentile(drawings, 50)} curves drawn on the way",
        bar=f"p95 ≤ {REPLAYED * 1000:.0f} ms",
        met=percentile(took, 95) <= REPLAYED,
    )


def sample(at: datetime, number: int) -> Sample:
    """Return what poll ``number`` finds: readings around the targets, and changes of the pods."""
    wanted, ready = pods_at(number), min(pods_at(number), pods_at(number - 3))
    used = load_at(number)
    metrics = {
        "cpu": (round(100 * used / ready / 0.2, 1), 70.0),
        "memory": (round(55 + 3 * math.sin(number / 90), 1), 80.0),
    }
    return Sample(at, wanted, wanted, ready, 2, 30, metrics, used, ready * 1.4e8)


def load_at(number: int) -> float:
    """Return the cores that all pods use: two waves, a rush now and then, and noise."""
    waves = 2.4 + 0.9 * math.sin(number / 130) + 0.3 * math.sin(number / 17)
    return waves + (0.8 if number % 300 < 40 else 0.0) + 0.05 * math.sin(number * 1.7)


def pods_at(number: int) -> int:
    """Return the pods, which follow the slower wave."""
    return PODS + round(5 * math.sin(number // 6 * 6 / 130))


def busy(history: History, now: datetime, number: int) -> AppState:
    """Return the app at one poll."""
    long_ago, used = now - timedelta(hours=7), load_at(number) / PODS
    reading = round(100 * used / 0.2)
    autoscaler = hpa(
        reading,
        key=KEY,
        release=KEY.name,
        min_replicas=2,
        max_replicas=30,
        current=PODS,
        desired=PODS,
        metrics=(
            HpaMetric("cpu", "Utilization", 70, reading),
            HpaMetric("memory", "Utilization", 80, 55),
        ),
        conditions=(
            condition("AbleToScale", "True", reason="ReadyForNewScale"),
            condition("ScalingActive", "True", reason="ValidMetricFound"),
            condition("ScalingLimited", "False", reason="DesiredWithinRange"),
        ),
    )
    pods = tuple(_pod(each, long_ago) for each in range(PODS))
    return replace(
        WELL,
        key=KEY,
        hpas=(autoscaler,),
        workloads=(deployment(PODS, PODS),),
        pods=pods,
        usage={each.key: PodUsage(each.key, used, 1.4e8, now, 15) for each in pods},
        history=history,
        timeline=Timeline(long_ago, _decisions(now)),
    )


def _pod(number: int, long_ago: datetime) -> Pod:
    ready = long_ago + timedelta(seconds=12)
    return pod(
        f"{KEY.name}-7d9c-{number:02}",
        uid=f"uid-{number}",
        created_at=long_ago,
        started_at=long_ago,
        ready_at=ready,
        conditions=(condition("Ready", "True", changed_at=ready),),
        cpu_request=0.2,
        memory_request=2.0**28,
    )


def _decisions(now: datetime) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            f"scaled/{KEY.name}/{at}",
            EntryKind.SCALING,
            now - timedelta(seconds=SPAN - 500 * at),
            "Deployment demo",
            "SuccessfulRescale",
            old=PODS - at % 3,
            new=PODS - (at + 1) % 3,
        )
        for at in range(40)
    )
