"""``shouli demo``: three customers walk through the real doors while one watches.

Everything that is shown is measured as it happens; only what the customers write is given, and
the answers are put together from each ticket's own labels. A running system is used as it is,
otherwise one is started in a temporary folder.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Literal, NamedTuple, Self
from uuid import uuid4

import aiohttp
import aiosmtplib
from rich.cells import set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from channels.email.options import Options as MailOptions
from config.settings import Settings
from workers.demo.sandbox import Relay, sandbox
from workers.demo.staff import PATIENCE, DemoError, Json, Staff, heard, sign_in

_REASONS = 3
"""Words that decided, shown for each label."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Who comes, by which door, and what they write."""

    name: str
    channel: Literal["email", "webchat"]
    text: str
    subject: str = ""
    address: str = ""


CUSTOMERS = (
    Customer(
        "张女士",
        "email",
        "我要投诉！十天前买的东西到现在都没收到，物流信息一直停在中转站不动，打了三次客服电话"
        "都说会回电，没有一个人回。这种态度太让人失望了，请今天之内给我一个说法。",
        subject="包裹丢了没人管",
        address="zhang@customer.example",
    ),
    Customer(
        "James Porter",
        "email",
        "Hello, could you tell me how to get a VAT invoice for the order I placed last week? "
        "Our company name and tax number have to be on it. Thank you, James",
        subject="VAT invoice for my order",
        address="james.porter@customer.example",
    ),
    Customer(
        "网页访客",
        "webchat",
        "你好，我的账号登录不上，验证码一直收不到，能帮我看一下吗？",
    ),
)

STEPS = ("acknowledged", "tagged", "routed", "answered", "delivered")

_NAMES: Mapping[str, tuple[str, str]] = {
    "sent": ("写来 writes", "bold"),
    "acknowledged": ("已受理 acknowledged", "cyan"),
    "tagged": ("已标注 tagged", "magenta"),
    "routed": ("已分派 routed", "blue"),
    "answered": ("已答复 answered", "yellow"),
    "delivered": ("已送达 delivered", "green"),
    "waits": ("待发送 waits", "bold yellow"),
    "failed": ("未完成 failed", "bold red"),
    "": ("", ""),
}
"""What an act is called on the stage, and its style; “” goes on with the one before."""

End = Literal["delivered", "waits", "failed"]


@dataclass(frozen=True, slots=True)
class DemoSystem:
    """The doors of the system that is played on. ``relay``: ours, where answers by mail arrive."""

    settings: Settings
    mail: MailOptions
    staff: Staff
    relay: Relay | None


async def play(settings: Settings, desk_url: str | None) -> bool:
    """Plays every customer; whether all of them were answered.

    ``desk_url``: the desk of a running system. Without it the one of the settings, if it runs.

    Raises:
        DemoError: there is no system to play on.
        SandboxError: a system of our own did not start.
    """
    console = Console(highlight=False, soft_wrap=True)
    async with AsyncExitStack() as stack:
        url, relay = desk_url or _url(settings.desk.host, settings.desk.port), None
        if not await _runs(url):
            if desk_url or settings.database_url:
                raise DemoError(
                    f"坐席台 {url} 没有应答：先启动系统，或用 --desk-url 指明地址。"
                    f" / No desk answers at {url}: start the system, or say where it is with "
                    "--desk-url."
                )
            with _waiting(
                console, "没有运行中的系统，临时启动一个… / Starting a system to play on …"
            ):
                own = await stack.enter_async_context(sandbox())
            settings, relay = own.settings, own.relay
            url = _url(settings.desk.host, settings.desk.port)
        mail = MailOptions.model_validate(settings.channels.get("email", {}))
        staff = await stack.enter_async_context(sign_in(settings, url))
        return await _play_all(DemoSystem(settings, mail, staff, relay), console)


async def _runs(url: str) -> bool:
    """Whether a desk is ready there."""
    limit = aiohttp.ClientTimeout(PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as http,
            http.get(f"{url}/readyz") as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _url(host: str, port: int) -> str:
    found = _reachable(host)
    return f"http://[{found}]:{port}" if ":" in found else f"http://{found}:{port}"


def _reachable(host: str) -> str:
    """Where a door that listens on ``host`` is found from the same machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


# -- the stage -------------------------------------------------------------------------


def _waiting(console: Console, text: str) -> AbstractContextManager[object]:
    """Something that turns where a person watches, and a line elsewhere."""
    if console.is_terminal:
        return console.status(text)
    console.print(text)
    return nullcontext()


class Stage:
    """What the audience sees: a line an act, and a bar where a person watches."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=len(CUSTOMERS) * len(STEPS))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, name: str, act: str, text: str, since: float | None = None) -> None:
        """One act. ``since``: when the customer pressed “send”, on ``time.monotonic``."""
        title, style = _NAMES[act]
        took = "" if since is None else f"{(time.monotonic() - since) * 1000:.0f} ms"
        line = Text.assemble(
            (_wall_clock(), "dim"),
            "  ",
            (set_cell_size(name if act else "", 13), "bold"),
            (set_cell_size(title, 20), style),
            (f"{took:>9}  ", "dim"),
            text,
        )
        self._console.print(line)
        self._progress.update(self._task, description=name, advance=act in {*STEPS, "waits"})

    def end(self, results: Sequence[End]) -> None:
        waits, failed = results.count("waits"), results.count("failed")
        if failed:
            text, style = f"{failed} 位客户没有走完 / {failed} did not get through", "bold red"
        elif waits:
            text, style = f"都已答复；{waits} 份邮件答复等待发信服务器", "bold yellow"
            text += f" / All were answered; {waits} answer(s) by mail wait for a relay"
        else:
            text, style = "每位客户都收到了答复 / Every customer has the answer", "bold green"
        self._console.print(text, style=style)


def _wall_clock() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]


# -- the acts --------------------------------------------------------------------------


async def _play_all(system: DemoSystem, console: Console) -> bool:
    results: list[End] = []
    with Stage(console) as stage:
        for customer in CUSTOMERS:
            try:
                results.append(await _accompany(customer, system, stage))
            except (DemoError, TimeoutError, OSError, aiosmtplib.SMTPException) as error:
                stage.tell(customer.name, "failed", str(error) or type(error).__name__)
                results.append("failed")
    stage.end(results)
    return "failed" not in results


class Delivery(NamedTuple):
    """What became of an answer, in a sentence."""

    end: End
    word: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that the system has acknowledged.

    ``at`` is when it was sent, on ``time.monotonic``. ``settled`` watches for the answer,
    given its id and why it waits, where it does.
    """

    envelope_id: str
    at: float
    word: str
    settled: Callable[[str, str | None], Awaitable[Delivery]]


async def _accompany(customer: Customer, system: DemoSystem, stage: Stage) -> End:
    """One customer, from the first word to the answer."""
    name, staff = customer.name, system.staff
    if customer.channel not in system.settings.channels:
        raise DemoError(f"渠道 {customer.channel} 未启用 / Channel {customer.channel} is not open")
    words = (customer.subject, customer.text)  # the labels' reasons may stand in either
    stage.tell(name, "sent", " · ".join(f"“{each}”" for each in words if each))
    door = _by_mail if customer.channel == "email" else _by_chat
    async with door(customer, system) as stored:
        stage.tell(name, "acknowledged", stored.word, stored.at)
        came = await staff.line.until(
            "message.in", lambda e: e["data"]["envelope"] == stored.envelope_id
        )
        await _tagged(came["ticket_id"], name, staff, stage, stored.at)
        agent_id = await _routed(came["ticket_id"], name, staff, stage, stored.at)
        reply = await _answer(came["ticket_id"], agent_id, staff)
        stage.tell(name, "answered", reply["text"], stored.at)
        delivery = await stored.settled(reply["id"], reply["delivery_problem"])
        stage.tell(name, delivery.end, delivery.word, stored.at)
        return delivery.end


async def _tagged(ticket_id: str, name: str, staff: Staff, stage: Stage, since: float) -> None:
    await staff.line.until("ticket.queued", lambda e: e["ticket_id"] == ticket_id)
    seen = await staff.ticket(ticket_id)
    stage.tell(name, "tagged", f"工单 ticket {seen['ticket']['number']}", since)
    for label in seen["labels"]:
        stage.tell(name, "", _label(label))


def _label(label: Json) -> str:
    """“类型 Type: 投诉 Complaint 93 %  ← 投诉 +1.9, 失望 +0.8”."""
    facet, value = label["facet_name"], label["value_name"]
    decided = [
        f"{reason['text']} {reason['weight']:+.1f}"
        for reason in label["reasons"]
        if reason["weight"] > 0
    ]
    doubt = "" if label["accepted"] else "（不确定，由人决定 / not sure, a person decides）"
    words = f"  ← {', '.join(decided[:_REASONS])}" if decided else ""
    return (
        f"{facet['zh']} {facet['en']}: {value['zh']} {value['en']} "
        f"{label['confidence']:.0%}{doubt}{words}"
    )


async def _routed(ticket_id: str, name: str, staff: Staff, stage: Stage, since: float) -> str:
    """Waits until somebody has the ticket; returns their id.

    Raises:
        DemoError: nobody took it in time; with the desk's own word why it waits.
    """
    try:
        event = await staff.line.until("ticket.assigned", lambda e: e["ticket_id"] == ticket_id)
    except DemoError as late:
        waits = (await staff.ticket(ticket_id))["waits"]
        if waits is None:
            raise
        raise DemoError(f"{waits['text']['zh']} / {waits['text']['en']}") from late
    agent_id = str(event["agent_id"])
    if agent_id not in staff.tokens:
        raise DemoError("工单给了刚来的人 / The ticket went to somebody who has just come")
    if event["data"]["state"] == "offered":
        await staff.ask(agent_id, "POST", f"tickets/{ticket_id}/accept")
    why = (await staff.ticket(ticket_id))["decisions"][-1]
    stage.tell(name, "routed", f"→ {why['agent']['name']}", since)
    stage.tell(name, "", why["text"]["zh"])
    stage.tell(name, "", why["text"]["en"])
    return agent_id


async def _answer(ticket_id: str, agent_id: str, staff: Staff) -> Json:
    """What the agent writes: made of the ticket, so that it shows what was understood."""
    seen = await staff.ticket(ticket_id)
    lang = "en" if seen["ticket"]["lang"].startswith("en") else "zh"
    names = {label["facet"]: label["value_name"][lang] for label in seen["labels"]}
    about = " / ".join(names[facet] for facet in ("domain", "type") if facet in names)
    agent, number = seen["ticket"]["owner"]["name"], seen["ticket"]["number"]
    text = {
        "zh": f"您好，我是{agent}。您的来信（{about}）由我处理，工单号 {number}。",
        "en": f"Hello, this is {agent}. I take care of your message ({about}), ticket {number}.",
    }[lang]
    body = {"text": text, "client_id": f"demo-{uuid4()}", "then": "resolved"}
    return await staff.ask(agent_id, "POST", f"tickets/{ticket_id}/reply", body) | {"text": text}


# -- the doors -------------------------------------------------------------------------


@asynccontextmanager
async def _by_mail(customer: Customer, system: DemoSystem) -> AsyncIterator[Stored]:
    message = EmailMessage()
    message["From"] = Address(customer.name, addr_spec=customer.address)
    message["To"] = system.mail.mailboxes[0].address
    message["Subject"] = customer.subject
    message["Message-ID"] = make_msgid(domain=customer.address.partition("@")[2])
    message.set_content(customer.text)
    at = time.monotonic()
    _, reply = await aiosmtplib.send(
        message,
        hostname=_reachable(system.mail.host),
        port=system.mail.port,
        start_tls=False,
        timeout=PATIENCE,
    )

    async def settled(outbound_id: str, problem: str | None) -> Delivery:
        if problem is not None:
            return Delivery("waits", problem)
        if system.relay is None:
            return await _settled(system.staff, outbound_id)
        letter = await system.relay.answer_to(message["Message-ID"], PATIENCE)
        return Delivery("delivered", f"新邮件 new mail “{letter['Subject']}”: {_body(letter)}")

    yield Stored(reply.rpartition(" ")[2], at, f"SMTP 250 {reply}", settled)


def _body(letter: EmailMessage) -> str:
    text = letter.get_body(("plain",))
    return "" if text is None else str(text.get_content()).strip()


async def _settled(staff: Staff, outbound_id: str) -> Delivery:
    """What the system itself says became of an answer that left for a relay."""
    final = {"sent", "delivered", "failed", "unknown"}
    event = await staff.line.until(
        "outbound.state",
        lambda e: e["data"]["outbound"] == outbound_id and e["data"]["state"] in final,
    )
    state = event["data"]["state"]
    if state in {"sent", "delivered"}:
        return Delivery("delivered", "已交给发信服务器 / The relay has taken it")
    return Delivery("failed", f"{state}: {event['data'].get('error', '')}")


@asynccontextmanager
async def _by_chat(customer: Customer, system: DemoSystem) -> AsyncIterator[Stored]:
    url = _url(system.settings.intake.host, system.settings.intake.port)
    async with (
        aiohttp.ClientSession(url) as http,
        # The page of our own server may chat: we come from there, as a browser would.
        http.ws_connect("/webchat/ws", headers={"Origin": url}) as ws,
    ):
        await ws.send_json({"type": "hello"})
        await _frame(ws, lambda frame: frame["type"] == "welcome")
        message = {"type": "msg", "client_id": str(uuid4()), "text": customer.text}
        at = time.monotonic()
        await ws.send_json(message)
        ack = await _frame(ws, lambda frame: frame["type"] == "ack")

        async def settled(outbound_id: str, _problem: str | None) -> Delivery:
            shown = await _frame(ws, lambda frame: frame.get("kind") == "reply")
            await ws.send_json({"type": "read", "seq": shown["seq"]})
            delivery = await _settled(system.staff, outbound_id)
            if delivery.end == "failed":
                return delivery
            return Delivery("delivered", f"聊天窗口 in the chat: {shown['text']}")

        yield Stored(ack["envelope_id"], at, f"✓ {ack['envelope_id']}", settled)


async def _frame(ws: aiohttp.ClientWebSocketResponse, wanted: Callable[[Json], bool]) -> Json:
    """The next frame that is ``wanted``.

    Raises:
        DemoError: the door refused what it was sent, or was shut.
        TimeoutError: it does not come.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            frame = await heard(ws)
            if frame["type"] in {"error", "retry"}:
                raise DemoError(str(frame["message"]))
            if wanted(frame):
                return frame
