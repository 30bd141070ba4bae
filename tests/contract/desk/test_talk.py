"""What an agent sees of what was said."""

from models.agent import Role
from models.message import Lane, Recipient, Sender
from tests.contract.desk.conftest import Visit, say
from tests.contract.desk.makers import talk_of
from tests.contract.desk.world import World, mail_with_file
from tests.contract.store import makers


async def test_who_has_left_keeps_their_name(house: World, visit: Visit) -> None:
    me = await house.person("li")
    await house.person("chen", Role.SUPERVISOR)
    ticket = await house.ticket()
    await house.give(ticket, me)
    await say(await visit("li"), ticket, then="resolved")
    await house.store.offboarding.leave(me, None)
    view = (await (await visit("chen")).get(f"/tickets/{ticket}")).json
    (answer,) = [m for m in view["messages"] if m["side"] == "us"]
    assert (view["ticket"]["owner"]["name"], answer["author"]) == ("Li", "Li")


async def test_a_long_talk_comes_in_pages_that_are_quick_to_show(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    long = "请回电" + "。" * 250_000
    ticket = await house.ticket(text=long, text_full=long)
    await house.give(ticket, me)
    for n in range(2):
        more = makers.envelope(f"more{n}", b"more", now=await house.store.db.now())
        told = {"text": f"第{n}封", "text_full": long}
        await makers.thread(house.store, more, conversation_key="talk-k1", **told)
    desk, read, after = await visit("li"), [], 0
    for size in (1, 2):
        view = (await desk.get(f"/tickets/{ticket}?after={after}")).json
        assert len(view["messages"]) == size
        read += [message["text"][:3] for message in view["messages"]]
        after = view["next_after"]
    assert read == ["请回电", "第0封", "第1封"]
    rest = (await desk.get(f"/tickets/{ticket}?after={after}")).json
    assert (rest["messages"], rest["next_after"]) == ([], None)


async def test_reveal_is_written_down(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    shown = (await (await visit("li")).post(f"/tickets/{ticket}/reveal")).json
    assert (shown["name"], shown["email"]) == ("王女士", "wang@example.com")
    identity = await house.store.tickets.identity_of(ticket)
    (line,) = await house.store.tickets.history(identity)
    assert (line["action"], line["agent_id"]) == ("identity.reveal", me)


async def test_downloads_never_run_and_are_written_down(house: World, visit: Visit) -> None:
    me = await house.person("li")
    evil = b"<script>alert(1)</script>"
    files = mail_with_file(evil)
    await house.store.blobs.put({files["attachments"][0].sha256: evil})
    ticket = await house.ticket(mail=True, body=b"From: x\r\n\r\nhi", html="<b>hi</b>", **files)
    desk = await visit("li")
    (message,) = (await desk.get(f"/tickets/{ticket}")).json["messages"]
    path = f"/tickets/{ticket}/messages/{message['id']}"
    assert message["original"] == "eml"
    raw = await desk.get(f"{path}/raw")
    assert raw.raw == b"From: x\r\n\r\nhi"
    assert raw.headers["Content-Disposition"].endswith(f"{message['id']}.eml")
    file = await desk.get(f"{path}/attachments/a1")
    assert file.raw == evil
    for answer in (raw, file):
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert '"' not in file.headers["Content-Disposition"]
    formatted = await desk.get(f"{path}/html")
    policy = formatted.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "frame-ancestors 'self'" in policy
    assert (await desk.get(f"{path}/attachments/none")).status == 404
    done = {(h["action"], h["agent_id"]) for h in await house.store.tickets.history(ticket)}
    assert done == {("message.raw", me), ("message.attachment", me)}


async def test_a_message_of_another_conversation_is_not_served(house: World, visit: Visit) -> None:
    await house.person("li")
    one, two = await house.ticket("k1"), await house.ticket("k2")
    desk = await visit("li")
    (message,) = (await desk.get(f"/tickets/{two}")).json["messages"]
    assert (await desk.get(f"/tickets/{one}/messages/{message['id']}/raw")).status == 404


async def test_a_stranger_in_the_talk_is_flagged(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    e = makers.envelope("k2", now=await house.store.db.now())
    stranger = Sender(external_id="other", name="陌生人", email="x@evil.example")
    await makers.thread(house.store, e, conversation_key="talk-k1", sender=stranger)
    view = (await (await visit("li")).get(f"/tickets/{ticket}")).json
    assert [m["quarantined"] for m in view["messages"]] == [False, True]
    assert view["messages"][1]["author"] == "陌***"


async def test_a_message_that_only_a_key_can_read_is_shown_as_that(
    house: World, visit: Visit
) -> None:
    await house.person("li")
    locked, plain = await house.ticket("k1", meta={"encrypted": True}), await house.ticket("k2")
    desk = await visit("li")
    views = [(await desk.get(f"/tickets/{ticket}")).json for ticket in (locked, plain)]
    assert [view["messages"][0]["encrypted"] for view in views] == [True, False]


async def test_who_is_in_copy_is_shown_as_that(house: World, visit: Visit) -> None:
    await house.person("li")
    cc = (Recipient(address="li@firm.example", name="李四"),)
    ticket = await house.ticket("k1", mail=True, cc=cc)
    account = {"channel": "email", "account": "help@example.com", "lane": Lane.MAIL}
    e = makers.envelope("k2", now=await house.store.db.now(), **account)
    sender = Sender(external_id="li@firm.example", name="李四", email="li@firm.example")
    await makers.thread(house.store, e, conversation_key="talk-k1", sender=sender)
    shown = (await (await visit("li")).get(f"/tickets/{ticket}")).json["messages"]
    told = [(one["quarantined"], one["in_copy"], one["author"]) for one in shown]
    assert told == [(False, False, "王***"), (True, True, "李***")]


async def test_what_was_edited_and_withdrawn_is_shown_as_that(house: World, visit: Visit) -> None:
    await house.person("li")
    file = mail_with_file(b"file")
    await house.store.blobs.put({file["attachments"][0].sha256: b"file"})
    ticket = await house.ticket(text="我的卡号是 6222", text_full="我的卡号是 6222", **file)
    desk = await visit("li")
    change = {"conversation_key": "talk-k1", "external_id": "k1"}
    e = makers.envelope("e", now=await house.store.db.now())
    await makers.thread(house.store, e, kind="edit", revision=1, text="改好了", **change)
    (message,) = (await desk.get(f"/tickets/{ticket}")).json["messages"]
    assert message["text"] == "改好了"
    assert [version["text"] for version in message["earlier"]] == ["我的卡号是 6222"]
    path = f"/tickets/{ticket}/messages/{message['id']}"
    assert (await desk.get(f"{path}/attachments/a1")).raw == b"file"
    note = (await house.store.conversations.log(await talk_of(house, ticket)))[1]
    assert (await desk.get(f"/tickets/{ticket}/messages/{note.id}/raw")).status == 404
    d = makers.envelope("d", now=await house.store.db.now())
    await makers.thread(house.store, d, kind="delete", text="", **change)
    view = await desk.get(f"/tickets/{ticket}")
    assert b"6222" not in view.raw
    (message,) = view.json["messages"]
    assert (message["text"], message["earlier"], message["attachments"]) == ("", [], [])
    assert message["withdrawn_at"] is not None
    assert message["original"] is None
    for rest in ("/raw", "/attachments/a1"):
        assert (await desk.get(path + rest)).status == 404
    kinds = {line["kind"] for line in view.json["history"]}
    assert "message.withdrawn" in kinds
