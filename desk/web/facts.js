// Beside the conversation: what it is about and why, why it came here, who the customer is.
import { ask, h, has, moment, notice, say, show, t } from "./dom.js";
import { call, whole } from "./door.js";
import { clockList } from "./clocks.js";
import { chips, hasChips } from "./keys.js";
import { complaintCard } from "./complaint.js";
import { drawNotes, noteRoom, taskList } from "./helping.js";
import { linked } from "./life.js";
import { channelName, nameOf } from "./queue.js";
import { isRated, satisfactionCard } from "./satisfaction.js";

/** What a model is all but sure of is 99%: certain is only what a person has decided. */
function percent(p) {
  return `${p < 1 ? Math.min(99, Math.round(p * 100)) : 100}%`;
}

function reasons(label) {
  const strongest = Math.max(...label.reasons.map((reason) => Math.abs(reason.weight)), 0.001);
  const chip = (reason) =>
    h(`span.reason.${reason.weight >= 0 ? "plus" : "minus"}`,
      { vars: { "--w": String(0.35 + 0.65 * Math.abs(reason.weight) / strongest) },
        title: `${t(reason.weight >= 0 ? "label.for" : "label.against")} ${reason.weight.toFixed(2)}` },
      h("span.unseen", null, t(reason.weight >= 0 ? "label.for" : "label.against")),
      `${reason.weight >= 0 ? "+" : "−"} ${say(reason.text)}`);
  const sorted = [...label.reasons].sort((a, b) => b.weight - a.weight);
  return sorted.length > 0 && h("div.reasons", null, sorted.map(chip));
}

function by(label) {
  if (["model", "floor", "declared", "filed"].includes(label.by)) return t(`label.by.${label.by}`);
  return t("label.by.person", { name: label.by_name ?? "" });
}

function correction(desk, view, label) {
  const facet = desk.state.names.facets.find((found) => found.facet === label.facet);
  if (!facet || !view.actions.includes("correct")) return h("span.value", null, say(label.value_name));
  const guesses = new Map(label.alternatives.map((other) => [other.value, other.confidence]));
  const options = facet.classes.map((choice) => {
    const guess = guesses.get(choice.value);
    const text = say(choice.name) + (guess !== undefined && choice.value !== label.value ? ` (${percent(guess)})` : "");
    return h("option", { value: choice.value, selected: choice.value === label.value }, text);
  });
  return h("select.value", {
    "aria-label": t("label.correct", { facet: say(label.facet_name) }), "data-facet": label.facet,
    onchange: (event) => desk.act(async () => {
      await call("POST", `/tickets/${view.ticket.id}/labels`, { facet: label.facet, value: event.target.value });
      notice(t("label.saved"));
    }),
  }, options);
}

function labelRow(desk, view, label) {
  const p = percent(label.confidence);
  return h(`div.label${label.accepted ? "" : ".unsure"}`, null,
    h("div.label-top", null,
      h("span.facet", null, say(label.facet_name)),
      correction(desk, view, label),
      h("span.percent", null, p)),
    h("div.meter", {
      role: "img", vars: { "--p": p },
      "aria-label": t("label.confidence", { facet: say(label.facet_name), value: say(label.value_name), p }),
    }),
    h("div.label-by", null, by(label), !label.accepted && h("strong", null, t("label.unsure"))),
    reasons(label));
}

function decisionItem(decision, desk) {
  return h("li", null,
    h("p", null, say(decision.text)),
    h("p.small", null, moment(decision.at), ` · ${decision.agent?.name ?? ""}`,
      decision.outcome && has(`outcome.${decision.outcome}`) && ` · ${t(`outcome.${decision.outcome}`)}`,
      decision.end_words && t("mark.colon") + decision.end_words),
    decision.facts && candidates(decision.facts, desk));
}

/** Who was considered, and what removed each. */
function candidates({ relax_step, rules_version, candidates: listed, others }, desk) {
  return h("details.small", null,
    h("summary", null, t("why.candidates", { step: String(relax_step), rules: rules_version })),
    h("ul", null,
      listed.map((c) => h("li", null, `${c.agent?.name ?? ""} · ${t(`candidate.${c.outcome}`)}`, c.detail && " · ", particulars(c.detail, desk))),
      Object.entries(others).map(([outcome, n]) =>
        h("li", null, t("why.others", { n: String(n), outcome: t(`candidate.${outcome}`) })))));
}

const PARTICULARS = {
  level: (value) => t("candidate.levels", { n: value }),
  used: (value) => t("candidate.load", { share: value }),
  flexibility: (value) => t("candidate.flexibility", { p: `${(100 * Number(value)).toFixed(2)}%` }),
  idle_since: (value) => [t("candidate.idle"), " ", moment(Number(value))],
};

/** What the agent order looked at, or what removed somebody, in words; anything else as it is. */
function particulars(detail, desk) {
  const missing = detail.match(/^(.+) ([0-9]+)<([0-9]+)$/);
  if (missing) return t("candidate.missing", { skill: desk.skillName(missing[1]), held: missing[2], level: missing[3] });
  if (/^[0-9]+\/[0-9]+$/.test(detail)) return PARTICULARS.used(detail);
  return detail.split(" ").map((part, n) => {
    const [key, value] = part.split("=");
    return [n > 0 && " · ", PARTICULARS[key] ? PARTICULARS[key](value) : part];
  });
}

function why(view, desk) {
  return [
    view.waits && h("p", { "data-waits": view.waits.facts.reason }, say(view.waits.text)),
    view.decisions.length
      ? h("ol.decisions", null, [...view.decisions].reverse().map((decision) => decisionItem(decision, desk)))
      : !view.waits && h("p.small", null, t("why.waiting")),
  ];
}

function customerRows(customer) {
  const rows = ["name", "email", "phone"].filter((key) => customer[key]);
  if (!rows.length && customer.external_id) rows.push("external_id");
  return h("dl", null, rows.map((key) => [h("dt", null, t(`who.${key}`)), h("dd", null, customer[key])]));
}

async function erase(ticket) {
  const field = (name, options) => h("label.field", null, t(`who.erase.${name}`, { number: ticket.number }), h("input", { name, autocomplete: "off", "data-anew": true, ...options }));
  const said = await ask({
    title: t("who.erase"), text: t("who.erase.text"), submit: t("who.erase"), danger: true,
    fields: [field("why", { required: true, maxlength: "500" }), field("despite", { maxlength: "500" }), field("confirm", { required: true, inputmode: "numeric" })],
    send: (said) => call("POST", `/tickets/${ticket.id}/customer/erase`, Object.fromEntries(said)),
  });
  if (said) notice(t("who.erase.done"));
}

function customerBox(desk, view) {
  const { ticket, customer } = view;
  if (view.erased_at !== null) return [h("p.small", null, t("who.erased"), " ", moment(view.erased_at))];
  const rows = h("div", null, customerRows(customer));
  const reveal = h("button.link", { type: "button", title: t("who.reveal.note"), onclick: () => desk.act(async () => {
    rows.replaceChildren(customerRows(await call("POST", `/tickets/${ticket.id}/reveal`)));
    reveal.remove();
  }) }, t("who.reveal"));
  const toggle = customer.blocked ? "unblock" : "block";
  return [
    rows,
    customer.blocked && h("p.flag", null, t("who.blocked")),
    h("div.tools", null, reveal,
      h("button.link", { type: "button", onclick: () => desk.act(() => call("POST", `/tickets/${ticket.id}/${toggle}`)) },
        t(`who.${toggle}`)),
      desk.state.me.role === "admin" && [
        h("a.link", { href: `/api/v1/tickets/${ticket.id}/customer/copy`, download: true, title: t("who.copy.note") }, t("who.copy")),
        h("button.link.danger", { type: "button", onclick: () => desk.act(() => erase(ticket)) }, t("who.erase"))]),
  ];
}

/** What the same customer said elsewhere, with the evidence that it is the same; asked for by hand. */
function personBox(desk, view) {
  const { ticket } = view;
  const place = h("div.person", null);
  const read = async () => {
    const person = await call("GET", `/tickets/${ticket.id}/customer`);
    place.replaceChildren(...personRows(desk, ticket, person, read));
  };
  const button = h("button.link", { type: "button", onclick: () => desk.act(async () => {
    await read();
    button.remove();
  }) }, t("person.show"));
  return [button, place];
}

function personRows(desk, ticket, person, read) {
  const channelOf = new Map(person.identities.map((identity) => [identity.id, channelName(identity.channel)]));
  const why = person.links.map((link) => h("li", null,
    h("span", null, t(`person.why.${link.kind}`, {
      channels: link.proofs.map((proof) => channelOf.get(proof.identity) ?? "").join(" + "), value: link.value,
    })),
    h("button.link", { type: "button", onclick: () => desk.act(() => part(ticket, link, read)) }, t("person.undo"))));
  const talks = person.conversations.map((talk) => h("li", null,
    h("span", null, `${channelName(talk.channel)} ${talk.subject || ""} · ${talk.tickets.map((one) =>
      `${one.number} ${say(desk.state.names.states[one.state])}`).join(t("mark.and"))}`),
    h("button.link", { type: "button", title: t("person.read.note"), onclick: () => desk.act(() => readElsewhere(ticket, talk)) }, t("person.read"))));
  if (!why.length && !talks.length) return [h("p.small", null, t("person.alone"))];
  return [h("ol", null, why), h("ol", null, talks)];
}

async function part(ticket, link, read) {
  const said = await ask({
    title: t("person.undo.title"), text: t("person.undo.text"), submit: t("person.undo"), danger: true,
    send: () => call("POST", `/tickets/${ticket.id}/customer/links/${link.id}/undo`),
  });
  if (!said) return;
  notice(t("person.undone"));
  await read();
}

async function readElsewhere(ticket, talk) {
  const { messages } = await whole(`/tickets/${ticket.id}/customer/conversations/${talk.id}`);
  const dialog = h("dialog.ask", { "aria-label": t("person.show") },
    h("div.elsewhere", { tabindex: "0" }, messages.map((message) => h("div", null,
      h("p.small", null, h("strong", null, message.author || t(message.side === "us" ? "us" : "customer")), " ", moment(message.at)),
      h("div.bubble", null, message.withdrawn_at ? t("message.withdrawn") : message.text)))),
    h("div.row.end", null, h("button.primary", { type: "button", onclick: () => dialog.close() }, t("close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function historyText(line, names) {
  const change = line.kind === "message.in" && ["edit", "delete"].includes(line.data.what);
  const key = change ? `history.message.${line.data.what}` : `history.${line.kind}`;
  if (!has(key)) return line.kind;
  const { before = "", after = "", reason = "", times = "", state } = line.data;
  const clock = line.data.clock ? t(`clock.${line.data.clock}`) : "";
  const level = line.data.level ? t(`level.${line.data.level}`) : "";
  const shown = state && has(`state.${state}`) ? t(`state.${state}`) : "";
  const moved = line.kind === "ticket.moved" && names.states[state];
  return t(key, { name: line.agent?.name ?? "", before, after, reason, state: shown, times, clock, level }) + (moved ? t("mark.colon") + say(moved) : "");
}

function section(id, heading, content) {
  return h("section.fact", { "aria-labelledby": `fact-${id}` }, h("h2", { id: `fact-${id}` }, heading), content);
}

/** What is asked for beside the ticket itself, whenever something has happened to it. */
function makeBeside(desk, places) {
  const box = { ticket: null, isComplaint: false, view: null, help: null, surveys: null, path: "" };
  let seen = "";
  let turn = 0;
  const draw = () => {
    if (!box.help) return;
    show(places.complaint, [box.view, box.ticket.owner], () => box.view && section("complaint", t("complaint"), complaintCard(desk, box)));
    show(places.satisfaction, box.surveys, () => box.surveys && section("satisfaction", t("satisfaction"), satisfactionCard(desk, box)));
    show(places.tasks, [box.help.tasks, box.help.helpers, box.ticket.owner], () => section("tasks", t("tasks"), taskList(desk, box)));
    show(places.notes, box.ticket.id, () => section("notes", t("notes"), noteRoom(desk, box)));
    drawNotes(places.notes, box);
  };
  box.read = async () => {
    const { id, state } = box.ticket;
    const of = (topic) => call("GET", `/tickets/${id}/${topic}`);
    const mine = ++turn;
    const found = await Promise.all([
      box.isComplaint && of("complaint"), of("helping"), isRated(state) ? of("satisfaction").then(({ surveys }) => surveys) : null]);
    if (mine !== turn) return; // something has happened since, and this answer is older than what it led to
    [box.view, box.help, box.surveys] = found;
    draw();
  };
  return (view) => {
    box.ticket = view.ticket;
    box.isComplaint = view.complaint && view.erased_at === null;
    box.path = `/tickets/${view.ticket.id}/complaint`;
    const now = `${view.ticket.id}/${view.history.length}`;
    if (now === seen) draw();
    else {
      seen = now;
      desk.act(box.read, { quiet: true });
    }
  };
}

/** Another open ticket of the customer; what one may not open is told all the same. */
function alike(desk, other) {
  const words = [other.number, other.subject || channelName(other.channel), say(desk.state.names.states[other.state]), other.owner?.name];
  const text = words.filter(Boolean).join(" · ");
  return other.visible
    ? h("button.link.related", { type: "button", onclick: () => desk.open(other.id) }, text)
    : h("p.small", null, text);
}

/** Other tickets, without those that "merged and related" leads to already. */
function unbound(others, { merged_into, split_from, predecessor, parts }) {
  const bound = [merged_into, split_from, predecessor, ...parts].filter(Boolean).map(({ id }) => id);
  return others.filter(({ id }) => !bound.includes(id));
}

/** The pane of facts; draw(view) shows what is new, part by part. */
export function makeFacts(desk) {
  const places = Object.fromEntries(["who", "same", "keys", "clocks", "complaint", "satisfaction", "notes", "tasks", "labels", "why", "person", "links", "related", "history"].map((name) => [name, h("div", null)]));
  const name = h("h1", { tabindex: "-1", dir: "auto" });
  const head = h("div.facts-head", null,
    h("button.back.quiet", { type: "button", onclick: () => desk.look("talk") }, `‹ ${t("talk.show")}`));
  const pane = h("aside.facts", { "aria-label": t("facts") }, head,
    Object.values(places));
  let unfolded = false;
  const beside = makeBeside(desk, places);
  /** Says of which ticket they are where a narrow page shows nothing beside them. */
  pane.headed = () => {
    if (desk.rooms.dataset.look !== "facts") name.remove();
    else if (!name.isConnected) head.append(name);
  };
  pane.draw = (view) => {
    const { names } = desk.state;
    beside(view);
    name.textContent = nameOf(view);
    pane.headed();
    show(places.clocks, [view.clocks, view.ticket.escalation, view.ticket.pressed], () =>
      view.clocks.length > 0 && section("clocks", t("clocks"), clockList(view)));
    show(places.labels, [view.labels, view.actions], () =>
      section("labels", t("labels"), view.labels.length
        ? view.labels.map((label) => labelRow(desk, view, label))
        : h("p.small", null, t("labels.none"))));
    show(places.keys, view.messages.map((message) => message.keys), () => hasChips(view) && section("keys", t("keys"), chips(desk, view)));
    show(places.why, [view.decisions, view.waits?.text], () => section("why", t("why"), why(view, desk)));
    show(places.who, [view.ticket.id, view.customer, view.erased_at], () => section("who", t("who"), customerBox(desk, view)));
    const same = unbound(view.same_customer, view.links);
    show(places.same, [same, names.states, view.actions], () => same.length > 0 &&
      section("same", t("same"), [
        ...same.map((other) => alike(desk, other)),
        view.actions.includes("merge") && h("p.small", null, t("same.merge")),
      ]));
    show(places.person, view.ticket.id, () => section("person", t("person"), personBox(desk, view)));
    show(places.links, [view.links, view.actions], () => {
      const rows = linked(desk, view);
      return rows.length > 0 && section("links", t("links"), rows);
    });
    const related = unbound(view.related, view.links);
    show(places.related, related, () => related.length > 0 &&
      section("related", t("related"), related.map((other) =>
        h("button.link.related", { type: "button", onclick: () => desk.open(other.id) },
          `${other.number} · ${say(names.states[other.state])}`))));
    show(places.history, view.history, () =>
      h("details.fact", { open: unfolded, ontoggle: (event) => { unfolded = event.target.open; } },
        h("summary", null, t("history")),
        h("ol.history", null, view.history.map((line) => h("li", null, moment(line.at), " ", historyText(line, names))))));
  };
  return pane;
}
