import pytest

from portal.domain.errors import PortalError


@pytest.mark.parametrize(
    ("message", "advice", "whole"),
    [
        ("It is gone.", "Make it anew.", "It is gone. Make it anew."),
        ('pods is forbidden: User "ann"', "Ask.", 'pods is forbidden: User "ann". Ask.'),
        ("Connect call failed", "", "Connect call failed"),
        ("", "Wait.", "Wait."),
    ],
)
def test_a_message_and_its_advice_are_sentences(message: str, advice: str, whole: str) -> None:
    assert str(PortalError(message, advice)) == whole
