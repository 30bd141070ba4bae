// Systems outside that are told of events, for admins: where, what of, what was refused, and telling again.
import { ask, countdown, h, moment, notice, now, once, say, speak, t } from "./dom.js";
import { call, make } from "./door.js";
import { entry } from "./panes.js";

const STATES = ["failed", "due", "done", "all"];
const AT_ONCE = 30;

export function webhooksPanel({ webhooks, kinds, events }, tools) {
  return h("section.panel", { "aria-labelledby": "webhooks-title" },
    h("div.row", null, h("h2", { id: "webhooks-title" }, t("webhooks.title"), " ", h("small", null, String(webhooks.length))), h("span.spread", null),
      h("button.quiet", { type: "button", onclick: once(() => tools.act(() => add(kinds))) }, t("webhooks.add"))),
    h("p.small", null, t("webhooks.text")),
    webhooks.length
      ? h("ul.traffic", null, webhooks.map((hook) => item(hook, kinds, tools.look.hook === hook.id ? events : null, tools)))
      : h("p.empty", null, t("webhooks.none")));
}

function standing(hook) {
  if (hook.disabled) return h("span.tag.run-failed", null, t("webhooks.stopped"));
  if (hook.pause_until > now()) return [h("span.tag.rules-draft", null, t("webhooks.resting")), countdown(hook.pause_until, { before: "webhooks.rests", warn: 0 })];
  return h("span.tag.run-done", null, t("webhooks.running"));
}

function item(hook, kinds, events, tools) {
  const { act, look } = tools;
  const open = look.hook === hook.id;
  const change = (disabled) => act(() => call("PATCH", `/webhooks/${hook.id}`, { disabled }));
  const names = hook.kinds.map((kind) => h("span.chip", { title: `${kind} · ${say(kinds[kind])}` }, kindName(kinds, kind)));
  return entry(
    [h("b", null, hook.url), standing(hook)],
    [h("p.card-labels", null, names.length ? names : h("span.chip", null, t("webhooks.everything"))),
      h("p.small", null, t("webhooks.counts", hook), hook.failures > 0 && ` · ${t("webhooks.failures", hook)}`, " · ", t("webhooks.since"), " ", moment(hook.created_at))],
    [h("button.quiet", { type: "button", "data-log": hook.id, "aria-expanded": String(open), onclick: () => { Object.assign(look, { hook: open ? null : hook.id, eventsShown: AT_ONCE }); act(() => {}); } }, t("webhooks.log")),
      h("button.quiet", { type: "button", "data-test": hook.id, onclick: once((event) => test(hook, event.currentTarget, tools)) }, t("webhooks.test")),
      hook.failed > 0 && h("button.quiet", { type: "button", "data-again": hook.id, onclick: once(() => again(hook, act)) }, t("webhooks.again.all")),
      h("button.quiet", { type: "button", "data-stop": hook.id, onclick: once(() => change(!hook.disabled)) }, t(hook.disabled ? "webhooks.start" : "webhooks.stop")),
      h("button.link.danger", { type: "button", "data-delete": hook.id, onclick: once(() => act(() => remove(hook))) }, t("webhooks.delete"))],
    [look.tests[hook.id] && outcome(look.tests[hook.id]), open && events && log(hook, kinds, events, tools)]);
}

/** Sends what is no event. The button is held: it may take ten seconds until nobody has answered. */
function test(hook, button, { act, look }) {
  return act(async () => {
    button.setAttribute("aria-busy", "true");
    try {
      look.tests[hook.id] = { at: now(), ...await call("POST", `/webhooks/${hook.id}/test`) };
    } finally {
      button.removeAttribute("aria-busy");
    }
    speak(told(look.tests[hook.id]));
  });
}

function told({ status, error, seconds }) {
  const took = t("webhooks.test.took", { seconds: seconds.toFixed(2) });
  return `${error ? t("webhooks.test.bad", { why: why(error) }) : t("webhooks.test.good", { status })} · ${took}`;
}

function outcome(result) {
  return h(`div.flag.hook-test${result.error ? ".bad" : ".fine"}`, null,
    h("p", null, moment(result.at), " ", told(result)),
    result.said.trim() && h("details", { open: result.error !== "" }, h("summary.small", null, t("webhooks.test.said")), h("pre.full", null, result.said)));
}

/** What a kind of event tells, without what is in brackets; an unknown one by its name. */
function kindName(kinds, kind) {
  return say(kinds[kind]).split(/[（(:：]/)[0].trim() || kind;
}

function again(hook, act, seq = null) {
  return act(async () => {
    const { events } = await call("POST", `/webhooks/${hook.id}/redeliver`, { seq });
    notice(t("webhooks.queued", { n: events }));
  });
}

async function remove(hook) {
  let gone;
  await ask({
    title: t("webhooks.delete.title"), text: t("webhooks.delete.text", hook), submit: t("webhooks.delete"), danger: true,
    send: async () => { gone = await call("DELETE", `/webhooks/${hook.id}`); },
  });
  if (gone) notice(t("webhooks.deleted", gone));
  return Boolean(gone);
}

function log(hook, kinds, events, { act, look }) {
  const select = h("select", { "aria-label": t("webhooks.events"), onchange: () => { Object.assign(look, { events: select.value, eventsShown: AT_ONCE }); act(() => {}); } },
    STATES.map((state) => h("option", { value: state, selected: state === look.events }, t(`webhooks.events.${state}`))));
  const line = (event) => h("li", null,
    h("span", null, moment(event.created_at), ` ${kindName(kinds, event.kind)} `, h("small", null, `#${event.seq}`)),
    h("small", null, t(`webhooks.events.${event.state}`), event.attempts > 0 && ` · ${t("deliveries.attempts", { n: event.attempts })}`, event.error && ` · ${why(event.error)}`),
    event.state !== "due" && h("button.link", { type: "button", "data-seq": event.seq, onclick: once(() => again(hook, act, event.seq)) }, t("webhooks.again")));
  return h("div.hook-log", null,
    h("div.row", null, select),
    events.length ? h("ol.traffic-log", null, events.slice(0, look.eventsShown).map(line)) : h("p.small", null, t("webhooks.events.none")),
    events.length > look.eventsShown && h("button.quiet", { type: "button", onclick: () => { look.eventsShown += AT_ONCE; act(() => {}); } }, t("traffic.more")));
}

/** What went wrong, as it was written down: a status of HTTP, an address out of reach, or no answer at all. */
function why(error) {
  const status = error.match(/^HTTP (\d+)$/);
  if (status) return t("webhooks.why.status", { status: status[1] });
  return /^\w+$/.test(error) ? t("webhooks.why.silent", { error }) : error;
}

async function add(kinds) {
  const key = {};
  let made;
  const groups = Object.groupBy(Object.keys(kinds), (kind) => kind.split(".")[0]);
  const picks = Object.entries(groups).map(([family, members]) => h("fieldset.picks", null, h("legend", null, t(`webhooks.family.${family}`)),
    members.map((kind) => h("label.row", { title: `${kind} · ${say(kinds[kind])}` }, h("input", { type: "checkbox", name: "kinds", value: kind }), kindName(kinds, kind)))));
  await ask({
    title: t("webhooks.add"), text: t("webhooks.add.text"), submit: t("webhooks.add"),
    fields: [
      h("label.field", null, t("webhooks.url"), h("input", { name: "url", type: "url", required: true, maxlength: "2000", placeholder: "https://", autocomplete: "off" })),
      h("details", null, h("summary", null, t("webhooks.kinds")), h("div.choices", null, picks)),
    ],
    send: async (said) => { made = await make("/webhooks", { url: said.get("url"), kinds: said.getAll("kinds") }, key); },
  });
  if (!made) return false;
  await tell(made.secret);
  return true;
}

/** The secret, this once. */
function tell(secret) {
  const box = h("textarea.code", { readonly: true, rows: "2", value: secret, onfocus: () => box.select() });
  return ask({
    told: true,
    title: t("webhooks.secret"), text: t("webhooks.secret.text"), submit: t("webhooks.secret.kept"),
    fields: [h("label.field", null, t("webhooks.secret.name"), box)],
  });
}
