"""What an image says of itself."""

from __future__ import annotations

import json

import pytest

from portal.domain.secrets import HIDDEN
from portal.images.config import LONGEST, MOST, read_config
from portal.images.report import ExposedPort, Healthcheck, NeededVariable, Platform
from portal.registry.failure import FetchError


def test_everything_that_is_said() -> None:
    whole = {
        "os": "linux",
        "architecture": "arm",
        "variant": "v7",
        "created": "2026-11-29T00:00:00Z",
        "config": {
            "Entrypoint": ["/entry.sh"],
            "Cmd": ["streamlit", "run", "app.py"],
            "WorkingDir": "/app",
            "User": "1000:1000",
            "ExposedPorts": {"8501/tcp": {}, "53/udp": {}, "99999/tcp": {}, "80-90/tcp": {}},
            "Volumes": {"/data": {}, "/cache": {}},
            "Env": ["PATH=/bin", "API_TOKEN=hunter2hunter2", "EMPTY", "A=b=c"],
            "Labels": {
                "dash-portal.io/required-env": "DATABASE_URL=where the data is, API_KEY,,no good",
                "org.label-schema.docker.params": "THREADS=how many, API_KEY=again",
                "maintainer": "ann",
            },
            "Healthcheck": {"Test": ["CMD", "curl", "localhost"], "Interval": 30_000_000_000},
            "StopSignal": "SIGQUIT",
        },
    }
    platform, config = read_config(json.dumps(whole).encode())
    assert platform == Platform("linux", "arm", "v7")
    assert str(platform) == "linux/arm/v7"
    assert config.words == ("/entry.sh", "streamlit", "run", "app.py")
    assert config.working_folder == "/app"
    assert (config.user, config.user_id, config.runs_as_root) == ("1000:1000", 1000, False)
    assert config.ports == (ExposedPort(53, "udp"), ExposedPort(8501))
    assert config.volumes == ("/cache", "/data")
    assert config.environment == {"PATH": "/bin", "API_TOKEN": HIDDEN, "EMPTY": "", "A": "b=c"}
    assert config.labels["maintainer"] == "ann"
    assert config.needed == (
        NeededVariable("DATABASE_URL", "where the data is"),
        NeededVariable("API_KEY"),
        NeededVariable("THREADS", "how many"),
    )
    assert config.healthcheck == Healthcheck(("CMD", "curl", "localhost"), 30.0)
    assert (config.stop_signal, config.created) == ("SIGQUIT", "2026-11-29T00:00:00Z")


def test_nothing_that_is_said() -> None:
    for nothing in (None, {}, {"Entrypoint": None, "Cmd": None, "Env": None, "Labels": None}):
        _, config = read_config(json.dumps({"config": nothing}).encode())
        assert config.words == ()
        assert config.runs_as_root
    _, config = read_config(b'{"config": {"Healthcheck": {"Test": ["NONE"]}}}')
    assert config.healthcheck is None


@pytest.mark.parametrize(
    ("user", "number"),
    [
        ("", 0),
        ("root", 0),
        ("0", 0),
        ("0:0", 0),
        ("root:root", 0),
        ("1000", 1000),
        ("00", 0),
        ("app", None),
        ("app:1000", None),
        ("²", None),
    ],
)
def test_who_it_runs_as(user: str, number: int | None) -> None:
    _, config = read_config(json.dumps({"config": {"User": user}}).encode())
    assert (config.user_id, config.runs_as_root) == (number, number == 0)


def test_what_is_long_is_cut() -> None:
    told = {
        "Env": [f"V{each}=x" for each in range(MOST * 3)],
        "Cmd": ["x" * LONGEST * 3] * (MOST * 3),
        "Labels": {str(each): "y" * LONGEST * 3 for each in range(MOST * 3)},
        "ExposedPorts": {str(each): {} for each in range(1, MOST * 3)},
        "Volumes": {f"/{each}": {} for each in range(MOST * 3)},
    }
    _, config = read_config(json.dumps({"config": told}).encode())
    for each in (config.environment, config.command, config.labels, config.ports, config.volumes):
        assert len(each) == MOST
    assert len(config.command[0]) == LONGEST
    assert max(map(len, config.labels.values())) == LONGEST


def test_a_password_in_an_address_is_hidden() -> None:
    told = {
        "Env": ["DATABASE=postgres://ann:hunter2hunter2@db/x"],
        "Labels": {"source": "https://ann:hunter2hunter2@git.example.com/x"},
        "Cmd": ["serve", "--db=postgres://ann:hunter2hunter2@db/x"],
    }
    _, config = read_config(json.dumps({"config": told}).encode())
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"config": {"Cmd": "x"}}', b'{"os": 1}'])
def test_what_is_none(body: bytes) -> None:
    with pytest.raises(FetchError):
        read_config(body)
