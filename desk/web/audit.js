// The admins' page of the audit: who did what, when, to what and why. To be read; nothing here changes anything.
import { anew, h, has, moment, once, say, t } from "./dom.js";
import { call } from "./door.js";
import { lineName } from "./lines.js";
import { monthChoice, thisMonth } from "./months.js";

const AT_ONCE = 50;
const FAMILIES = [
  "ticket", "message", "customer", "identity", "outbound", "complaint", "subtask", "helper", "improvement", "follow_up", "satisfaction", "incident",
  "agent", "session", "second_factor", "token", "rules", "text", "canned", "dictionary", "bundle", "retraining", "correction", "envelope", "webhook", "key", "figures", "transcript", "alarm",
];

export function makeAudit(desk) {
  const list = h("ol.audit", null);
  const state = h("p.empty", { role: "status" }, t("loading"));
  const more = h("button.quiet", { type: "button", hidden: true, onclick: once(() => read(true)) }, t("audit.more"));
  const asked = { month: thisMonth(), action: "", agent: "", subject: "" };
  const panel = h("section.panel.figures", { "aria-label": t("audit.title") }, state);
  const page = h("main.bundles", { tabindex: "-1" });
  let known = { entries: [], names: {} };
  let turn = 0;

  async function read(further = false) {
    const mine = ++turn;
    const query = Object.entries(asked).filter(([, value]) => value);
    const before = further ? [["before", known.entries.at(-1).id]] : [];
    if (!further) {
      state.textContent = t("loading");
      more.hidden = true; // what it would go on from is of another choice
    }
    state.hidden = further;
    try {
      const found = await call("GET", `/audit?${new URLSearchParams([...query, ...before, ["limit", String(AT_ONCE + 1)]])}`);
      if (mine !== turn) return;
      const shown = found.entries.slice(0, AT_ONCE);
      known = { entries: [...(further ? known.entries : []), ...shown], names: { ...(further ? known.names : {}), ...found.names } };
      anew(list, known.entries.map((entry) => line(entry, known.names, desk)));
      more.hidden = found.entries.length <= AT_ONCE;
      state.hidden = known.entries.length > 0;
      state.textContent = t("audit.none");
      if (further) list.children[known.entries.length - shown.length]?.focus(); // on from what was read
    } catch (error) {
      if (mine === turn && !further) {
        list.replaceChildren();
        state.textContent = error.message;
      }
      desk.complain(error);
    }
  }

  async function begin() {
    try {
      panel.replaceChildren(h("p.small", null, t("audit.text")), await filters(asked, () => read()), state, list, h("p.more-cards", null, more));
    } catch (error) {
      state.textContent = error.message;
      desk.complain(error);
      return;
    }
    await read();
  }

  page.append(heading(desk), panel);
  page.leave = () => { turn += 1; };
  begin();
  return page;
}

function heading(desk) {
  return h("header.bundles-head", null, h("h1", null, t("audit.title")), h("span.spread", null),
    h("button.quiet.to-tickets", { type: "button", onclick: () => desk.closePage() }, t("bundles.back")));
}

async function filters(asked, read) {
  const [here, gone] = await Promise.all([false, true].map((left) => call("GET", `/agents?left=${left}`)));
  const people = ({ agents }) => agents.map((agent) => h("option", { value: agent.id }, agent.name));
  const set = (name) => (event) => {
    asked[name] = event.target.value.trim();
    read();
  };
  const field = (key, control) => h("label.field", null, t(key), control);
  return h("form.filters", { onsubmit: (event) => event.preventDefault() },
    field("audit.month", monthChoice({ last: thisMonth(), value: asked.month, label: t("audit.month"), all: t("audit.always"), onchange: set("month") })),
    field("audit.action", h("select", { "aria-label": t("audit.action"), onchange: set("action") }, h("option", { value: "" }, t("audit.all")),
      FAMILIES.map((family) => h("option", { value: family }, t(`audit.family.${family}`))))),
    field("audit.agent", h("select", { "aria-label": t("audit.agent"), onchange: set("agent") }, h("option", { value: "" }, t("audit.anybody")),
      people(here), gone.agents.length > 0 && h("optgroup", { label: t("people.gone") }, people(gone)))),
    field("audit.subject", h("input", { type: "search", maxlength: "64", autocomplete: "off", placeholder: t("audit.subject.hint"), onchange: set("subject") })));
}

function line(entry, names, desk) {
  const [family, name] = entry.action.split(/\.(.*)/s);
  const told = has(`audit.${entry.action}`) ? t(`audit.${entry.action}`) : family === "alarm" ? t("audit.alarm", { name }) : entry.action;
  const detail = Object.entries(entry.detail).filter(([name, value]) => name !== "publication" && says(value));
  return h("li.entry", { tabindex: "-1" },
    h("p.card-top", null, moment(entry.at), h("b", null, names[entry.agent_id]?.name ?? t(entry.agent_id ? "audit.gone" : "audit.system")),
      h("span", { title: entry.action }, told), about(entry.subject, family, names, desk)),
    detail.length > 0 && h("dl.audit-detail", null, detail.map(([name, value]) => particular(entry.action, name, value, names, desk))));
}

function says(value) {
  return value !== null && value !== "" && (typeof value !== "object" || Object.keys(value).length > 0);
}

function particular(action, name, value, names, desk) {
  const { roles, states } = desk.state.names;
  const named = (key, words) => h("div", null, h("dt", null, has(key) ? t(key) : name), h("dd", null, words));
  if (action === "ticket.move" && name === "to") return named("audit.detail.state", say(states[value]));
  if (name === "line") return named("audit.detail.line", lineName(desk, value));
  if (action === "agent.change") return named(`audit.detail.${name}`, changedWords(value, names, desk));
  return named(`audit.detail.${name}`, name === "role" ? say(roles[value]) : worded(value, names));
}

/** What was changed of a person, or into what, as their own page calls it. */
function changedWords(value, names, desk) {
  const key = (name) => (name === "password" ? "login.password" : `people.${name}`); // theirs says what one may be
  const called = (name) => (has(key(name)) ? t(key(name)) : name);
  if (Array.isArray(value)) return value.map(called).join(t("mark.and"));
  const shown = { role: (role) => say(desk.state.names.roles[role]), skills: (skills) => Object.entries(skills).map(([skill, level]) => `${desk.skillName(skill)} ${level}`).join(t("mark.and")) };
  return Object.entries(value).map(([name, each]) => `${called(name)}${t("mark.colon")}${(shown[name] ?? worded)(each, names)}`).join(t("mark.and"));
}

/** What it was done to: a ticket to be opened, a person, or whatever it is called. */
function about(subject, family, names, desk) {
  const known = names[subject];
  if (known?.kind === "ticket") return h("button.link", { type: "button", "data-open": subject, onclick: () => desk.open(subject) }, known.name);
  if (known) return h("span", null, known.name);
  if (["agent", "session", "token"].includes(family)) return null; // an id of a session tells nobody anything
  return /^[0-9a-f-]{36}$/.test(subject) ? h("code", { title: subject }, `…${subject.slice(-8)}`) : h("code", null, subject);
}

function worded(value, names) {
  if (typeof value === "boolean") return t(value ? "audit.yes" : "audit.no");
  if (Array.isArray(value)) return value.map((each) => worded(each, names)).join(t("mark.and"));
  if (value && typeof value === "object") return Object.entries(value).map(([name, each]) => `${name} ${worded(each, names)}`).join(t("mark.and"));
  return names[value]?.name ?? String(value);
}
