# The portal's image: Python, the portal with its dependencies, the helm binary and the charts.
#
#   docker build -t registry.example.com/dash-portal:0.1.0 .
#
# BASE  a Debian with Python 3.11 or newer, venv and pip.
# HELM  where the helm binary comes from: the stage "helm-release" downloads Helm's release archive
#       and checks it; or the name of an image that holds it as /helm.
ARG BASE=docker.io/library/python:3.12-slim-bookworm
ARG HELM=helm-release


FROM ${BASE} AS helm-release
ARG HELM_VERSION=v4.3.1
# The archive's SHA-256. Left empty, the sum published beside the archive is used: that finds a
# broken download, but only a sum given here finds a tampered one.
ARG HELM_SHA256=
COPY dev/image/fetch_helm.py /fetch_helm.py
RUN python3 /fetch_helm.py "${HELM_VERSION}" /helm "${HELM_SHA256}"


FROM ${HELM} AS helm


FROM ${BASE} AS python
WORKDIR /app
COPY requirements.lock .
RUN python3 -m venv --without-pip /app/venv \
    && python3 -m pip --python /app/venv/bin/python install --no-cache-dir --no-compile \
        --require-hashes --only-binary :all: --requirement requirements.lock
COPY dev/image/assemble.py dev/image/compress.py /
RUN python3 /assemble.py /app/venv /rootfs


FROM python AS portal
COPY gunicorn.conf.py /app/
COPY portal /app/portal
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app/portal \
    && /app/venv/bin/python /compress.py /app/portal/ui/assets


# Nothing but Python, the libraries it links to, helm and the portal: no shell, no package manager.
# What changes most comes last.
# MALLOC_MMAP_THRESHOLD_ is where glibc begins. Left to itself it rises to the size of the largest
# list ever read, and what later lists take stays, in pieces, in the heap.
FROM scratch
ENV PATH=/app/venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    LANG=C.UTF-8 \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    DASH_PORTAL_CHART_PATH=/app/charts/dash-app \
    DASH_PORTAL_HELM=/usr/local/bin/helm
WORKDIR /app
EXPOSE 8080
ENTRYPOINT ["gunicorn", "--config", "/app/gunicorn.conf.py", "portal.app:create_app()"]
COPY --from=python /rootfs /
COPY --from=helm /helm /usr/local/bin/helm
USER 10001:10001
COPY charts /app/charts
COPY --from=portal /app/gunicorn.conf.py /app/
COPY --from=portal /app/portal /app/portal
