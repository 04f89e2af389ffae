"""The cluster's certificates: one authority, a certificate for each component."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dev.cluster import settings
from dev.cluster.paths import Layout

_VALID = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Wanted:
    """A certificate to issue: ``names`` (addresses or host names) make it one for serving too."""

    file: str
    common_name: str
    organisation: str | None = None
    names: tuple[str, ...] = ()


API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{settings.DOMAIN}",
    "localhost",
    "127.0.0.1",
    settings.NODE_IP,
    settings.API_SERVICE_IP,
)

WANTED = (
    Wanted("apiserver", "kube-apiserver", names=API_NAMES),
    Wanted("etcd", "etcd", names=("localhost", "127.0.0.1")),
    Wanted("apiserver-etcd", "kube-apiserver"),
    Wanted("apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters"),
    Wanted("front-proxy", "front-proxy-client"),
    Wanted("kubelet-serving", f"system:node:{settings.NODE_NAME}", names=(settings.NODE_IP,)),
    # The API server dials it at the node's address, but under its service's name.
    Wanted("metrics-serving", "metrics-server", names=("metrics-server.kube-system.svc",)),
)

#: Clients of the API server, each with a kubeconfig of its own.
CLIENTS = (
    Wanted("admin", "kubernetes-admin", "system:masters"),
    Wanted("kube-controller-manager", "system:kube-controller-manager"),
    Wanted("kube-scheduler", "system:kube-scheduler"),
    Wanted("kubelet", f"system:node:{settings.NODE_NAME}", "system:nodes"),
    Wanted("kube-proxy", "system:kube-proxy"),
    Wanted("metrics-server", "dash-portal:metrics-server"),
    Wanted("coredns", "dash-portal:coredns"),
    Wanted("traefik", "dash-portal:traefik"),
    Wanted("loadbalancer", "dash-portal:loadbalancer"),
    Wanted("network-policies", "dash-portal:network-policies"),
)


def ensure(layout: Layout) -> None:
    """Write what is missing; certificates already there are kept."""
    layout.pki.mkdir(parents=True, exist_ok=True)
    layout.pki.chmod(0o700)
    authority = Authority.load_or_make(layout.pki)
    for wanted in (*WANTED, *CLIENTS):
        authority.issue(layout.pki, wanted)
    if not (layout.pki / "service-accounts.key").exists():
        _write_key(layout.pki / "service-accounts.key", _new_key())
    layout.kubeconfigs.mkdir(parents=True, exist_ok=True)
    layout.kubeconfigs.chmod(0o700)
    for client in CLIENTS:
        text = kubeconfig(layout.pki, client)
        path = layout.kubeconfig if client.file == "admin" else layout.kubeconfigs / client.file
        if not path.exists() or path.read_text() != text:
            _write(path, text.encode())


def kubeconfig(pki: Path, client: Wanted) -> str:
    """A kubeconfig that carries its certificates, so that it can be copied elsewhere."""

    def data(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    cluster = {
        "server": f"https://{settings.NODE_IP}:{settings.API_PORT}",
        "certificate-authority-data": data("ca.crt"),
    }
    user = {
        "client-certificate-data": data(f"{client.file}.crt"),
        "client-key-data": data(f"{client.file}.key"),
    }
    name = settings.CLUSTER
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": client.common_name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": client.common_name}}],
        },
        sort_keys=False,
    )


class Authority:
    """Signs the cluster's certificates."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @classmethod
    def load_or_make(cls, pki: Path) -> Authority:
        """The authority kept in ``pki``."""
        key_file, certificate_file = pki / "ca.key", pki / "ca.crt"
        if key_file.exists() and certificate_file.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return cls(key, x509.load_pem_x509_certificate(certificate_file.read_bytes()))
        key = _new_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{settings.CLUSTER}-ca")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write_key(key_file, key)
        _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
        return cls(key, certificate)

    def issue(self, pki: Path, wanted: Wanted) -> None:
        """Write ``<file>.key`` and ``<file>.crt`` unless they are there."""
        key_file, certificate_file = pki / f"{wanted.file}.key", pki / f"{wanted.file}.crt"
        if key_file.exists() and certificate_file.exists():
            return
        key = _new_key()
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)]
        if wanted.organisation:
            organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.organisation)
            attributes.insert(0, organisation)
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = _builder(x509.Name(attributes), self._certificate.subject, key)
        if wanted.names:
            uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
            alternatives = x509.SubjectAlternativeName([_general(name) for name in wanted.names])
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False).sign(
            self._key, hashes.SHA256()
        )
        _write_key(key_file, key)
        _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A clock a little behind must not make the cluster unusable.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _VALID)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    _write(
        path,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
    )


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and for root's eyes only."""
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    partial.rename(path)
