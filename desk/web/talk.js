// The conversation: what both sides said, what became of our answers, and what one does with it.
import { ask, h, keyed, moment, notice, once, pressed, say, show, span, t } from "./dom.js";
import { hands, LIFE, offerText } from "./life.js";
import { call } from "./door.js";
import { fileRow } from "./files.js";
import { copied, hides, revealLink } from "./keys.js";
import { channelName, dueOf, nameOf, stateTag, title } from "./queue.js";
import { makeReply, readUpTo, TOUCH } from "./reply.js";
import { stayAtEnd } from "./scroll.js";
import { wayBack } from "./slips.js";

const TYPED_MS = 5000; // how long we believe that the customer does

// -- messages -----------------------------------------------------------------------

function unfold(words, make) {
  const place = h("div", null);
  const button = h("button.link", { type: "button", "aria-expanded": "false", onclick: () => {
    const open = button.getAttribute("aria-expanded") === "true";
    place.replaceChildren(...(open ? [] : [make()]));
    button.setAttribute("aria-expanded", String(!open));
  } }, words);
  return { button, place };
}

/** Endings of originals that a program on a person's computer opens: those get a link. */
const OPENED = new Set(["eml"]);

function theirTools(desk, ticket, message) {
  const base = `/api/v1/tickets/${ticket.id}/messages/${message.id}`;
  const folds = [];
  if (message.text_full) folds.push(unfold(t("message.full"), () => h("pre.full", null, message.text_full)));
  if (message.earlier.length > 0) {
    folds.push(unfold(t("message.earlier", { n: message.earlier.length }), () =>
      h("ol.earlier", null, message.earlier.map((version) =>
        h("li", null, moment(version.at), h("del", null, version.text))))));
  }
  if (message.has_html) {
    folds.push(unfold(t("message.html"), () =>
      h("iframe.formatted", { sandbox: true, src: `${base}/html`, title: t("message.html.title"), loading: "lazy" })));
  }
  const raw = OPENED.has(message.original) && h("a.link", { href: `${base}/raw`, download: true }, t("message.raw"));
  return [
    fileRow(ticket.id, message),
    (folds.length > 0 || raw || hides(message)) && h("div.tools", null,
      hides(message) && revealLink(desk, ticket, message), folds.map((fold) => fold.button), raw),
    folds.map((fold) => fold.place),
  ];
}

/** Answers behind one that is tried again: they leave in their order, so that the customer reads them in it. */
function heldBack(messages) {
  const ours = messages.filter((message) => message.side === "us");
  const tried = ours.findIndex((message) => message.error && ["queued", "sending"].includes(message.state));
  return new Set(tried < 0 ? [] : ours.slice(tried + 1).filter((message) => message.state === "queued").map((message) => message.id));
}

function fate(desk, ticket, message, held) {
  const decide = once((action) => desk.act(() =>
    call("POST", `/tickets/${ticket.id}/answers/${message.id}/decide`, { action })));
  const open = ["unknown", "failed"].includes(message.state);
  return [
    h("div.fate", null, h(`span.mark.mark-${message.state}`, null, t(`state.${message.state}`))),
    message.waits_because && h("p.why-waits", null, say(message.waits_because)),
    message.error && h("p.why-waits", null, say(message.error)),
    held && !message.waits_because && !message.error && h("p.why-waits", null, t("state.queued.behind")),
    open && h("div.tools", null,
      h("button.link", { type: "button", onclick: () => decide("resend") }, t("decide.resend")),
      h("button.link", { type: "button", onclick: () => decide("sent") }, t("decide.sent"))),
  ];
}

function bubble(desk, { ticket, erased_at: erased }, message, held) {
  const ours = message.side === "us";
  const author = message.author || t(ours ? (message.kind === "reply" ? "us" : "automatic") : "customer");
  const tags = [
    ["edit", "ack", "notice"].includes(message.kind) && t(`kind.${message.kind}`),
    message.earlier.length > 0 && t("kind.edit"),
    message.auto !== "none" && t(`auto.${message.auto}`),
  ].filter(Boolean);
  return h(`li.message.${ours ? "ours" : "theirs"}${message.quarantined ? ".quarantined" : ""}${ours && message.kind !== "reply" ? ".automatic" : ""}`,
    { "data-message": message.id },
    h("div.byline", null, h("strong", null, author), tags.map((tag) => h("span.tag", null, tag)), moment(message.at)),
    hands(message),
    erased !== null && !message.text
      ? h("div.bubble.withdrawn", null, t("message.erased"), " ", moment(erased))
      : message.withdrawn_at
      ? h("div.bubble.withdrawn", null, t("message.withdrawn"), " ", moment(message.withdrawn_at))
      : (message.text || !message.attachments.length) && h("div.bubble", { dir: "auto" }, message.text),
    ours
      ? [fileRow(ticket.id, message), fate(desk, ticket, message, held)]
      : theirTools(desk, ticket, message));
}

/** Draws the log: a message that has not changed keeps its element, unfolded or not. */
function drawLog(list, desk, view) {
  const held = heldBack(view.messages);
  keyed(list, view.messages.map((message) => {
    const waits = held.has(message.id);
    return { id: message.id, shows: [message, waits], make: () => bubble(desk, view, message, waits) };
  }));
}

// -- moves --------------------------------------------------------------------------

async function decline(desk, ticket) {
  const field = h("label.field", null, t("ask.decline.reason"),
    h("input", { name: "reason", required: true, maxlength: "500", placeholder: t("ask.decline.placeholder") }));
  await ask({
    title: t("ask.decline"), fields: [field], submit: t("do.decline"), danger: true,
    send: (said) => call("POST", `/tickets/${ticket.id}/decline`, { reason: said.get("reason") }),
  });
}

async function transfer(desk, ticket) {
  const { agents } = await call("GET", "/agents");
  const { names, me } = desk.state;
  const ready = (agent) => agent.presence === "ready";
  const people = agents.filter((agent) => agent.id !== me.id).sort((one, other) => ready(other) - ready(one));
  // Nothing is chosen for them: whoever only presses Enter would give it back, and not get it again.
  const choice = h("select", { name: "to", required: true },
    h("option", { value: "", disabled: true, selected: true, hidden: true }, t("ask.transfer.choose")),
    h("option", { value: "queue" }, t("ask.transfer.queue")),
    h("optgroup", { label: t("ask.transfer.agents") }, people.map((agent) =>
      h("option", { value: `agent/${agent.id}`, disabled: !ready(agent) },
        `${agent.name}（${say(names.presences[agent.presence])} ${agent.used}/${agent.capacity}）`))),
    h("optgroup", { label: t("ask.transfer.skills") }, names.skills.map((skill) =>
      h("option", { value: `skill/${skill}` }, desk.skillName(skill)))));
  await ask({
    title: t("ask.transfer"), text: t("ask.transfer.text"),
    fields: [
      h("label.field", null, t("ask.transfer.to"), choice),
      h("label.field", null, t("ask.transfer.note"), h("textarea", { name: "note", rows: "3", maxlength: "500" })),
    ],
    submit: t("do.transfer"),
    send: (said) => {
      const [kind, ...rest] = said.get("to").split("/");
      const body = { note: said.get("note") };
      if (rest.length) body[kind] = rest.join("/");
      return call("POST", `/tickets/${ticket.id}/transfer`, body);
    },
  });
}

async function junk(desk, ticket) {
  const block = h("label.check", null, h("input", { type: "checkbox", name: "block" }), t("ask.junk.block"));
  const read = readUpTo(desk); // before the question: what comes while it stands is not read
  await ask({
    title: t("ask.junk"), text: t("ask.junk.text"), fields: [block], submit: t("do.junk"), danger: true,
    send: async (said) => {
      await call("POST", `/tickets/${ticket.id}/junk`, read);
      if (said.get("block")) await call("POST", `/tickets/${ticket.id}/block`);
    },
  });
}

async function snooze(desk, ticket) {
  const choices = [900, 3600, 4 * 3600, 86400, 3 * 86400];
  const field = h("label.field", null, t("ask.snooze.for"),
    h("select", { name: "seconds" }, choices.map((seconds) => h("option", { value: seconds }, span(seconds)))));
  const read = readUpTo(desk);
  return await ask({
    title: t("ask.snooze"), text: t("ask.snooze.text"), fields: [field], submit: t("do.snooze"),
    send: (said) => call("POST", `/tickets/${ticket.id}/snooze`, { seconds: Number(said.get("seconds")), ...read }),
  }) && await onward(desk, ticket, "snooze");
}

/** Told which one it was: the next one is open at once, and may look alike. */
async function onward(desk, ticket, action) {
  const mine = ticket.owner?.id === desk.state.me.id;
  notice(t(`done.${action}`, { number: ticket.number }), "good", mine && action === "resolve" && wayBack(desk, ticket.id));
  if (mine) await desk.next(ticket.id);
}


async function pend(desk, ticket) {
  await call("POST", `/tickets/${ticket.id}/pend`, readUpTo(desk));
  await onward(desk, ticket, "pend");
}

/** A customer whom nobody has answered hears nothing when it ends: that is asked about first. */
async function resolve(desk, ticket) {
  const read = readUpTo(desk); // before the question: what comes while it stands is not read
  const send = () => call("POST", `/tickets/${ticket.id}/resolve`, read);
  if (ticket.first_answer_at !== null) await send();
  else if (!await ask({ title: t("ask.resolve"), text: t("ask.resolve.text"), submit: t("do.resolve"), send })) return;
  await onward(desk, ticket, "resolve");
}

/** What puts a ticket into one's own hands. */
const TAKES = ["accept", "take", "retake", "receive"];

const ASKED = { decline, transfer, snooze, junk, pend, resolve, ...LIFE };

/** What one has just taken one answers next: where that raises no keyboard over what was said, they begin. */
async function taken(desk, ticket) {
  await desk.readTicket();
  desk.draw();
  if (desk.state.openId === ticket.id && !TOUCH.matches) document.querySelector(".reply:not([hidden]) #reply-text")?.focus();
}

function moveButton(desk, ticket, action, look = "") {
  const go = ASKED[action] ?? (() => call("POST", `/tickets/${ticket.id}/${action}`));
  const move = TAKES.includes(action)
    ? () => (desk.opening = desk.act(async () => { await go(desk, ticket); await taken(desk, ticket); }))
    : () => desk.act(() => go(desk, ticket));
  return h(`button${look}`, { type: "button", "data-do": action, onclick: pressed(move) }, t(`do.${action}`));
}

// A menu that is open closes by a press anywhere else.
document.addEventListener("pointerdown", (event) => {
  for (const menu of document.querySelectorAll("details.more[open]")) menu.open = menu.contains(event.target);
});

function fold(menu) {
  menu.open = false;
  menu.querySelector("summary").focus();
}

const SELDOM = ["return", "merge", "unmerge", "split", "close", "reopen", "junk", "unjunk"];

/** What is done seldom, out of the way of what is done all day. */
function more(desk, ticket, actions) {
  const seldom = SELDOM.filter((action) => actions.includes(action));
  if (!seldom.length) return null;
  const menu = h("details.more", { onkeydown: (event) => { if (event.key === "Escape") fold(menu); } },
    h("summary", null, t("moves.more")),
    h("div.menu", null, seldom.map((action) => moveButton(desk, ticket, action, ".quiet"))));
  // Before the button does its work: a dialog gives the focus back to where it was.
  menu.addEventListener("click", (event) => { if (event.target.closest("button")) fold(menu); }, true);
  return menu;
}

/** What the list knows of a ticket, until it is read: over a slow line that takes a while. */
function expected(desk, ticketId) {
  const { mine, listed } = desk.state;
  const known = [...mine, ...listed].find(({ id }) => id === ticketId);
  return [
    backButton(desk),
    h("div.head-text", null, h("h1", { tabindex: "-1", dir: "auto" }, known ? title(known) : t("loading"))),
  ];
}

function backButton(desk) {
  return h("button.back.quiet", { type: "button", "aria-label": t("back"), onclick: () => desk.look("list") }, "‹");
}

function drawHead(head, desk, view) {
  const { ticket, actions } = view;
  const name = nameOf(view);
  show(head, [ticket, actions, desk.state.names.states, name], () => [
    backButton(desk),
    h("div.head-text", null,
      h("h1", { tabindex: "-1", title: name, dir: "auto" }, name),
      h("p.head-line", null,
        stateTag(ticket, desk.state.names),
        dueOf(ticket),
        h("span", null, channelName(ticket.channel)),
        h("button.link.number", { type: "button", title: t("number.copy"), onclick: () => desk.act(() => copied(ticket.number), { quiet: true }) },
          t("number", { number: ticket.number })))),
    h("div.moves", null,
      ["transfer", "withdraw", "pend", "snooze", "help", "resume", "resolve"].filter((a) => actions.includes(a)).map((a) =>
        moveButton(desk, ticket, a, ".quiet")),
      more(desk, ticket, actions)),
    h("button.quiet.to-facts", { type: "button", onclick: () => desk.look("facts") }, t("facts.show")),
  ]);
}

function barText({ ticket, actions }, desk) {
  if (ticket.transfer) return offerText(desk, ticket);
  if (actions.includes("accept")) return t("bar.offered");
  const free = { waiting: "bar.waiting", pending: "bar.pending", snoozed: "bar.snoozed" }[ticket.state];
  if (actions.includes("take") && free) return t(free);
  if (ticket.owner && ticket.owner.id !== desk.state.me.id && ["active", "offered", "pending"].includes(ticket.state)) {
    return t("bar.other", { name: ticket.owner.name });
  }
  return t("bar.ended", { state: say(desk.state.names.states[ticket.state]) });
}

function drawBar(bar, desk, view) {
  const { ticket, actions } = view;
  bar.hidden = actions.includes("reply") && !ticket.transfer;
  show(bar, [ticket.id, ticket.state, ticket.owner, ticket.transfer, actions], () => [
    h("p", null, barText(view, desk)),
    h("div.row", null,
      actions.includes("decline") && moveButton(desk, ticket, "decline", ".quiet"),
      actions.includes("refuse") && moveButton(desk, ticket, "refuse", ".quiet"),
      actions.includes("receive") && moveButton(desk, ticket, "receive", ".primary"),
      actions.includes("retake") && moveButton(desk, ticket, "retake", ".primary"),
      actions.includes("accept") && moveButton(desk, ticket, "accept", ".primary"),
      // Who is offered it receives it: taking it away from the other as well would be asking twice.
      actions.includes("take") && !actions.includes("receive") && moveButton(desk, ticket, "take", ".primary")),
  ]);
}

/** Tells that the messages are in sight of the one who has the ticket. */
function makeSeen(desk, ticketId) {
  let told = 0;
  return (view) => {
    const theirs = view.messages.filter((message) => message.side === "customer").at(-1)?.seq ?? 0;
    const mine = view.ticket.owner?.id === desk.state.me.id && view.ticket.lane === "live";
    if (!mine || theirs <= told || document.visibilityState !== "visible") return;
    told = theirs;
    call("POST", `/tickets/${ticketId}/seen`, { seq: theirs }).catch(() => { told = 0; });
  };
}

/** The pane for one ticket; draw(view) shows what is new in it. */
export function makeTalk(desk, ticketId) {
  const head = h("header.head", null);
  const list = h("ol.log", null);
  const problem = h("p.problem", { hidden: true, role: "note" });
  const bar = h("div.bar", { hidden: true });
  const writes = h("p.writes", { "aria-live": "polite" });
  const reading = h("p.empty", { role: "status" }, t("loading"));
  const scroller = h("div.scroll", { tabindex: "0", role: "group", "aria-label": t("talk.log") }, reading, list);
  const end = stayAtEnd(scroller, list);
  const seen = makeSeen(desk, ticketId);
  let quiet;
  const reply = makeReply(desk, ticketId, end.follow);
  reply.hidden = true;
  const pane = h("section.talk", { "aria-label": t("talk.show"), id: "talk" },
    head, scroller, end.button, writes, problem, bar, reply);
  pane.typing = () => {
    writes.textContent = t("typing");
    clearTimeout(quiet);
    quiet = setTimeout(() => { writes.textContent = ""; }, TYPED_MS);
  };
  show(head, ticketId, () => expected(desk, ticketId));
  pane.unread = () => { reading.textContent = t("talk.unread"); };
  pane.draw = (view) => {
    reading.remove();
    seen(view);
    drawHead(head, desk, view);
    const said = view.messages.some((message) => message.waits_because);
    const waits = said ? "" : say(view.delivery_problem);
    const to = view.answers_to && t("answers.to", { address: view.answers_to });
    problem.textContent = [waits, say(view.reply_doubt), to].filter(Boolean).join(" ");
    problem.hidden = !problem.textContent || !view.actions.includes("reply");
    drawBar(bar, desk, view);
    reply.hidden = !view.actions.includes("reply");
    reply.draw(view);
    drawLog(list, desk, view);
  };
  return pane;
}
