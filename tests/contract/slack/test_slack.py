"""What Slack alone has: its handshake, files behind a token, gaps that history makes up for."""

import asyncio
import html
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from channels.slack import SlackChannel, create, sockets
from models.errors import Permanent, Temporary
from models.message import Attachment, Choice
from tests.contract.channels.drivers.slack import BOT, SIGNING, SlackEvents, SlackSockets
from tests.contract.channels.house import House, house
from tests.contract.channels.platform import Asked, Misdeed, Platform, platform

T0 = 1764036000


class Workspace(SlackEvents):
    """One channel with a thread, one direct message, and files."""

    def __init__(self) -> None:
        self.history: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self.deleted: set[str] = set()
        self.file: web.Response | None = None

    def answers(self, asked: Asked) -> Any:
        method = asked.path.rpartition("/")[2]
        oldest = float(asked.fields.get("oldest", 0))
        match method:
            case "auth.test":
                return {"ok": True, "team_id": "T1", "user_id": "UBOT"}
            case "users.conversations":
                if not asked.fields.get("cursor"):
                    more = {"next_cursor": "page2"}
                    return {"ok": True, "channels": [{"id": "C1"}], "response_metadata": more}
                return {"ok": True, "channels": [{"id": "D1", "is_im": True}]}
            case "conversations.history":
                here = self.history if asked.fields["channel"] == "C1" else []
                found = [m for m in here if float(m["ts"]) > oldest]
                return {"ok": True, "messages": found}
            case "conversations.replies":
                return self._thread(asked.fields["ts"], oldest)
            case "photo.jpg":
                assert asked.headers["Authorization"] == f"Bearer {BOT}"
                return web.Response(body=b"jpeg", content_type="image/jpeg")
            case "files.getUploadURLExternal":
                url = f"http://{asked.headers['Host']}/upload"
                return {"ok": True, "file_id": "F9", "upload_url": url}
            case "upload":
                return web.Response(text="OK")
            case "files.completeUploadExternal":
                return {"ok": True, "files": [{"id": "F9"}]}
        return super().answers(asked)

    def _thread(self, ts: str, oldest: float) -> Any:
        if ts in self.deleted:
            return {"ok": False, "error": "thread_not_found"}
        thread = [m for m in self.replies if m["thread_ts"] == ts]
        return {"ok": True, "messages": [m for m in thread if float(m["ts"]) > oldest]}


class Place:
    """A house with Slack in it, and the workspace behind."""

    def __init__(self, house: House, fake: Platform, workspace: Workspace) -> None:
        self.house, self.fake, self.workspace = house, fake, workspace
        assert isinstance(house.channel, SlackChannel)
        self.channel = house.channel


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Place:
            workspace = Workspace()
            fake = await stack.enter_async_context(platform(workspace))
            channel = workspace.create(fake.url, backfill_seconds=300, **options)
            made = Place(
                await stack.enter_async_context(house(tmp_path, channel)), fake, workspace
            )
            await _still(made)
            return made

        yield start


async def sent(house: House, body: Any, **headers: str) -> tuple[int, str]:
    raw, now = json.dumps(body), headers.pop("now", str(int(time.time())))
    signature = ""
    if now.isdigit():
        signature = str(SignatureVerifier(SIGNING).generate_signature(timestamp=now, body=raw))
    told = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": signature,
    }
    url = f"{house.url}/slack/events"
    async with house.http.post(url, data=raw, headers=told | headers) as response:
        return response.status, await response.text()


async def test_slacks_handshake(place: Any) -> None:
    made = await place()
    status, text = await sent(made.house, {"type": "url_verification", "challenge": "c-4711"})
    assert status == 200
    assert "c-4711" in text
    assert (await sent(made.house, {"type": "url_verification"}, now="yesterday"))[0] == 401
    forged = {"X-Slack-Signature": "v0=" + "0" * 64}
    assert (await sent(made.house, {"type": "event_callback"}, **forged))[0] == 401
    assert made.house.accepted == []


@pytest.mark.parametrize(
    "odd",
    [
        {"X-Slack-Signature": "v0=\u00e9"},
        {"X-Slack-Request-Timestamp": "\u00b2"},
        {"X-Slack-Request-Timestamp": "9" * 5000},
    ],
)
async def test_a_signature_of_any_bytes_is_refused(place: Any, odd: dict[str, str]) -> None:
    made = await place()
    assert (await sent(made.house, {"type": "event_callback"}, **odd))[0] == 401


async def test_a_body_that_is_no_text(place: Any) -> None:
    made = await place()
    url = f"{made.house.url}/slack/events"
    headers = {"X-Slack-Request-Timestamp": str(int(time.time())), "X-Slack-Signature": "v0=00"}
    async with made.house.http.post(url, data=b"\xff\xfe", headers=headers) as response:
        assert response.status == 400


@pytest.mark.parametrize(
    "body",
    ["[1]", "5", "[" * 200_000, '{"authorizations":[5]}', '{"enterprise":5}', "payload=5"],
    ids=lambda body: body[:24],
)
async def test_nothing_of_a_stranger_is_read(place: Any, body: str) -> None:
    made = await place()
    told = {"X-Slack-Request-Timestamp": str(int(time.time())), "X-Slack-Signature": "v0=00"}
    told["Content-Type"] = "application/json"
    url = f"{made.house.url}/slack/events"
    async with made.house.http.post(url, data=body, headers=told) as response:
        assert response.status == 401


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_signing_secret_is_told_before_the_start(empty: str) -> None:
    with pytest.raises(ValidationError, match="must not be empty"):
        create({"bot_token": BOT, "signing_secret": empty}, b"")


async def test_files_are_fetched_with_the_token_from_slack_alone(place: Any) -> None:
    made = await place()
    file = await made.channel.fetch("slack", {"url": f"{made.fake.url}/files/photo.jpg"})
    assert (file.content, file.mime) == (b"jpeg", "image/jpeg")
    foreign = ("https://evil.example.com/x", "https://notslack.com/x", "file:///etc/passwd",
               "http://files.slack.com/x", "https://slack.com@evil.example.com/x")  # fmt: skip
    for url in foreign:
        with pytest.raises(Permanent):
            await made.channel.fetch("slack", {"url": url})
    for misdeed, error in ((Misdeed(404), Permanent), (Misdeed(503), Temporary),
                           (Misdeed(302, {"Location": "/login"}), Temporary),
                           (Misdeed(drop=True), Temporary)):  # fmt: skip
        made.fake.misdeeds = [misdeed] * 2  # aiohttp asks again once, by itself
        with pytest.raises(error):
            await made.channel.fetch("slack", {"url": f"{made.fake.url}/files/photo.jpg"})


@pytest.mark.parametrize("words", ["见附件", ""])
async def test_an_answer_takes_its_files_along(place: Any, words: str) -> None:
    made = await place()
    sha = "a" * 64
    file = Attachment(id="f", name="发票.pdf", mime="application/pdf", size=3, sha256=sha)
    answer = made.workspace.answer(words)
    result = await made.channel.send(replace(answer, attachments=(file,), files={sha: b"pdf"}))
    assert result.state == "sent"
    assert len(made.fake.of("/chat.postMessage")) == bool(words)
    assert made.fake.of("/upload")
    (done,) = made.fake.of("files.completeUploadExternal")
    assert done.fields["channel_id"] == "C1"
    assert done.fields["thread_ts"] == "1764036000.000100"


async def test_an_answer_is_read_as_it_was_written(place: Any) -> None:
    made = await place()
    words = "*不是粗体*，3~5 天，7~10 天，`a_b_c` <@U1> & <!channel>"
    assert (await made.channel.send(made.workspace.answer(words))).state == "sent"
    (posted,) = made.fake.of("/chat.postMessage")
    assert posted.fields["mrkdwn"] is False
    assert "<" not in posted.fields["text"]  # that would call people, whatever the formats
    assert html.unescape(posted.fields["text"]) == words


async def test_a_sign_that_slack_wants_escaped_is_not_cut_in_two(place: Any) -> None:
    made = await place()
    answer = made.workspace.answer("x" + "&" * 1999, choices=(Choice(value="y", label="是"),))
    assert (await made.channel.send(answer)).state == "sent"
    (posted,) = made.fake.of("/chat.postMessage")
    sections = [one["text"]["text"] for one in posted.fields["blocks"] if one["type"] == "section"]
    assert max(map(len, sections)) <= 3000
    assert "".join(map(html.unescape, sections)) == answer.text
    assert {part.replace("&amp;", "") for part in sections} == {"x", ""}


def message(number: int, **more: Any) -> dict[str, Any]:
    said = {"type": "message", "user": "U1", "ts": f"{T0 + number}.000000", "text": f"话{number}"}
    return {**said, **more}


async def _still(made: Place) -> None:
    """Ends the reading in the background: whether it came first would be chance."""
    backfill = made.channel._backfill
    if backfill is not None:
        await backfill.stop()
        backfill._whole = False


async def step(made: Place) -> None:
    backfill = made.channel._backfill
    assert backfill is not None
    await backfill.step()


async def test_a_gap_is_made_up_for_once(place: Any) -> None:
    made = await place()
    house, workspace = made.house, made.workspace
    workspace.history = [message(1), message(-5000)]
    house.clock.ahead = T0 - time.time()
    await step(made)
    assert house.accepted == [], "the first start begins now"
    # Heard live; its thread goes on in the gap, and a new one begins there.
    opened = json.loads(json.dumps({"type": "event_callback", "team_id": "T1", "event_id": "E1"}))
    event = {**message(0), "channel": "C1", "channel_type": "channel"}
    assert (await sent(house, {**opened, "event": event}))[0] == 200
    await house.work()
    workspace.history = [
        message(0),
        message(600, reply_count=1),
        message(500, edited={"ts": f"{T0 + 501}.0"}),
    ]
    workspace.replies = [
        message(550, thread_ts=f"{T0}.000000"),
        message(610, thread_ts=f"{T0 + 600}.000000"),
    ]
    house.clock.ahead += 3600
    made.channel._backfill._whole = False  # as a new process begins
    await step(made)
    await house.work()
    texts = [text for _, text in await house.said()]
    assert [text for text in texts if text] == ["话0", "话500", "话550", "话600", "话610"]
    count = len(house.accepted)
    await step(made)
    assert len(house.accepted) == count, "what is whole is not read again"
    made.channel._backfill._whole = False
    await step(made)
    await house.work()
    assert [text for _, text in await house.said()] == texts


async def test_no_fault_ends_the_reading_of_history(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await place()
    tries: list[int] = []

    async def step() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise Permanent("the database refuses the connection: somebody changes its password")

    reading = made.channel._backfill
    assert reading is not None
    await reading.stop()
    reading._stopping.clear()
    monkeypatch.setattr(reading, "step", step)
    monkeypatch.setattr(
        reading, "_options", reading._options.model_copy(update={"backfill_seconds": 0.02})
    )
    reading.start()
    async with asyncio.timeout(5):
        while len(tries) < 3:
            await asyncio.sleep(0.01)


async def test_a_limit_on_reading_history_is_honoured(place: Any) -> None:
    made = await place()
    await made.house.store.cursors.move("slack", "slack", T0)
    made.workspace.history = [message(1)]
    made.house.clock.ahead = T0 + 900 - time.time()
    made.fake.misdeeds = [
        None,
        None,
        Misdeed(429, {"Retry-After": "1"}, '{"ok": false, "error": "ratelimited"}'),
    ]
    await step(made)
    await made.house.work()
    assert [text for _, text in await made.house.said()] == ["话1"]


async def test_a_thread_whose_first_word_was_deleted_keeps_nobody_else_unheard(
    place: Any,
) -> None:
    made = await place()
    house, workspace = made.house, made.workspace
    await house.store.cursors.move("slack", "slack", T0)
    opened = {"type": "event_callback", "team_id": "T1", "event_id": "E1"}
    event = {**message(0), "channel": "C1", "channel_type": "channel"}
    assert (await sent(house, {**opened, "event": event}))[0] == 200
    await house.work()
    workspace.deleted = {f"{T0}.000000"}
    workspace.history = [message(600, reply_count=1)]
    workspace.replies = [message(610, thread_ts=f"{T0 + 600}.000000")]
    house.clock.ahead = T0 + 900 - time.time()
    await step(made)
    await house.work()
    assert [text for _, text in await house.said()] == ["话0", "话600", "话610"]
    assert await house.store.cursors.get("slack", "slack") > T0


async def test_who_reads_for_long_keeps_the_right_to_note_it(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await place()
    house, other = made.house, "another process"
    await house.store.cursors.move("slack", "slack", T0)
    made.workspace.history = [message(1)]
    house.clock.ahead = T0 + 900 - time.time()
    began = time.time()
    ahead = 0.0

    async def slowly(asked: Any) -> Any:
        """Each question takes longer than a third of the lease, and somebody waits for it."""
        nonlocal ahead
        ahead += 400.0
        await house.store.leases.take("slack:slack", other, 900.0)
        return Workspace.answers(made.workspace, asked)

    monkeypatch.setattr(house.store.db, "_clock", lambda: began + ahead, raising=True)
    monkeypatch.setattr(made.workspace, "answers", slowly)
    await step(made)
    assert await house.store.cursors.get("slack", "slack") > T0


async def test_only_one_process_notes_how_far_was_heard(place: Any) -> None:
    made = await place()
    await step(made)
    made.channel._backfill._holder = "another process"
    await made.house.store.cursors.move("slack", "slack", 7)
    await step(made)
    assert await made.house.store.cursors.get("slack", "slack") == 7


def test_what_mentions_mode_hears() -> None:
    channel = create({"bot_token": BOT, "signing_secret": SIGNING, "listen": "mentions"}, b"")
    from tests.contract.channels.kit import Payload

    def read(name: str) -> list[str]:
        return [m.kind for m, _ in channel.normalize(Payload(SlackEvents(), name).envelope())]

    assert read("text") == []
    assert read("edit") == []
    assert read("text-mention") == ["message"]
    assert read("text-direct") == ["message"]
    assert read("text-history") == []
    assert read("delete-thread") == []
    gone = Payload(SlackEvents(), "delete-thread").envelope()
    called = gone.body.replace("包裹没有".encode(), "<@UBOT> 包裹没有".encode())
    (deleted,) = channel.normalize(replace(gone, body=called))
    assert deleted.message.kind == "delete"
    (reply,) = channel.normalize(Payload(SlackEvents(), "reply").envelope())
    assert reply.message.meta["overheard"]  # for the store to say whether its thread is ours


async def test_a_thread_that_began_with_a_mention_is_heard_on(place: Any) -> None:
    made = await place(listen="mentions")
    house, workspace = made.house, made.workspace

    async def hear(number: int, kind: str = "message", **said: Any) -> None:
        event = {**message(number, **said), "channel": "C1", "channel_type": "channel"}
        ours = [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}]
        body = {"type": "event_callback", "team_id": "T1", "authorizations": ours}
        body |= {"event_id": f"E{number}{kind}", "event": {**event, "type": kind}}
        assert (await sent(house, body))[0] == 200
        await house.work()

    mention = {"text": "<@UBOT> 话0"}
    await hear(5, thread_ts=f"{T0 + 1}.000000")  # a thread that is none of ours
    await hear(0, **mention)
    await hear(0, "app_mention", **mention)  # Slack tells of it twice
    await hear(10, thread_ts=f"{T0}.000000")
    await hear(20)
    assert [text for _, text in await house.said()] == ["话0", "话10"]
    # Missed while nobody listened, a mention is known by our own name.
    workspace.history = [message(600, text="<@UBOT> 话600"), message(610)]
    house.clock.ahead = T0 + 3600 - time.time()
    await house.store.cursors.move("slack", "slack", float(T0))
    await step(made)
    await house.work()
    assert [text for _, text in await house.said()] == ["话0", "话10", "话600"]


async def test_a_socket_that_is_not_there_for_long_is_told(tmp_path: Path) -> None:
    driver = SlackSockets()
    async with platform(driver) as fake, house(tmp_path, driver.create(fake.url)) as lent:
        await driver.deliver(lent, fake, 1)
        line = lent.channel._sockets
        assert line.trouble is None
        await line._client.close()
        now = lent.clock()
        line._door = replace(line._door, clock=lambda: now + 59.0)
        assert line.trouble is None, "the library is connecting again"
        line._door = replace(line._door, clock=lambda: now + 62.0)
        assert line.trouble.startswith("连不上 Slack，收不到消息")
        assert lent.channel.trouble == line.trouble


async def test_no_fault_ends_the_opening_of_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_AGAIN_SECONDS", 0.02)
    connect, tries = SocketModeClient.connect, []

    async def odd_at_first(self: SocketModeClient) -> None:
        tries.append(self)
        if len(tries) == 1:
            raise KeyError("url")
        await connect(self)

    monkeypatch.setattr(SocketModeClient, "connect", odd_at_first)
    driver = SlackSockets()
    async with platform(driver) as fake, house(tmp_path, driver.create(fake.url)) as lent:
        heard = await asyncio.wait_for(driver.deliver(lent, fake, 1), 10)
    assert heard == "acknowledged"
