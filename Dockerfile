# The portal's image: Python, the portal with its dependencies, the helm binary and the charts.
#
#   docker build -t registry.example.com/dash-portal:0.1.0 \
#     --build-arg BASE=docker.io/library/python:3.12-slim-bookworm@sha256:… \
#     --build-arg HELM_SHA256=… .
#   docker build --target sbom --output . …    # only its SBOM; the same arguments
#
# docs/install.md says where to get both sums.
#
# BASE      a Debian with Python 3.11 or newer, venv and pip, by its digest unless it is this
#           machine's own (localhost…).
# HELM      where the helm binary comes from: the stage "helm-release" downloads Helm's release
#           archive and checks it; or the name of an image that holds it as /helm.
# UNPINNED  "true" takes the base by its tag, and Helm's sum from beside its archive: to try it out.
ARG BASE=docker.io/library/python:3.12-slim-bookworm
ARG HELM=helm-release
ARG UNPINNED=


FROM ${BASE} AS helm-release
ARG UNPINNED
ARG HELM_VERSION=v4.3.1
# The archive's SHA-256, required: the sum published beside an archive finds a broken download, but
# no tampered one.
ARG HELM_SHA256=
COPY dev/image/fetch_helm.py /fetch_helm.py
RUN python3 /fetch_helm.py "${HELM_VERSION}" /helm "${HELM_SHA256}" "${UNPINNED}"


FROM ${HELM} AS helm


FROM ${BASE} AS python
ARG BASE
ARG UNPINNED
RUN case "${BASE}@${UNPINNED}" in localhost[:/]*|*@sha256:*|*@true) ;; *) \
    echo "BASE is ${BASE}, which may be another image tomorrow: give it by its digest" \
        "(docs/install.md), or UNPINNED=true to try it out" >&2; exit 1 ;; esac
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


FROM python AS parts
COPY --from=helm /helm /helm
COPY portal/__init__.py /portal/
COPY portal/ui/assets/vendor /portal/ui/assets/vendor
COPY dev/image/sbom.py /sbom.py
RUN python3 /sbom.py /rootfs "$(echo /app/venv/lib/python3*/site-packages)" /helm /portal \
    /sbom.cdx.json


FROM scratch AS sbom
COPY --from=parts /sbom.cdx.json /


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
COPY --from=parts /sbom.cdx.json /app/sbom.cdx.json
COPY charts /app/charts
COPY --from=portal /app/gunicorn.conf.py /app/
COPY --from=portal /app/portal /app/portal
