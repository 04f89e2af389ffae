"""gunicorn in a pod: one process, scaled by pods; nothing is written to the image's files."""

bind = "0.0.0.0:8050"
wsgi_app = "app:create_server()"
workers = 1
threads = 8
timeout = 60
# Within the pod's grace period, so that requests under way are finished.
graceful_timeout = 25
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
