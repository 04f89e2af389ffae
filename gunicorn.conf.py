"""How gunicorn serves the portal: one ASGI worker, one event loop; more capacity is more pods.

``GUNICORN_CMD_ARGS`` overrides single settings, for example ``--bind [::]:8080``.
"""

import os
import sys
from typing import TYPE_CHECKING

from portal.auth.headers import LONGEST_TOKEN
from portal.settings import Settings

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

_settings = Settings.from_env(os.environ)

bind = "0.0.0.0:8080"
worker_class = "portal.web.worker.Worker"
asgi_lifespan = "on"
# The watches and the live connections belong to one loop: a second worker would double them.
workers = 1
# With a read-only root file system only memory is left for the heartbeat file.
worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True
# Longer than common load balancers keep an idle connection, so that they never use a closed one.
keepalive = 75
# For Helm commands to end (portal.app.Portal.drain). Connections do not get that long: see
# portal.web.worker.
graceful_timeout = 10
# Nothing that a client says of its address or scheme is believed.
forwarded_allow_ips = ""
# HTTPS, if the settings say so; a client's certificate is looked at by portal.web.peer.
globals().update(_settings.tls())
# With the header's name.
limit_request_field_size = LONGEST_TOKEN + 256
# A browser sends a few hundred bytes over the live connection.
websocket_max_message_size = 64 * 1024


def on_starting(server: "Arbiter") -> None:
    """Refuse to let anybody do everything from anywhere, unless a setting says so."""
    if problem := _settings.bind_problem(server.cfg.bind):
        sys.exit(problem)


logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "portal.web.logs.JsonFormatter"},
        "text": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": _settings.log_format},
    },
    "root": {"level": _settings.log_level, "handlers": ["stderr"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "propagate": True, "handlers": []}},
}
