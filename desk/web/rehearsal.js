// What a version of the rules would have done with the last tickets, beside the rules in force.
import { h, moment, t } from "./dom.js";
import { lineName } from "./lines.js";

const TICKETS = [100, 500, 2000];
const USUAL = 500;

/** On how many tickets. */
export function ticketsField() {
  return h("label.field", null, t("rules.rehearse.on"), h("select", { name: "tickets" },
    TICKETS.map((n) => h("option", { value: String(n), selected: n === USUAL }, t("rules.rehearse.last", { n })))));
}

/** While it is played: what is played, and the way out. */
export function playingPanel({ tickets, line, ended }, desk) {
  return h("div.playing", { role: "status" },
    h("p", null, t("rules.rehearse.playing", { n: tickets, line: lineName(desk, line) })),
    h("div.progress.unknown", { role: "progressbar", "aria-label": t("rules.rehearsal") }),
    h("div.row", null, h("button.quiet", { type: "button", onclick: () => ended.abort() }, t("ask.cancel"))));
}

/** What it came to. ``people``: login to name. */
export function rehearsal(report, desk, people) {
  const { tickets, live, draft, differences, bound, busiest } = report;
  const rows = [["rules.sla", "sla", percent], ["rules.mean", "mean_wait", seconds], ["rules.p95", "p95_wait", seconds]];
  const named = (login) => (login === null || login === "" ? t("rules.nobody") : people.get(login) ?? login);
  return h("div.rehearsal", null,
    h("p.small", null, told(report, desk)),
    h("p", null, t("rules.moved", differences)),
    h("table", null,
      h("thead", null, h("tr", null, h("th", null, t("rules.tickets", { tickets })), h("th", { scope: "col" }, t("rules.live")), h("th", { scope: "col" }, t("rules.draft.side")))),
      h("tbody", null,
        rows.map(([name, key, form]) => row(t(name), form(live[key]), form(draft[key]))),
        Object.keys(draft.by_urgency).map((urgency) => row(`${t("rules.sla")} · ${desk.className("urgency", urgency)}`, percent(live.by_urgency[urgency]?.sla ?? null), percent(draft.by_urgency[urgency].sla))),
        row(t("rules.occupancy"), percent(live.occupancy.mean), percent(draft.occupancy.mean)))),
    h("p.small", null, t("rules.bound", { whole: percent(bound.occupancy), busiest: percent(busiest?.occupancy ?? null) })),
    differences.tickets.length > 0 && [elsewhere(differences, named), byPerson(differences, named)]);
}

/** When it was played, on what, and for whom; one from the command line says less. */
function told({ begins, ends, rehearsed_at: at, line }, desk) {
  return [
    at !== undefined && [moment(at), " · "], t("rules.rehearsed.on"), " ", moment(begins), " – ", moment(ends),
    line !== undefined && [" · ", t("rules.rehearsed.for", { line: lineName(desk, line) })],
  ].filter(Boolean);
}

/** The tickets that would have gone to somebody else, and how long they would have waited. */
function elsewhere({ tickets, moved }, named) {
  return h("details", null,
    h("summary", null, t("rules.elsewhere", { n: moved })),
    h("div.moved", { tabindex: "0", role: "region", "aria-label": t("rules.elsewhere", { n: moved }) }, h("table", null,
      h("thead", null, h("tr", null, ["ticket", "live", "draft.side", "wait"].map((name) => h("th", { scope: "col" }, t(`rules.${name}`))))),
      h("tbody", null, tickets.map((one) => h("tr", null,
        h("th", { scope: "row" }, one.ticket), h("td", null, named(one.live)), h("td", null, named(one.draft)),
        h("td", null, `${seconds(one.live_wait)} → ${seconds(one.draft_wait)}`)))))),
    moved > tickets.length && h("p.small", null, t("rules.elsewhere.first", { n: tickets.length })));
}

function byPerson({ by_agent: counts }, named) {
  return h("details", null,
    h("summary", null, t("rules.by.person")),
    h("table", null,
      h("thead", null, h("tr", null, ["person", "live", "draft.side"].map((name) => h("th", { scope: "col" }, t(`rules.${name}`))))),
      h("tbody", null, Object.entries(counts).map(([login, { live, draft }]) => row(named(login), String(live), String(draft))))));
}

function row(name, before, after) {
  return h("tr", null, h("th", { scope: "row" }, name), h("td", null, before), h("td", null, after));
}

function percent(share) {
  return share === null ? "–" : `${(share * 100).toFixed(1)} %`;
}

function seconds(value) {
  if (value === null) return "–";
  const [unit, size] = value < 120 ? ["s", 1] : value < 7200 ? ["m", 60] : ["h", 3600];
  return t(`rules.${unit}`, { n: Math.round(value / size) });
}
