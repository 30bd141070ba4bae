"""Who a customer is elsewhere: joined on evidence, which is shown, and can be undone."""

from tempfile import SpooledTemporaryFile

from aiohttp import web

from desk import bodies, queries
from desk.auth import API, ID, who
from desk.copy_file import write_copy
from desk.errors import Refusal
from desk.masking import hidden
from desk.paging import page, told
from desk.services import SERVICES, Words
from desk.shapes import Json, customer_json
from desk.visibility import seen, touched
from desk.way_back import names_in_copy
from models.agent import Role
from models.errors import NotFound
from models.store.dialogue.customer_links import Link, Person
from models.store.tickets.handling import Ticket

_IN_MEMORY = 8 << 20
"""Bytes of a copy that need no file on the disk."""

_PART = 1 << 18


async def _person(request: web.Request) -> tuple[Ticket, Person]:
    """Whoever works on a ticket, or supervises, sees the whole customer."""
    ticket = await touched(request)
    return ticket, await request.app[SERVICES].store.customer_links.person(ticket.customer_id)


async def show(request: web.Request) -> web.Response:
    ticket, person = await _person(request)
    store = request.app[SERVICES].store
    senders = await store.people.senders([identity_id for identity_id, _ in person.identities])
    return web.json_response(
        {
            "identities": [
                {"id": identity_id, "channel": channel}
                | _without_block(customer_json(senders.get(identity_id), False))
                for identity_id, channel in person.identities
            ],
            "links": [_link_json(link) for link in person.links],
            "conversations": [
                {
                    "id": conversation.id,
                    "channel": conversation.channel,
                    "identity": conversation.identity_id,
                    "subject": hidden(conversation.subject, request.app[SERVICES].spans),
                    "tickets": [
                        {"id": ticket_id, "number": number, "state": state}
                        for ticket_id, number, state in conversation.tickets
                    ],
                }
                for conversation in person.conversations
                if conversation.id != ticket.conversation_id
            ],
        }
    )


def _without_block(shown: Json) -> Json:
    return {name: value for name, value in shown.items() if name != "blocked"}


def _link_json(link: Link) -> Json:
    """The evidence, its value masked: enough to judge, not to copy."""
    return {
        "id": link.id,
        "kind": link.kind,
        "value": link.evidence["value"],
        "at": link.at,
        "proofs": [
            {"identity": proof["identity"], "method": proof["method"]}
            for proof in link.evidence["proofs"]
        ],
    }


async def conversation(request: web.Request) -> web.Response:
    """What was said in another conversation of the same customer, to read; written down."""
    ticket, person = await _person(request)
    services, wanted = request.app[SERVICES], request.match_info["conversation"]
    asked = queries.read(request, queries.After)
    if wanted not in {conversation.id for conversation in person.conversations}:
        raise NotFound("no such conversation of this customer")
    store = services.store
    async with store.db.write() as tx:
        await tx.audit(who(request).id, "customer.read", ticket.id, conversation=wanted)
    log, next_after = await page(store, wanted, asked.after)
    authors = [entry.identity_id for entry in log if entry.identity_id is not None]
    senders, names = await store.people.senders(authors), await services.store.agents.names()
    way = await store.ways_back.of(wanted)
    return web.json_response(
        {
            "messages": await told(
                log,
                senders=senders,
                names=names,
                waits_because=None,
                find=services.spans,
                in_copy=names_in_copy(way.cc),
            ),
            "next_after": next_after,
        }
    )


async def undo(request: web.Request) -> web.Response:
    _, person = await _person(request)
    wanted = request.match_info["link"]
    if wanted not in {link.id for link in person.links}:
        raise NotFound("no such link of this customer")
    await request.app[SERVICES].store.customer_links.undo(wanted, who(request).id)
    return web.json_response({"undone": True})


async def copy(request: web.Request) -> web.StreamResponse:
    """All that is kept of the customer, unmasked; who took it is written down first."""
    person, ticket = who(request, Role.ADMIN), await seen(request)
    services = request.app[SERVICES]
    found = await services.store.copies.of(ticket.customer_id)
    await services.store.copies.handed_out(ticket.customer_id, person.id, ticket.id)
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        await write_copy(found, services.store.blobs, services.zone, file)
        file.seek(0)
        named = f'attachment; filename="customer-{ticket.number}.zip"'
        response = web.StreamResponse(headers={"Content-Disposition": named})
        response.content_type = "application/zip"
        await response.prepare(request)
        while part := file.read(_PART):
            await response.write(part)
        await response.write_eof()
    return response


async def erase(request: web.Request) -> web.Response:
    """For good, so the number of the ticket is typed."""
    person, ticket = who(request, Role.ADMIN), await seen(request)
    asked = await bodies.read(request, bodies.EraseCustomer)
    if asked.confirm.strip() != ticket.number:
        words = Words(
            "工单号不符，什么也没有抹除。",
            "That is not the number of this ticket; nothing was erased.",
        )
        raise Refusal(422, "invalid_field", words, field="confirm")
    store = request.app[SERVICES].store
    despite = asked.despite.strip()
    erased = await store.erasure.erase(ticket.customer_id, person.id, asked.why, despite)
    return web.json_response({"at": erased.at, "tickets": list(erased.tickets)})


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}/customer"
    return [
        web.get(one, show),
        web.get(f"{one}/conversations/{{conversation:{ID}}}", conversation),
        web.get(f"{one}/copy", copy),
        web.post(f"{one}/erase", erase),
        web.post(f"{one}/links/{{link:{ID}}}/undo", undo),
    ]
