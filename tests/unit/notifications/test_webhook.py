"""The webhook against a real receiver: an HTTP server of the test's own."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from portal.domain.keys import Key
from portal.domain.operations import OperationPhase
from portal.domain.retry_after import retry_after_seconds
from portal.notifications.messages import Message, operation_message, trouble_message
from portal.notifications.webhook import (
    MOST_WAITING,
    Answer,
    HttpPost,
    Webhook,
    webhook_problem,
)
from portal.settings import Settings, SettingsError
from tests.unit.viewmodels.make import operation
from tests.waiting import until

SECRET = "services/T0/B0/hunter2"
HELLO: Message = {"text": "hello"}


class Receiver:
    """Takes messages; answers with the statuses it is given, then with 200."""

    def __init__(self, *statuses: int, headers: dict[str, str] | None = None) -> None:
        self.statuses = list(statuses)
        self.headers = headers
        self.got: list[Message] = []
        self.asked = 0
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.asked += 1
        assert request.content_type == "application/json"
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.got.append(json.loads(await request.text()))
        return web.Response(status=status, headers=self.headers)


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[tuple[Webhook, Receiver]]:
    app = web.Application()
    app.router.add_post(f"/{SECRET}", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/{SECRET}"
    post = HttpPost(receiver.url)
    webhook = Webhook(post, pauses=(0, 0, 0))
    task = asyncio.create_task(webhook.run())
    try:
        yield webhook, receiver
    finally:
        task.cancel()
        await post.close()
        await runner.cleanup()


async def test_messages_arrive_in_their_order() -> None:
    async with receiving(Receiver()) as (webhook, receiver):
        for word in ("one", "two", "three"):
            webhook.say({"text": word})
        await until(lambda: webhook.counts["sent"] == 3)
        assert [each["text"] for each in receiver.got] == ["one", "two", "three"]


async def test_a_message_that_is_not_taken_is_tried_again() -> None:
    async with receiving(Receiver(500, 429, headers={"Retry-After": "0"})) as (webhook, receiver):
        webhook.say(HELLO)
        await until(lambda: webhook.counts["sent"] == 1)
        assert (receiver.asked, receiver.got) == (3, [HELLO])


async def test_attempts_are_bounded_and_the_address_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with receiving(Receiver(*[503] * 9)) as (webhook, receiver):
            webhook.say(HELLO)
            await until(lambda: webhook.counts["failed"] == 1)
            assert receiver.asked == 4
    assert "status 503" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404, 410])
async def test_what_will_not_be_taken_is_not_tried_again_nor_sent_elsewhere(status: int) -> None:
    elsewhere = {"Location": "http://198.18.0.1/metadata"}
    async with receiving(Receiver(status, headers=elsewhere)) as (webhook, receiver):
        webhook.say(HELLO)
        webhook.say({"text": "next"})
        await until(lambda: webhook.counts == {"sent": 1, "failed": 1, "dropped": 0})
        assert receiver.asked == 2


async def test_without_a_receiver_a_message_fails_and_the_portal_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiving(Receiver()) as (_, receiver):
        url = receiver.url
    post = HttpPost(url)
    answer = await post(HELLO)
    await post.close()
    assert (answer.status, answer.taken, answer.passing) == (0, False, True)
    assert "hunter2" not in answer.error
    assert "hunter2" not in caplog.text


async def test_a_message_that_fails_in_the_portal_does_not_end_the_others() -> None:
    asked, both = 0, asyncio.Event()

    async def post(message: Message) -> Answer:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise OverflowError
        both.set()
        return Answer(200)

    webhook = Webhook(post)
    webhook.say(HELLO)
    webhook.say(HELLO)
    task = asyncio.create_task(webhook.run())
    await both.wait()
    task.cancel()
    assert webhook.counts["failed"] == 1


def test_a_pause_of_hundreds_of_digits_is_the_longest() -> None:
    assert retry_after_seconds("9" * 400, longest=30.0) == 30.0


async def test_the_queue_is_bounded_and_what_is_dropped_is_counted() -> None:
    async def never(message: Message) -> Answer:
        sent.append(message["text"])
        return Answer(200)

    sent: list[str] = []
    webhook = Webhook(never)
    for number in range(MOST_WAITING + 7):
        webhook.say({"text": str(number)})
    webhook.say(None)
    assert webhook.counts["dropped"] == 7
    task = asyncio.create_task(webhook.run())
    await until(lambda: webhook.counts["sent"] == MOST_WAITING)
    task.cancel()
    assert sent[0] == "7"


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (OperationPhase.SUCCEEDED, "Launch by ada has succeeded."),
        (OperationPhase.FAILED, "Launch by ada has failed."),
        (OperationPhase.INTERRUPTED, "Launch by ada was interrupted."),
        (OperationPhase.CANCELLED, None),
    ],
)
def test_the_message_of_an_operation_quotes_no_error(
    phase: OperationPhase, words: str | None
) -> None:
    ended = operation(phase=phase, error="password=hunter2")
    message = operation_message(ended, "https://portal.example.com/")
    if words is None:
        assert message is None
        return
    link = "<https://portal.example.com/apps/apps/demo|Open>"
    assert message == {"text": f"*demo* in apps: {words} {link}"}


def test_nobody_is_mentioned_by_a_name_or_a_message() -> None:
    ended = operation(phase=OperationPhase.SUCCEEDED, actor="<!channel> & co")
    assert operation_message(ended, "") == {
        "text": "*demo* in apps: Launch by &lt;!channel&gt; &amp; co has succeeded."
    }
    assert "<" not in trouble_message(Key("apps", "demo"), "Crashing", "<b>", "")["text"]


@pytest.mark.parametrize(
    ("url", "allowed", "words"),
    [
        ("https://hooks.example.com/services/T/B/x", False, ""),
        ("http://hook.chat.svc/x", True, ""),
        ("http://hook.chat.svc/x", False, "begin with https"),
        ("ftp://hook.chat.svc/x", True, "begin with https"),
        ("file:///etc/passwd", True, "one address"),
        ("", False, "one address"),
        ("https://a b/hunter2", False, "one address"),
        ("https://[::1/hunter2", False, "not a valid address"),
        ("https://h:hunter2/", False, "not a valid address"),
    ],
)
def test_addresses_of_a_webhook(url: str, allowed: bool, words: str) -> None:
    problem = webhook_problem(url, allow_http=allowed)
    assert words in problem
    assert bool(problem) is bool(words)
    assert "hunter2" not in problem


def test_the_address_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("https://hooks.example.com/x\n")
    settings = Settings(namespaces=("apps",), webhook_url_file=file)
    assert settings.webhook_url() == "https://hooks.example.com/x"
    assert Settings(namespaces=("apps",)).webhook_url() == ""
    file.write_text("http://hooks.example.com/hunter2")
    with pytest.raises(SettingsError, match="WEBHOOK_URL_FILE") as refused:
        settings.webhook_url()
    assert "hunter2" not in str(refused.value)
    file.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        settings.webhook_url()
