"""One list of words for two questions: what is hidden, and what is not sent on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.secrets import HIDDEN, is_secret, looks_secret, redacted, without_secrets

SURE = ["adminPassword", "PGPASSWD", "passphrase", "myPassphrase", "CLIENT_SECRET", "authToken"]
SURE += ["credentials", "apiKey", "API_KEY", "accesskey", "AWS_ACCESS_KEY", "authKey", "privatekey"]


@pytest.mark.parametrize("name", SURE)
def test_sure_names_are_hidden_and_not_sent(name: str) -> None:
    assert looks_secret(name)
    assert is_secret(name)
    assert without_secrets({name: "x", "a": [{"name": name, "value": "x"}]}) == {
        "a": [{"name": name}]
    }


@pytest.mark.parametrize("name", ["key", "auth", "SORT_KEYS", "salt", "cookie", "SENTRY_DSN"])
def test_doubtful_ones_are_hidden_but_sent(name: str) -> None:
    assert looks_secret(name)
    assert not is_secret(name)


@pytest.mark.parametrize("name", ["tokenName", "tls-secret-names", "passwordFile", "secretPath"])
def test_where_a_secret_is_may_be_sent(name: str) -> None:
    assert looks_secret(name)
    assert not is_secret(name)


@pytest.mark.parametrize(
    "name", ["existingSecret", "imagePullSecrets", "automountServiceAccountToken", "secretName"]
)
def test_references_are_neither(name: str) -> None:
    assert not looks_secret(name)
    assert not is_secret(name)


def test_the_keys_of_taints_and_labels_are_none() -> None:
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    required = {"key": "accelerator", "operator": "In", "values": ["a100"]}
    shown = {"tolerations": [toleration], "matchExpressions": [required]}
    assert redacted(shown) == shown
    assert redacted({"key": "abc123", "operator": "me"}) == {"key": HIDDEN, "operator": "me"}


def test_what_lies_below_a_secret_name_is_looked_at_by_itself() -> None:
    values = {"token": {"enabled": True, "password": "x"}, "secrets": ["x"], "secret": {}}
    assert without_secrets(values) == {"token": {"enabled": True}}
    assert redacted(values)["secrets"] != ["x"]  # type: ignore[index]


_names = st.lists(
    st.sampled_from([*SURE, "key", "Name", "-", "_", "existing", "ref", "pull", "s", "É", ""]),
    max_size=4,
).map("".join)


@given(_names | st.text(max_size=12))
def test_what_is_not_sent_is_hidden_as_well(name: str) -> None:
    assert looks_secret(name) or not is_secret(name)


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "a.-+" * 75_000, "a://" * 75_000, "://a:" * 50_000]
)
def test_a_long_text_takes_no_longer_than_it_is(text: str) -> None:
    """Within the test's time: looking for an address from each letter took minutes."""
    assert redacted(text) == text


def test_passwords_in_addresses_are_hidden() -> None:
    assert redacted("x a+b.c-1://u:p@h://v:q@w") == "x a+b.c-1://u:(hidden)@w"
