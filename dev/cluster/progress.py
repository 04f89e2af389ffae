"""Steps with their elapsed time: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from dev.cluster import run

#: Without a terminal, a step that takes long says so this often (seconds).
HEARTBEAT = 30.0

Note = Callable[[str], None]


class Steps:
    """Shows steps, in parallel where asked."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Progress | None = None
        if self.console.is_terminal:
            self._live = Progress(
                SpinnerColumn(finished_text="[green]✓[/]"),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[note]}[/]"),
                console=self.console,
            )

    def __enter__(self) -> Steps:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    @contextmanager
    def step(self, what: str) -> Generator[Note]:
        """One step; call the value it gives to say how far it is."""
        if self._live is not None:
            task = self._live.add_task(what, total=1, note="")
            yield self._noter(self._live, task)
            self._live.update(task, completed=1)
            return
        started = time.monotonic()
        latest = [""]
        over = threading.Event()

        def beat() -> None:
            while not over.wait(HEARTBEAT):
                spent = time.monotonic() - started
                self.console.print(f"  … {what}: {spent:.0f} s {latest[0]}".rstrip(), markup=False)

        threading.Thread(target=beat, daemon=True).start()
        try:
            yield lambda note: latest.__setitem__(0, note)
        except BaseException:
            spent = time.monotonic() - started
            self.console.print(f"  ✗ {what}: failed after {spent:.1f} s", markup=False)
            raise
        finally:
            over.set()
        spent = time.monotonic() - started
        self.console.print(f"  ✓ {what}: {spent:.1f} s {latest[0]}".rstrip(), markup=False)

    @staticmethod
    def _noter(live: Progress, task: TaskID) -> Note:
        return lambda note: live.update(task, note=note)

    def together(self, *jobs: Callable[[], None]) -> None:
        """Run jobs side by side; the first failure is raised once all have ended."""
        with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
            futures = [pool.submit(job) for job in jobs]
            try:
                wait(futures)
            except BaseException:
                run.stop_children()
                raise
        for future in futures:
            future.result()
