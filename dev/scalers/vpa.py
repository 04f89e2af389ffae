"""The VerticalPodAutoscaler as three processes: recommender, updater, admission controller."""

from __future__ import annotations

import base64
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dev.cluster import binaries, settings
from dev.cluster.certs import Authority, Wanted
from dev.cluster.paths import Layout
from dev.scalers.build import VPA
from dev.scalers.installed import Manifest, free_ports, installed, manifest, process, types


@contextmanager
def running(programs: Path, folder: Path, namespace: str) -> Generator[None]:
    """Have requests recommended and changed in one namespace; all of it is gone at the end.

    ``folder`` is for certificates and logs. It looks every few seconds, and changes pods at once,
    where it would wait for half a day otherwise while they are within the recommended range.
    """
    authority = Authority.load_or_make(folder)
    authority.issue(folder, Wanted("vpa", "vpa", names=(settings.NODE_IP,)))
    webhook, *metrics = free_ports(4)
    common = [
        [
            f"--kubeconfig={os.environ['KUBECONFIG']}",
            f"--vpa-object-namespace={namespace}",
            f"--address=127.0.0.1:{port}",
        ]
        for port in metrics
    ]
    recommender = [programs / "recommender", *common[0], "--recommender-interval=5s"]
    updater = [
        programs / "updater",
        *common[1],
        "--updater-interval=5s",
        "--in-recommendation-bounds-eviction-lifetime-threshold=1s",
        f"--admission-controller-status-lease-namespace={namespace}",
    ]
    admission = [
        programs / "admission-controller",
        *common[2],
        "--register-webhook=false",
        f"--port={webhook}",
        f"--client-ca-file={folder / 'ca.crt'}",
        f"--tls-cert-file={folder / 'vpa.crt'}",
        f"--tls-private-key={folder / 'vpa.key'}",
        f"--status-lease-namespace={namespace}",
    ]
    sources = binaries.module_dir(Layout.default(), VPA.module, VPA.version)
    with ExitStack() as stack:
        stack.enter_context(installed(types([sources / "deploy/vpa-v1-crd-gen.yaml"])))
        for argv in (recommender, updater, admission):
            stack.enter_context(process(argv, folder / f"{Path(argv[0]).name}.log"))
        certificate = (folder / "ca.crt").read_bytes()
        stack.enter_context(installed([_webhook(namespace, webhook, certificate)]))
        yield


def _webhook(namespace: str, port: int, authority: bytes) -> Manifest:
    """The question about each new pod of the namespace; without an answer it stays as it is."""
    rule = {
        "operations": ["CREATE"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods"],
    }
    return manifest(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        f"vpa-{namespace}",
        webhooks=[
            {
                "name": "vpa.k8s.io",
                "admissionReviewVersions": ["v1"],
                "rules": [rule],
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "timeoutSeconds": 5,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "clientConfig": {
                    "url": f"https://{settings.NODE_IP}:{port}",
                    "caBundle": base64.b64encode(authority).decode(),
                },
            }
        ],
    )
