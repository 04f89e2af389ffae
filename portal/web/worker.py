"""gunicorn's ASGI worker, which tells the portal at once that it has to stop.

On SIGTERM gunicorn waits for open connections before the application hears of it; live
connections never end by themselves, so every stop would take the whole graceful time-out.
"""

from __future__ import annotations

from gunicorn.workers.gasgi import ASGIWorker  # pyright: ignore[reportMissingTypeStubs]


class Worker(ASGIWorker):
    """Closes the live connections first, then stops as usual."""

    def handle_exit_signal(self) -> None:
        """Handle SIGTERM."""
        self.asgi.drain()  # pyright: ignore
        super().handle_exit_signal()
