// The classifier at work: drift and agreement by day, whether it gets worse, and the challenger in shadow.
import { h, moment, say, t } from "./dom.js";
import { call } from "./door.js";
import { line, short, stack } from "./charts.js";
import { channelName } from "./queue.js";

const MOST_PAIRS = 6;
const whole = (share) => `${Math.round(100 * share)}%`;

function facetOf(desk, facet) {
  return desk.state.names.facets.find((each) => each.facet === facet);
}

function facetName(desk, facet) {
  const spec = facetOf(desk, facet);
  return spec ? say(spec.name) : facet;
}

function className(desk, facet, value) {
  const found = facetOf(desk, facet)?.classes.find((each) => each.value === value);
  return found ? say(found.name) : value;
}

// -- the challenger in shadow -------------------------------------------------------

/** The panel of the challenger in shadow; nothing without one. */
export function shadowPanel(shadow, { desk, act }) {
  if (!shadow) return null;
  return h("section.panel.shadow", null,
    h("div.row", null,
      h("h2", null, t("shadow.title"), " ", h("code", null, shadow.bundle.slice(0, 8))),
      h("span.spread", null),
      h("small", null, t("shadow.so.far", { tickets: shadow.tickets }), " · ", moment(shadow.since)),
      h("button.quiet", { type: "button", onclick: () => act(() => call("POST", "/bundles/shadow/end"), t("shadow.ended")) }, t("shadow.end"))),
    h("p.small", null, t("shadow.text")),
    shadow.facets.length === 0
      ? h("p.empty", null, t("shadow.nothing"))
      : h("div.watch-grid", null, shadow.facets.map((facet) => duel(facet, desk))),
    shadow.disagreements.length > 0 && h("details", null,
      h("summary", null, t("shadow.list", { n: shadow.disagreements.length })),
      h("div.apart", { tabindex: "0" }, list(shadow.disagreements, desk))));
}

function duel(facet, desk) {
  const { champion, challenger, neither } = facet.right;
  return h("div.watch-card", null,
    h("h3", null, facetName(desk, facet.facet)),
    h("p.figure", null, h("b", null, whole(facet.disagreed / Math.max(1, facet.compared))), " ", t("shadow.apart", facet)),
    h("ul.pairs", null, facet.pairs.slice(0, MOST_PAIRS).map((pair) => h("li", null,
      h("span", null, className(desk, facet.facet, pair.champion), " → ", className(desk, facet.facet, pair.challenger)), h("b", null, String(pair.count))))),
    champion + challenger + neither > 0 && h("p.small", null, t("shadow.right", { champion, challenger, neither })));
}

function list(disagreements, desk) {
  return h("table.duel", null,
    h("thead", null, h("tr", null, ["ticket", "facet", "champion", "challenger", "truth"].map((name) => h("th", { scope: "col" }, t(`shadow.column.${name}`))))),
    h("tbody", null, disagreements.map((each) => h("tr", null,
      h("th", { scope: "row" }, h("button.link", { type: "button", onclick: () => desk.open(each.ticket_id) }, each.number)),
      h("td", null, facetName(desk, each.facet)),
      said(each, each.champion, each.champion_confidence, desk),
      said(each, each.challenger, each.challenger_confidence, desk),
      h("td", null, each.truth === null ? "" : className(desk, each.facet, each.truth))))));
}

function said(each, value, confidence, desk) {
  const kind = each.truth === null ? "" : each.truth === value ? ".good" : ".bad";
  return h(`td${kind}`, null, className(desk, each.facet, value), " ", h("small", null, whole(confidence)));
}

// -- drift and agreement ------------------------------------------------------------

/** The panel of what is watched. Remembers which channel is looked at in ``look``. */
export function watchPanel(told, look, desk) {
  const channels = [...new Set(told.series.map((each) => each.channel))].sort();
  const shown = channels.includes(look.channel) ? look.channel : "";
  const grid = h("div.watch-grid", null);
  const fill = () => grid.replaceChildren(...cards(told, look.channel, desk));
  const choice = h("select", { "aria-label": t("watch.channel"), onchange: () => { look.channel = choice.value; fill(); } },
    channels.map((channel) => h("option", { value: channel, selected: channel === shown }, channel ? channelName(channel) : t("watch.all"))));
  look.channel = shown;
  fill();
  return h("section.panel.watch", null,
    h("div.row", null, h("h2", null, t("watch.title")), h("span.spread", null), channels.length > 1 && choice),
    told.reference
      ? h("p.small", null, t(`watch.reference.${told.reference.kind}`, { from: short(told.reference.from), to: short(told.reference.to), limit: told.limits.drift }))
      : h("p.empty", null, t("watch.none")),
    alarms(told).map((alarm) => h("p.flag.bad", { role: "alert" }, alarmText(alarm, desk))),
    grid);
}

/** A channel's alarm only where all channels together have not the same. */
function alarms({ alarms: all }) {
  const same = (one) => `${one.kind}/${one.measure}/${one.facet}`;
  const overall = new Set(all.filter((alarm) => !alarm.channel).map(same));
  return all.filter((alarm) => !alarm.channel || !overall.has(same(alarm)));
}

function alarmText(alarm, desk) {
  const what = [alarm.measure && t(`watch.${alarm.measure}`), alarm.facet && facetName(desk, alarm.facet), alarm.channel && channelName(alarm.channel)];
  const agreement = alarm.kind === "agreement";
  return t(`watch.alarm.${alarm.kind}`, {
    what: what.filter(Boolean).join(" · "),
    value: agreement ? whole(alarm.value) : alarm.value.toFixed(2),
    limit: agreement ? whole(alarm.limit) : alarm.limit.toFixed(2),
  });
}

function cards(told, channel, desk) {
  const mine = told.series.filter((each) => each.channel === channel);
  const labels = mine.filter((each) => each.measure === "label").map((each) => shares(each, told, desk));
  const means = mine.filter((each) => each.measure !== "label").map((each) => mean(each, told, desk));
  const kept = told.agreement.filter((each) => each.points.length && channel === "").map((each) => agreement(each, told, desk));
  return [...labels, ...means, ...kept];
}

/** Over the chart stands how much its last point rests on; of the others their tips tell it. */
function drift(series, told) {
  const last = series.points.at(-1);
  const points = series.points.map((point) => ({ day: point.day, value: point.psi, alarm: point.alarm, title: t("watch.cases", { n: point.cases }) }));
  return [
    h("p.small", null, t("watch.psi", { day: short(last.day), n: last.cases })),
    line(points, { label: "PSI", limit: told.limits.drift }),
  ];
}

function shares(series, told, desk) {
  const last = series.points.at(-1);
  const order = facetOf(desk, series.facet)?.classes.map((each) => each.value) ?? [];
  const seen = new Set(series.points.flatMap((point) => Object.keys(point.shares)));
  const names = [...order.filter((value) => seen.has(value)), ...[...seen].filter((value) => !order.includes(value))].map((value) => [value, className(desk, series.facet, value)]);
  return h("div.watch-card", null,
    h("h3", null, facetName(desk, series.facet), " ", h("small", null, t("watch.label"))),
    stack(series.points, names, facetName(desk, series.facet)),
    h("ul.legend", null, names.map(([value, name], n) => h("li", null, h(`i.c${n % 10}`, { "aria-hidden": "true" }), name, " ", h("b", null, whole(last.shares[value] ?? 0))))),
    drift(series, told));
}

function mean(series, told, desk) {
  const points = series.points.map((point) => ({ day: point.day, value: point.mean, title: t("watch.cases", { n: point.cases }) }));
  const name = series.facet ? facetName(desk, series.facet) : t("watch.text");
  return h("div.watch-card", null,
    h("h3", null, name, " ", h("small", null, t(`watch.${series.measure}`))),
    line(points, { label: t(`watch.${series.measure}`), most: 1, format: whole }),
    drift(series, told));
}

function agreement(each, told, desk) {
  const points = each.points.map((point) => ({
    day: point.day, value: point.share, alarm: point.share !== null && point.labelled >= 50 && point.share < told.limits.agreement,
    title: t("watch.corrected", point),
  }));
  return h("div.watch-card", null,
    h("h3", null, facetName(desk, each.facet), " ", h("small", null, t("watch.agreement"))),
    line(points, { label: t("watch.agreement"), limit: told.limits.agreement, most: 1, format: whole }));
}

// -- better or worse ----------------------------------------------------------------

const FEW = 50; // labels below which a share is not compared
const percent = (share) => share === null ? "–" : `${(100 * share).toFixed(1)}%`;

/** The panel of four weeks against the four before, class by class. */
export function trendPanel(told, desk) {
  const facets = told.facets.filter((each) => each.now.labelled > 0);
  const comparable = facets.some((each) => each.now.labelled >= FEW && each.before.labelled >= FEW);
  const worse = facets.flatMap((each) => worsened(each, desk));
  return h("section.panel.trend", null,
    h("h2", null, t("trend.title")),
    h("p.small", null, t("trend.text", { now: short(told.now), before: short(told.before) })),
    worse.map((words) => h("p.flag.bad", null, words)),
    worse.length === 0 && h("p", null, t(comparable ? "trend.steady" : "trend.few")),
    h("div.watch-grid", null, facets.map((each) => trendCard(each, desk))));
}

function worsened(each, desk) {
  const name = facetName(desk, each.facet);
  const change = (what, before, now) => t("trend.worse", { what, before: percent(before), now: percent(now) });
  return [
    ...(each.worse ? [change(`${name} · ${t("trend.changed")}`, each.before.changed, each.now.changed)] : []),
    ...each.classes.flatMap((of) => of.worse.map((kind) =>
      change(`${name} · ${className(desk, each.facet, of.value)} · ${t(`trend.${kind}`)}`, of.before[kind], of.now[kind]))),
  ];
}

function trendCard(each, desk) {
  const points = each.weeks.map((week) => ({ day: week.day, value: week.changed, title: t("watch.cases", { n: week.labelled }) }));
  const sums = ["changed", "confidence", "unsure"].map((name) => h("li", null,
    h("span", null, t(`trend.${name}`)), h("b", null, t("trend.pair", { now: percent(each.now[name]), before: percent(each.before[name]) }))));
  return h("div.watch-card", null,
    h("h3", null, facetName(desk, each.facet), " ", h("small", null, t("trend.weekly"))),
    line(points, { label: t("trend.weekly"), format: percent }),
    h("ul.pairs", null, sums),
    h("table.duel", null,
      h("thead", null, h("tr", null, ["class", "labelled", "wrong", "missed"].map((name) => h("th", { scope: "col" }, t(`trend.${name}`))))),
      h("tbody", null, each.classes.map((of) => h("tr", null,
        h("th", { scope: "row" }, className(desk, each.facet, of.value)),
        h("td", null, t("trend.pair", { now: of.now.labelled, before: of.before.labelled })),
        ["wrong", "missed"].map((kind) => h(`td${of.worse.includes(kind) ? ".bad" : ""}`, null, t("trend.pair", { now: percent(of.now[kind]), before: percent(of.before[kind]) }))))))));
}
