"""For whom an operation runs, as portals seal it into its Lease."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from portal.auth.operation_identity import LONGEST, OperationIdentities
from portal.authenticators import operation_identities
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationPhase, Verb
from portal.settings import Settings

ANN = Identity("ann", ("data",), extra=(("scopes", ("a", "b")),))
BEGUN = datetime(2026, 11, 30, tzinfo=UTC)
SCALE = Verb("scale", "scaling", "scaling")
OPERATION = Operation(
    "0a1b", Key("apps", "sales"), SCALE, "ann", OperationPhase.RUNNING, BEGUN, BEGUN, base=3
)
KEY = b"k" * 32


def test_another_portal_reads_it() -> None:
    sealed = OperationIdentities(KEY).close(OPERATION, ANN)
    assert OperationIdentities(KEY).open(OPERATION, sealed) == ANN
    later = replace(OPERATION, phase=OperationPhase.WAITING, revision=4)
    assert OperationIdentities(KEY).open(later, sealed) == ANN


@pytest.mark.parametrize(
    "other",
    [
        replace(OPERATION, id="0a1c"),
        replace(OPERATION, key=Key("apps", "other")),
        replace(OPERATION, key=Key("other", "sales")),
        replace(OPERATION, verb=Verb("uninstall", "removal", "removing", removes=True)),
        replace(OPERATION, base=2),
        replace(OPERATION, actor="bob"),
    ],
)
def test_it_is_for_one_operation(other: Operation) -> None:
    identities = OperationIdentities(KEY)
    assert identities.open(other, identities.close(OPERATION, ANN)) is None


def test_it_is_a_portals_and_recent() -> None:
    now = [1000.0]
    identities = OperationIdentities(KEY, clock=lambda: now[0])
    sealed = identities.close(OPERATION, ANN)
    for forged in ("", "ann", sealed[:-4], sealed.swapcase()):
        assert identities.open(OPERATION, forged) is None
    other = OperationIdentities(b"x" * 32, clock=lambda: now[0])
    assert other.open(OPERATION, sealed) is None
    now[0] += LONGEST
    assert identities.open(OPERATION, sealed) == ANN
    now[0] += 1
    assert identities.open(OPERATION, sealed) is None


def test_a_short_secret_seals_nothing(tmp_path: Path) -> None:
    """It could be guessed from what anybody who reads Leases sees."""
    file = tmp_path / "secret"
    found: list[bool] = []
    for secret in ("s" * 31, "s" * 32):
        file.write_text(secret)
        settings = Settings(auth_mode="header", auth_secret_file=file, cluster_wide=True)
        found.append(operation_identities(settings) is not None)
    assert found == [False, True]
