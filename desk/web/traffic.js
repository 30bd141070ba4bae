// The admins' page of what came in and went out: what could not be processed, what could not be delivered.
import { anew, attempt, h, moment, notice, once, say, sizeText, t } from "./dom.js";
import { call } from "./door.js";
import { entry } from "./panes.js";
import { channelName } from "./queue.js";
import { webhooksPanel } from "./webhooks.js";

const STATES = ["trouble", "failed", "unknown", "waiting", "queued", "sending", "sent", "delivered", "all"];
const IN_TROUBLE = ["failed", "unknown"]; // only a person brings these on
const AT_ONCE = 30;
const PAGE = 500; // parked ones that the server tells at once
const REPLAYED = 100; // that it takes at once

/** The page; it is read again after each thing that is done in it. */
export function makeTraffic(desk) {
  const page = h("main.bundles", { tabindex: "-1" });
  const look = { parked: AT_ONCE, state: "trouble", shown: AT_ONCE, hook: null, tests: {}, events: "failed", eventsShown: AT_ONCE };
  const opened = new Set(); // deliveries whose attempts are shown
  let left = false;

  async function read() {
    const [parked, deliveries, webhooks] = await Promise.all([readParked(look.parked), readDeliveries(look), call("GET", "/webhooks")]);
    const events = webhooks.webhooks.some(({ id }) => id === look.hook) ? await readEvents(look) : null;
    if (!left) draw({ parked, deliveries, ...webhooks, events });
  }

  // Work that says false has left all as it was.
  const act = (work) => attempt(desk, async () => {
    if (await work() !== false) await read();
  });
  const tools = { desk, act, look, opened };

  function draw(known) {
    anew(page, heading(desk, tools), h("div.figures", null,
      parkedPanel(known.parked, tools), deliveriesPanel(known.deliveries, tools), webhooksPanel(known, tools)));
  }

  const first = h("p.empty", { role: "status" }, t("loading"));
  page.append(heading(desk, tools), first);
  page.leave = () => { left = true; };
  page.hear = (events) => { if (events.some((event) => event.kind === "envelope.parked")) attempt(desk, read); };
  attempt(desk, () => read().catch((refused) => {
    first.textContent = refused.status === 403 ? refused.message : t("traffic.unread");
    throw refused;
  }));
  return page;
}

function heading(desk, { act }) {
  return h("header.bundles-head", null,
    h("h1", null, t("traffic.title")), h("span.spread", null),
    h("button.quiet", { type: "button", onclick: once(() => act(() => {})) }, t("traffic.again")),
    h("button.quiet.to-tickets", { type: "button", onclick: () => desk.closePage() }, t("bundles.back")));
}

// -- what came in and could not be processed ------------------------------------------

/** The oldest of them, as many as are asked for, and how many there are in all. */
async function readParked(most) {
  const found = { parked: [], total: 0, next_after: "" };
  while (found.next_after !== null && found.parked.length < most) {
    const asked = { limit: String(Math.min(PAGE, most - found.parked.length)), ...(found.next_after && { after: found.next_after }) };
    const page = await call("GET", `/parked?${new URLSearchParams(asked)}`);
    Object.assign(found, page, { parked: [...found.parked, ...page.parked] });
  }
  return found;
}

function parkedPanel({ parked, total }, { act, look }) {
  const replay = async (ids) => {
    let sum = 0;
    for (let at = 0; at < ids.length; at += REPLAYED) {
      const { replayed } = await call("POST", "/parked/replay", { ids: ids.slice(at, at + REPLAYED) });
      sum += replayed;
    }
    notice(t("parked.replayed", { n: sum }));
  };
  // Those that are there now: what fails again meanwhile is not tried without end.
  const all = async () => replay((await readParked(Infinity)).parked.map(({ id }) => id));
  return h("section.panel", { "aria-labelledby": "parked-title" },
    h("div.row", null, h("h2", { id: "parked-title" }, t("parked.title"), " ", h("small", null, String(total))), h("span.spread", null),
      total > 1 && h("button.quiet", { type: "button", onclick: once(() => act(all)) }, t("parked.replay.all"))),
    h("p.small", null, t("parked.text")),
    parked.length
      ? h("ul.traffic", null, parked.map((one) => entry(
        [moment(one.received_at), h("span.tag", null, channelName(one.channel)), one.account, " · ", one.size < 0 ? t("parked.large") : sizeText(one.size)],
        [h("p", null, say(one.problem)), one.error && h("details", null, h("summary.small", null, t("parked.technical")), h("pre.full", null, one.error))],
        [h("button.primary", { type: "button", "data-replay": one.id, onclick: once(() => act(() => replay([one.id]))) }, t("parked.replay")),
          h("a.link", { href: `/api/v1/parked/${one.id}/raw`, download: "" }, t("parked.raw"))])))
      : h("p.empty", null, t("parked.none")),
    total > parked.length && h("div.row", null,
      h("button.quiet", { type: "button", "data-more": "parked", onclick: () => { look.parked += AT_ONCE; act(() => {}); } }, t("parked.more")),
      h("span.small", null, t("parked.shown", { shown: parked.length, total }))));
}

// -- answers, and what became of them --------------------------------------------------

async function readDeliveries({ state, shown }) {
  const asked = state === "trouble" ? IN_TROUBLE : [state];
  const page = (one) => call("GET", `/deliveries?${new URLSearchParams({ limit: String(shown + 1), ...(one === "all" ? {} : { state: one }) })}`);
  const found = (await Promise.all(asked.map(page))).flatMap(({ deliveries }) => deliveries);
  return found.sort((one, other) => other.created_at - one.created_at);
}

function deliveriesPanel(deliveries, { desk, act, look, opened }) {
  const select = h("select", { "aria-label": t("deliveries.state"), onchange: () => { Object.assign(look, { state: select.value, shown: AT_ONCE }); act(() => {}); } },
    STATES.map((state) => h("option", { value: state, selected: state === look.state }, t(`deliveries.${state}`))));
  const again = (one) => act(async () => {
    await call("POST", `/deliveries/${one.id}/redeliver`, {});
    notice(t("deliveries.queued.again"));
  });
  const item = (one) => entry(
    [moment(one.created_at), h("span.tag", null, channelName(one.channel)), h(`span.mark.mark-${one.state}`, null, t(`deliveries.${one.state}`)), " · ", t("deliveries.attempts", { n: one.attempts })],
    one.error && h("p.small", null, one.error),
    [(IN_TROUBLE.includes(one.state) || (one.state === "queued" && one.attempts > 0)) && h("button.quiet", { type: "button", "data-again": one.id, onclick: once(() => again(one)) }, t("deliveries.again")),
      one.ticket_id && h("button.link", { type: "button", "data-open": one.id, onclick: () => desk.open(one.ticket_id) }, t("deliveries.ticket")),
      attemptsOf(one, { desk, opened })]);
  return h("section.panel", { "aria-labelledby": "deliveries-title" },
    h("div.row", null, h("h2", { id: "deliveries-title" }, t("deliveries.title")), h("span.spread", null), select),
    h("p.small", null, t("deliveries.text")),
    deliveries.length ? h("ul.traffic", null, deliveries.slice(0, look.shown).map(item)) : h("p.empty", null, t(look.state === "trouble" ? "deliveries.none" : "deliveries.none.such")),
    deliveries.length > look.shown && h("button.quiet", { type: "button", onclick: () => { look.shown += AT_ONCE; act(() => {}); } }, t("traffic.more")));
}

/** Every attempt, read when it is opened. */
function attemptsOf(one, { desk, opened }) {
  const log = h("ol.traffic-log", null);
  const fill = async () => {
    const { log: made } = await call("GET", `/deliveries/${one.id}`);
    log.replaceChildren(...(made.length ? made.map((each) => h("li.small", null, moment(each.at), ` ${t(`deliveries.${each.state}`)}`, each.error && ` · ${each.error}`)) : [h("li.small", null, t("deliveries.attempts.none"))]));
  };
  const toggle = (event) => {
    opened[event.target.open ? "add" : "delete"](one.id);
    if (event.target.open) attempt(desk, fill);
  };
  return h("details.attempts-of", { open: opened.has(one.id), ontoggle: toggle }, h("summary.small", null, t("deliveries.log")), log);
}

async function readEvents({ hook, events, eventsShown }) {
  const query = new URLSearchParams({ limit: String(eventsShown + 1), ...(events === "all" ? {} : { state: events }) });
  return (await call("GET", `/webhooks/${hook}/events?${query}`)).events;
}
