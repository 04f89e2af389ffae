"""A launch by the portal beside the same ``helm upgrade --install`` by hand, in pairs.

Both sides install the same values. The clock starts at the click, or at the start of the helm
process; pods are seen by one watch of our own.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, expect

from benchmarks.table import Row

CHART = Path(__file__).resolve().parent.parent / "charts" / "dash-app"
SAMPLE = "[data-testid^=preset-Sample]"
PATIENCE = 180.0


@dataclass(frozen=True)
class Times:
    """Seconds from the start to the first pod, and to the first ready pod."""

    first_pod: float
    ready: float


class PodWatch:
    """Notes when the first pod of a release appears and when one is ready."""

    def __init__(self, namespace: str, release: str) -> None:
        self._process = subprocess.Popen(
            [
                "kubectl",
                "get",
                "pods",
                "-n",
                namespace,
                "-l",
                f"app.kubernetes.io/instance={release}",
                "-o",
                "json",
                "--watch",
                "--output-watch-events",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.first_pod: float | None = None
        self._ready = threading.Event()
        self._ready_at = 0.0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        decoder, text = json.JSONDecoder(), ""
        assert self._process.stdout
        for line in self._process.stdout:
            text += line
            try:
                event, end = decoder.raw_decode(text.lstrip())
            except ValueError:
                continue
            text = text.lstrip()[end:]
            now = time.monotonic()
            self.first_pod = self.first_pod or now
            conditions = event["object"].get("status", {}).get("conditions", [])
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                self._ready_at = self._ready_at or now
                self._ready.set()

    def times(self, start: float) -> Times:
        """Wait until a pod is ready; the times since ``start``."""
        if not self._ready.wait(PATIENCE) or self.first_pod is None:
            raise TimeoutError("no pod became ready")
        return Times(self.first_pod - start, self._ready_at - start)

    def close(self) -> None:
        """End the watch."""
        self._process.terminate()
        self._process.wait()


@contextmanager
def _watched(namespace: str, release: str) -> Iterator[PodWatch]:
    watch = PodWatch(namespace, release)
    time.sleep(1)  # until the watch is open; not part of what is measured
    try:
        yield watch
    finally:
        watch.close()
        subprocess.run(
            ["helm", "uninstall", release, "-n", namespace, "--wait", "--ignore-not-found"],
            check=True,
            capture_output=True,
        )


def by_portal(
    page: Page, namespace: str, release: str, look: Callable[[], None]
) -> tuple[Times, float, str]:
    """Launch the sample by the form; its times, seconds until the app's page stood, values.

    ``look`` is called while the app is ready and its page is open.
    """
    with _watched(namespace, release) as watch:
        page.goto("/launch")
        page.locator(SAMPLE).click()
        page.locator("#launch-name").fill(release)
        submit = page.locator("#launch-submit")
        expect(submit).to_be_enabled()
        values = page.locator("#launch-values").inner_text()
        start = time.monotonic()
        submit.click()
        page.wait_for_url(f"**/apps/{namespace}/{release}")
        answered = time.monotonic() - start
        times = watch.times(start)
        look()
        return times, answered, values


def by_hand(values: str, namespace: str, release: str) -> Times:
    """The same with the helm command line."""
    with _watched(namespace, release) as watch:
        start = time.monotonic()
        subprocess.run(
            ["helm", "upgrade", "--install", release, str(CHART), "-n", namespace, "--values", "-"],
            input=values,
            text=True,
            check=True,
            capture_output=True,
        )
        return watch.times(start)


def pairs(
    page: Page,
    namespace: str,
    count: int,
    say: Callable[[str], None],
    look: Callable[[], None],
) -> list[Row]:
    """Run ``count`` pairs; rows for the table."""
    portal: list[Times] = []
    hand: list[Times] = []
    answers: list[float] = []
    for number in range(count):
        times, answered, values = by_portal(page, namespace, f"bench-portal-{number}", look)
        portal.append(times)
        answers.append(answered)
        hand.append(by_hand(values, namespace, f"bench-hand-{number}"))
        say(
            f"pair {number + 1} of {count}: ready after {times.ready:.1f} s by the portal, "
            f"{hand[-1].ready:.1f} s by hand"
        )
    rows: list[Row] = []
    for what, pick in (
        ("start → first pod", lambda t: t.first_pod),
        ("start → ready", lambda t: t.ready),
    ):
        ours, theirs = median(map(pick, portal)), median(map(pick, hand))
        rows.append(
            Row(
                f"{what}, median of {count}",
                f"{ours:.2f} s",
                f"{theirs:.2f} s",
                f"{ours / theirs:.2f}",
            )
        )
    rows.append(Row(f"click → app page, median of {count}", f"{median(answers) * 1000:.0f} ms"))
    return rows
