// The lists: mine, waiting, what was found, and (for those who supervise) all.
import { pressureChips } from "./clocks.js";
import { foundBy, leaveBox, passage, searchBox, untold } from "./finding.js";
import { countdown, cut, h, has, keyed, moment, say, show, span, now, t } from "./dom.js";
import { call } from "./door.js";
import { isBegun } from "./drafts.js";

const PAGE = 100;
const LONGEST_NAME = 60; // characters of the first message, for a ticket without a subject

/** Reads pages of a list; ``more`` tells whether there is another one. */
async function pagesOf(query, most) {
  const tickets = [];
  let before = null;
  for (let page = 0; page < most; page++) {
    const found = await call("GET", `/tickets?${new URLSearchParams({ ...query, ...(before && { before }) })}`);
    tickets.push(...found.tickets);
    before = found.before;
    if (!before) break;
  }
  return { listed: tickets, more: Boolean(before) };
}

/** What the tab that is open lists: what waits by its due time, the rest with the newest first. */
export async function readList({ tab, pages }) {
  if (tab === "waiting") return pagesOf({ state: "waiting", order: "due", limit: PAGE }, pages);
  if (tab === "ended") return { listed: (await call("GET", "/queue/ended")).tickets, more: false };
  if (tab === "all") return pagesOf({ limit: PAGE }, pages);
  return {};
}

/** What it is about; the newest words stand below it, where they are others. */
export function title(ticket) {
  const named = ticket.subject || ticket.opening || ticket.preview;
  if (named) return named;
  const labels = ticket.labels.map((label) => say(label.value_name)).join(" · ");
  return labels || t("untitled");
}

/** The same of an open ticket, whose first message is here whole. */
export function nameOf({ ticket, messages }) {
  const first = messages.find((message) => message.ticket_id === ticket.id && message.side === "customer");
  return title({ ...ticket, opening: first && cut(first.text, LONGEST_NAME) });
}

export function channelName(channel) {
  return has(`channel.${channel}`) ? t(`channel.${channel}`) : channel;
}

/** When something is due on a ticket, or null. */
export function dueOf(ticket) {
  if (ticket.state === "offered" && ticket.offer_until) {
    return countdown(ticket.offer_until, { before: "offer.in", warn: 1e9 });
  }
  const open = ["waiting", "active", "helping"].includes(ticket.state);
  if (open && ticket.due_at && !ticket.first_answer_at) {
    return countdown(ticket.due_at, { before: "due.in", after: "due.over" });
  }
  if (ticket.next_answer_due_at) return countdown(ticket.next_answer_due_at, { before: "due.in", after: "due.over" });
  if (ticket.unanswered_since) return countdown(ticket.unanswered_since, { before: "due.waits", after: "due.waits" });
  return null;
}

export function stateTag(ticket, names) {
  return h(`span.tag.state-${ticket.state}`, null, say(names.states[ticket.state]));
}

/** Whether an answer is owed: then it is before those where the customer has the word. */
function owed(ticket, fresh) {
  return ticket.state === "offered" || !ticket.first_answer_at || ticket.unanswered_since || fresh.has(ticket.id);
}

/** What is to be answered: what is due first after ``done``; without it, what follows the open one. */
export function nextOf({ mine, fresh, openId }, done) {
  const from = done ? 0 : mine.findIndex((ticket) => ticket.id === openId) + 1;
  const turned = [...mine.slice(from), ...mine.slice(0, from)];
  const open = turned.filter((ticket) => ![done, openId].includes(ticket.id) && ["offered", "active"].includes(ticket.state));
  return open.find((ticket) => owed(ticket, fresh)) ?? open[0];
}

/** The neighbour of the open ticket in the list that is shown; the first where none is open. */
export function stepFrom(state, by) {
  const listed = state.tab === "mine" ? state.mine : state.listed;
  const at = listed.findIndex((ticket) => ticket.id === state.openId);
  return at < 0 ? listed[0] : listed[at + by];
}

/** ``others``: the list is everybody's, so that a ticket says whose it is. */
function card(ticket, { names, openId, open, fresh, others, begun }) {
  const current = ticket.id === openId;
  return h("li", null,
    h(`button.card${current ? ".current" : ""}${ticket.state === "offered" ? ".offered" : ""}`,
      { type: "button", "aria-current": current ? "true" : null, "data-ticket": ticket.id, onclick: () => open(ticket.id) },
      h("span.card-top", null,
        h("span.channel", null, channelName(ticket.channel)),
        stateTag(ticket, names),
        fresh.has(ticket.id) && h("span.dot", { "aria-label": t("new.message") }),
        h("span.spread", null),
        dueOf(ticket) ?? moment(ticket.updated_at)),
      h("span.card-title", { dir: "auto" }, title(ticket)),
      h("span.card-said", { dir: "auto" }, [ticket.customer || t("customer.unnamed"), title(ticket) !== ticket.preview && !ticket.passage && ticket.preview].filter(Boolean).join(" · ")),
      passage(ticket),
      h("span.card-labels", null,
        foundBy(ticket),
        begun && h("span.chip.draft", null, t("draft")),
        pressureChips(ticket),
        ticket.labels.map((label) =>
          h(`span.chip${label.accepted ? "" : ".unsure"}${label.value === "紧急" ? ".urgent" : ""}`, null,
            say(label.value_name) + (label.accepted ? "" : "?"))),
        others && ticket.owner && h("span.card-owner", null, ticket.owner.name))));
}

/** What has not been read is not said to be empty. */
function emptyText({ tab, me, unread, live, waiting }) {
  if (unread) return t(live ? "loading" : "list.away");
  if (tab !== "mine") return t(`empty.${tab}`);
  const ready = me.presence === "ready";
  return [t("empty.mine"), h("br"), t(ready ? "empty.mine.ready" : "empty.mine.away"),
    ready && waiting.total > 0 && [h("br"), t("empty.mine.others", { n: waiting.total })]];
}

/** Draws the list pane from the desk's state. */
export function drawQueue(pane, desk) {
  const { state } = desk;
  const tabs = ["mine", "waiting", "ended", ...(state.me.role === "agent" ? [] : ["all"])];
  const counts = state.counted ? { mine: state.mine.length, waiting: state.waiting.total } : {}; // before it is read there is no number, not 0
  show(pane.querySelector(".tabs"), [tabs, counts, state.tab], () =>
    tabs.map((tab) =>
      h(`button.tab${tab === state.tab ? ".current" : ""}`,
        { type: "button", "aria-pressed": String(tab === state.tab), "data-tab": tab, onclick: () => desk.chooseTab(tab) },
        t(`tab.${tab}`),
        counts[tab] !== undefined && h("span.count", null, String(counts[tab])))));
  const listed = state.tab === "mine" ? state.mine : state.listed;
  const others = state.tab === "all" || state.tab === "found";
  const { names, openId, fresh } = state;
  const items = listed.map((ticket) => {
    // Of the one that is open the words themselves are in sight.
    const begun = ticket.id !== openId && isBegun(`reply/${ticket.id}`);
    return {
      id: ticket.id, shows: [ticket, ticket.id === openId, fresh.has(ticket.id), others, begun],
      make: () => card(ticket, { names, openId, open: desk.open, fresh, others, begun }),
    };
  });
  if (state.tab === "found") items.unshift(...untold(desk));
  if (state.tab === "ended" && listed.length) items.unshift({ id: "count", shows: listed.length, make: () => h("li.told", null, t("ended.count", { n: listed.length })) });
  if (!items.length && state.tab !== "found") items.push({ id: "none", shows: [state.tab, state.unread, state.live, state.me.presence, state.waiting.total], make: () => h("li.empty", null, emptyText(state)) });
  if (state.tab !== "mine" && state.more) {
    const text = others ? t("list.more") : t("list.more.waiting", { n: Math.max(state.waiting.total - listed.length, 1) });
    items.push({ id: "more", shows: text, make: () => h("li.more-cards", null, h("button.quiet", { type: "button", onclick: () => desk.showMore() }, text)) });
  }
  keyed(pane.querySelector(".cards"), items);
  leaveBox(pane, state);
  const oldest = state.tab === "waiting" && state.waiting.oldest;
  const waited = oldest ? Math.floor((now() - oldest) / 60) : null;
  show(pane.querySelector(".oldest"), waited, () => (oldest ? [t("oldest", { time: span(now() - oldest) })] : []));
}

export function makeQueue(desk) {
  return h("nav.queue", { "aria-label": t("queues") },
    h("div.tabs", null),
    searchBox(desk),
    h("div.oldest", null),
    h("ul.cards", null));
}
