// The ends of a ticket and the ways back, transfers on offer, and two tickets that are one.
import { ask, countdown, cut, h, moment, notice, say, t } from "./dom.js";
import { call, newId, Refused } from "./door.js";
import { fileRow } from "./files.js";
import { channelName, title } from "./queue.js";
import { makeCc, readUpTo } from "./reply.js";

const unfolded = new Set(); // ids of merged tickets whose messages are shown
const folded = new Map(); // what the customer had said last in those that were folded by hand
const OPEN = ["new", "waiting", "active", "pending", "snoozed", "helping"]; // what a ticket is merged into
const LONGEST = 60; // characters of a message in a list of choices

const reasoned = (action, path = action, more = () => ({})) => (desk, ticket) => {
  const known = more(desk); // before the question: what comes while it stands is not read
  return ask({
    title: t(`ask.${action}`), text: t(`ask.${action}.text`),
    fields: [h("label.field", null, t("ask.decline.reason"), h("input", { name: "reason", required: true, maxlength: "500" }))],
    submit: t(`do.${action}`),
    send: (said) => call("POST", `/tickets/${ticket.id}/${path}`, { reason: said.get("reason"), ...known }),
  });
};

async function help(desk, ticket) {
  const note = h("textarea", { name: "note", rows: "3", maxlength: "500" });
  await ask({
    title: t("ask.help"), text: t("ask.help.text"),
    fields: [h("label.field", null, t("ask.help.note"), note)], submit: t("do.help"),
    send: (written) => call("POST", `/tickets/${ticket.id}/help`, { note: written.get("note") }),
  });
}

async function close(desk, ticket) {
  await ask({
    title: t("ask.close"), text: t("ask.close.text"), submit: t("do.close"),
    send: () => call("POST", `/tickets/${ticket.id}/close`),
  });
}

/** The open tickets of the same customer, in this conversation and others: it is one of these as a rule. */
async function ofTheSame({ view: { ticket, related }, mine }) {
  const { conversations } = await call("GET", `/tickets/${ticket.id}/customer`);
  const talks = [{ ...ticket, tickets: related }, ...conversations];
  return talks.flatMap(({ channel, subject, tickets }) =>
    tickets.filter(({ state }) => OPEN.includes(state)).map((other) => {
      const known = mine.find((each) => each.id === other.id);
      return { ...other, called: known ? title(known) : subject || channelName(channel) };
    }));
}

async function merge(desk, ticket) {
  const same = await ofTheSame(desk.state);
  const others = desk.state.mine.filter((other) => other.id !== ticket.id && other.state !== "offered");
  const input = h("input", { name: "into", required: true, inputmode: "numeric", maxlength: "36", list: "merge-into" });
  const choose = (number) => {
    input.value = number;
    input.dispatchEvent(new Event("input", { bubbles: true })); // kept with what is typed
  };
  const theirs = same.length > 0 && h("div.choices", { role: "group", "aria-label": t("ask.merge.same") },
    h("p.small", null, t("ask.merge.same")),
    same.map((other) => h("button.link.related", { type: "button", onclick: () => choose(other.number) },
      [other.number, other.called, say(desk.state.names.states[other.state])].join(" · "))));
  const known = h("datalist", { id: "merge-into" }, others.map((other) => h("option", { value: other.number }, [other.customer, title(other)].filter(Boolean).join(" · "))));
  await ask({
    title: t("ask.merge"), text: t("ask.merge.text"),
    fields: [theirs, h("label.field", null, t("ask.merge.into"), input), known].filter(Boolean), submit: t("do.merge"),
    send: (said) => call("POST", `/tickets/${ticket.id}/merge`, { into: said.get("into").trim() }),
  });
}

async function split(desk, ticket) {
  const own = desk.state.view.messages.filter((message) =>
    message.side === "customer" && message.kind === "message" && message.ticket_id === ticket.id && !message.withdrawn_at);
  const boxes = own.map((message) => h("label.check", null,
    h("input", { type: "checkbox", name: "messages", value: message.id }),
    h("span", null, cut(message.text, LONGEST) || t("untitled"), " ", moment(message.at))));
  await ask({
    title: t("ask.split"), text: t("ask.split.text"), fields: [h("div.choices", null, boxes)], submit: t("do.split"),
    send: async (said) => {
      const messages = said.getAll("messages");
      if (!messages.length) throw new Refused(0, { code: "empty", message: t("split.none") });
      const made = await call("POST", `/tickets/${ticket.id}/split`, { messages });
      notice(t("split.done", { number: made.number }));
    },
  });
}

/** Moves that ask something first, or have another path than their name. */
export const LIFE = {
  help, close, merge, split,
  return: reasoned("return", "return", readUpTo),
  reopen: reasoned("reopen"),
  refuse: reasoned("refuse", "transfer/decline"),
  receive: (_desk, ticket) => call("POST", `/tickets/${ticket.id}/transfer/accept`),
  withdraw: (_desk, ticket) => call("POST", `/tickets/${ticket.id}/transfer/withdraw`),
};

/** What is on offer, to whom and for how long; null when nothing is. */
export function offerText(desk, { transfer }) {
  if (!transfer) return null;
  const to = transfer.to?.name ?? desk.skillName(transfer.skill);
  const mine = transfer.from.id === desk.state.me.id;
  return [
    t(mine ? "bar.offering" : "bar.offeredby", { name: mine ? to : transfer.from.name }),
    transfer.note && t("mark.quoted", { text: transfer.note }), " ",
    countdown(transfer.until, { before: "offer.left", warn: 60 }),
  ];
}

/** The tickets that this one is bound to; what was said in those merged into it. */
export function linked(desk, { links, ticket, actions }) {
  const line = (kind) => links[kind] && h("p", null, t(`links.${kind}`), " ", other(desk, links[kind]));
  const rows = ["merged_into", "split_from", "predecessor"].map(line);
  return [...rows, links.parts.map((part) => partBox(desk, ticket, part, actions))].flat().filter(Boolean);
}

function other(desk, bound) {
  return h("button.link.related", { type: "button", onclick: () => desk.open(bound.id) },
    `${bound.number} · ${say(desk.state.names.states[bound.state])}`);
}

/** Through whose hands a message goes: who else has it, and what to think of who sent it. */
export function hands(message) {
  const names = (known) => known.join(t("also.and"));
  const flags = [
    message.quarantined && t(message.in_copy ? "in.copy" : "quarantined"),
    message.trust === "failed" && t("trust.failed"),
    message.encrypted && t("encrypted"),
    message.answers_elsewhere && t("answers.elsewhere", { address: message.answers_elsewhere }),
  ].filter(Boolean);
  return [
    message.also_to.length > 0 && h("p.small", null, t("also.to", { names: names(message.also_to) })),
    message.cc.length > 0 && h("p.small", null, t("cc.to", { names: names(message.cc) })),
    flags.map((flag) => h("p.flag", { role: "note" }, flag)),
  ];
}

/** The number of the customer's last word since it was merged; 0 without one. */
function lastWord(ticket, { messages }) {
  const theirs = messages.filter((message) => message.side === "customer" && message.ticket_id === ticket.id);
  return theirs.at(-1)?.seq ?? 0;
}

/** What was said in a merged ticket. A new word of the customer stands open: who sets the ticket down has read it. */
function partBox(desk, ticket, part, actions) {
  const answer = actions.includes("reply") && part.elsewhere && h("button.link", { type: "button", onclick: () => reply(desk, ticket, part) }, t("links.reply"));
  const open = h("button.link", { type: "button", onclick: () => desk.open(part.id) }, t("links.open"));
  const undo = h("button.link", { type: "button", onclick: () => desk.act(() => call("POST", `/tickets/${part.id}/unmerge`)) }, t("do.unmerge"));
  const word = lastWord(ticket, part);
  const keep = (event) => {
    unfolded[event.target.open ? "add" : "delete"](part.id);
    if (!event.target.open) folded.set(part.id, word);
  };
  return h("details.part", { open: unfolded.has(part.id) || word > (folded.get(part.id) ?? 0), ontoggle: keep },
    h("summary", null, t("links.part"), ` ${part.number} · ${channelName(part.channel)}`),
    h("ol.part-log", null, part.messages.map((message) => h("li", null,
      h("p.small", null, h("strong", null, message.author || t(message.side === "us" ? "us" : "customer")), " ", moment(message.at)),
      hands(message),
      (message.withdrawn_at || message.text || !message.attachments.length) &&
        h("div.bubble", { dir: "auto" }, message.withdrawn_at ? t("message.withdrawn") : message.text),
      fileRow(part.id, message)))),
    h("div.tools", null, answer, open, undo));
}

async function reply(desk, ticket, part) {
  const id = newId();
  const text = h("textarea", { name: "text", rows: "4", required: true, maxlength: "20000" });
  const cc = makeCc({}); // of this part: its customer has put others in copy than that of the ticket
  cc.show(part.cc);
  await ask({
    title: t("links.reply.title", { channel: channelName(part.channel) }),
    fields: [h("label.field", null, t("reply.label"), text), cc.place], submit: t("reply.send"),
    send: (said) => call("POST", `/tickets/${ticket.id}/reply`, { text: said.get("text"), client_id: id, part: part.id, cc: cc.chosen() }),
  });
  desk.refresh({ queue: true, ticket: true });
}
