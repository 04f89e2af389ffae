"""Secrets that no name tells of, in any text; and what only looks like one."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.secrets import HIDDEN, redacted, secret_texts, without_secret_patterns

PW = "hunter2-Wq9"
BASIC = base64.b64encode(f"ada:{PW}".encode()).decode()
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdEfGhIjKlM"
HEX = "0123456789abcdef" * 4

HIDING: list[tuple[str, str]] = [
    # Addresses.
    (f"postgres://ada:{PW}@db:5432/x", PW),
    (f"postgresql+asyncpg://ada:{PW}@db/x?sslmode=require", PW),
    (f"amqp://ada:{PW}@mq:5672/%2f", PW),
    (f"amqps://ada:{PW}@mq1,amqps://ada:{PW}@mq2", PW),
    (f"redis://:{PW}@cache:6379/0", PW),
    (f"mongodb+srv://ada:{PW}@a.example.net,b.example.net/x", PW),
    (f"https://ada:{PW}@example.com/x.git", PW),
    ("http://ada:123456@example.com/", "123456"),
    (f"postgres://ada:p@ss/w?rd#{PW}@db/x", PW),
    (f"postgres://ada:p%40ss{PW}@db/x", PW),
    (f'Get "http://ada:{PW}@example.com/x": EOF', PW),
    (f"see http://example.com:8080/a and ftp://ada:{PW}@example.com", PW),
    (f"https://{LETTERS[:32]}@o0.ingest.example.com/1", LETTERS[:32]),
    (f"ada:{PW}@tcp(db:3306)/x?parseTime=true", PW),
    (f"jdbc:oracle:thin:scott/{PW}@//db:1521/x", PW),
    (f"jdbc:postgresql://db/x?user=ada&password={PW}", PW),
    (f"jdbc:sqlserver://db:1433;databaseName=x;user=sa;password={PW};", PW),
    (f"jdbc:mysql://ada:{PW}@db/x", PW),
    (f"curl -u ada:{PW} https://example.com", PW),
    (f"https://x.blob.example.net/c?sv=2021&sig={PW}%2B%3D&se=1", PW),
    # Connection strings.
    (f"Server=db;Database=x;User Id=sa;Password={PW};Encrypt=True", PW),
    (f"Server=tcp:db,1433;Initial Catalog=x;Pwd={PW} with blanks & more", "with blanks & more"),
    (f"Password={PW} and blanks;Server=db", "and blanks"),
    (f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={LETTERS}==;", LETTERS),
    (f"Endpoint=sb://x.example.net/;SharedAccessKeyName=r;SharedAccessKey={LETTERS}=", LETTERS),
    (f"host=db port=5432 user=ada password={PW} dbname=x", PW),
    (f"host=db password='{PW} b' dbname=x", f"{PW} b"),
    # After a telling name, in what is a text to the portal.
    (f"[db]\nhost = x\npassword = {PW}\n", PW),
    (f"spring.datasource.password={PW}\nspring.x=1", PW),
    (f"db:\n  user: ada\n  password: {PW}\n", PW),
    (f'db:\n  password: "{PW} with blanks"  # yes\n', "with blanks"),
    (f'{{"user":"ada","password":"{PW}\\"x","a":1}}', PW),
    (f'{{"auth": {{"clientSecret": "{PW}"}}}}', PW),
    (f'{{\\"clientSecret\\":\\"{PW}\\",\\"a\\":1}}', PW),
    (f'map[string]interface {{}}{{"password":"{PW}"}}', PW),
    (f"map[password:{PW} user:ada]", PW),
    (f"export API_TOKEN={PW}; run", PW),
    (f"run --db-password {PW} --verbose", PW),
    (f"helm upgrade x y --set auth.password={PW},a=b", PW),
    (f"kubectl create secret generic x --from-literal=password={PW}", PW),
    # Headers.
    (f"Authorization: Basic {BASIC}", BASIC),
    (f"curl -H 'Authorization: Bearer {LETTERS}'", LETTERS),
    (f'"authorization":"Token {PW}x"', PW),
    (f"proxy says Basic {BASIC}!", BASIC),
    (f"got bearer {LETTERS}", LETTERS),
    (f"X-Api-Key: {PW}", PW),
    # Tokens and keys.
    (f"token {JWT}!", JWT),
    (f"x={JWT}", JWT),
    ("id AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"),
    *(
        (f"cannot use {token} here", token)
        for token in (
            f"ghp_{LETTERS[:36]}",
            f"gho_{LETTERS[:36]}",
            f"ghs_{LETTERS[:36]}",
            f"github_pat_{LETTERS[:22]}_{LETTERS}",
            f"glpat-{LETTERS[:20]}",
            f"glrt-{LETTERS[:20]}",
            f"gldt-{LETTERS[:20]}",
            f"xoxb-1234567890-1234567890-{LETTERS[:24]}",
            f"xapp-1-A0-1-{HEX}",
            f"AIza{LETTERS[:35]}",
            f"GOCSPX-{LETTERS[:28]}",
            f"sk_live_{LETTERS[:24]}",
            f"sk-proj-{LETTERS}",
            f"sk-ant-api03-{LETTERS}",
            f"SG.{LETTERS[:22]}.{LETTERS}",
            f"npm_{LETTERS[:36]}",
            f"pypi-AgEIcHlwaS5vcmc{LETTERS}",
            f"hf_{LETTERS[:34]}",
            f"dckr_pat_{LETTERS[:27]}",
            f"dop_v1_{HEX}",
            f"hvs.{LETTERS}",
            f"dapi{HEX[:32]}",
            f"glsa_{LETTERS[:32]}_0123abcd",
            f"shpat_{HEX[:32]}",
            f"SK{HEX[:32]}",
            f"key-{HEX[:32]}",
            f"123456789:AA{LETTERS[:33]}",
            f"abc8Q~{LETTERS[:34]}",
            f"https://hooks.slack.com/services/T00000000/B00000000/{LETTERS[:24]}",
            f"$2y$10${LETTERS}{LETTERS[:9]}",
            f"$6$salt${LETTERS}",
            "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlF",
        )
    ),
    (f"-----BEGIN RSA PRIVATE KEY-----\n{PW}\n-----END RSA PRIVATE KEY-----", PW),
    (f"-----BEGIN OPENSSH PRIVATE KEY-----\\n{PW}\\n", PW),
    (f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{PW}\n-----END PGP PRIVATE KEY BLOCK-----", PW),
    (f"-----BEGIN PRIVATE KEY-----\n{PW}", PW),
]

KEEPING = [
    "http://example.com:8080/a@b",
    "https://medium.example.com/@ada:x",
    "oci://localhost:5000/charts/web@sha256:" + HEX,
    "localhost:5000/web:1.0@sha256:" + HEX,
    "git@example.com:team/x.git",
    "ssh://git@example.com/x.git",
    "mailto:ada@example.com",
    "postgres://ada:@db/x",
    "Get the password: kubectl get secret x -o jsonpath='{.data.password}' | base64 -d",
    "1. Get your 'admin' user password by running:\n\n   kubectl get secret",
    'echo "Password: $(kubectl get secret x)"',
    "export PASSWORD=$(kubectl get secret x)",
    "password: <your password>",
    "--password <your password>",
    "token: ''\nautomountServiceAccountToken: false\n",
    "existingSecret: my-secret\nsecretName: x\npasswordFile: /etc/x",
    "secretKeyRef:\n  name: db\n  key: password\n",
    "enable_password=true;x=1",
    "if password == other: pass",
    "basic authentication and bearer tokens are off",
    "security:\n  authorization: enabled\n",
    "nginx.ingress.kubernetes.io/auth-type: basic",
    "key: app.kubernetes.io/name\ntopologyKey: kubernetes.io/hostname",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "https://hooks.example.com/services/a/b",
    "risk-free-and-very-long-name-of-some-thing",
    "a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p",
    HEX,
    "10.0.0.1:8080,10.0.0.2:8080",
    "--workers=2 --bind 0.0.0.0:8050",
]


@pytest.mark.parametrize(("text", "secret"), HIDING)
def test_what_looks_secret_is_hidden_and_the_rest_is_not(text: str, secret: str) -> None:
    shown = without_secret_patterns(text)
    assert secret not in shown
    assert HIDDEN in shown
    assert text[0] == shown[0] or shown.startswith(HIDDEN)


@pytest.mark.parametrize(("text", "secret"), HIDING)
def test_it_is_hidden_in_values_and_found_elsewhere(text: str, secret: str) -> None:
    values = {"config": {"anything": [text]}}
    assert secret not in str(redacted(values))
    assert any(secret in found or found in secret for found in secret_texts(values))


@pytest.mark.parametrize("text", KEEPING)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secret_patterns(text) == text


@pytest.mark.parametrize(("text", "secret"), HIDING)
def test_hiding_twice_is_hiding_once(text: str, secret: str) -> None:
    once = without_secret_patterns(text)
    assert without_secret_patterns(once) == once


@given(st.text(alphabet="ab:=@/;\"' \\\n-$.", max_size=60) | st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    once = without_secret_patterns(text)
    assert without_secret_patterns(once) == once


_PIECES = [
    "a", "a.", "a:", "a=", "a@", "://", "://a:", "://a:b@", "password=", "password: ",
    "password=a;",
    '"', "'", "\\", '\\"', " ", "\n", "eyJ", "eyJ-", "eyJabcdefgh.", "SG.", "sk-", "ghp_", "--a ",
    "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "authorization:", "authorization: ", "basic ",
    "bearer ", "@tcp(", "a:b@tcp(", "jdbc:oracle:thin:a/", "-u a:", "$2y$10$", "LS0tLS1CRUdJTiB",
    "1", "123456789:AA", "AKIA", "map[password:", "A", "a;", "password", "-----END", "a.b.",
]  # fmt: skip


@pytest.mark.parametrize("piece", _PIECES)
@pytest.mark.parametrize("end", ["", " ", "@", '"'])
def test_no_text_takes_long(piece: str, end: str) -> None:
    """Eight times the text takes about eight times as long; a pattern that goes back, 64 times."""

    def seconds(size: int) -> float:
        text = piece * (size // len(piece)) + end
        began = time.process_time()
        without_secret_patterns(text)
        return time.process_time() - began

    small, large = 10_000, 80_000
    assert any(seconds(large) < 25 * max(seconds(small), 0.002) for _ in range(3))
