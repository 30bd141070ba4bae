// The admins' page of classifier bundles: champion against challenger, and the way there.
import { anew, ask, h, moment, notice, say, span, t } from "./dom.js";
import { openDictionary } from "./dictionary.js";
import { call } from "./door.js";
import { openCanned } from "./suggest.js";
import { shadowPanel, trendPanel, watchPanel } from "./watch.js";

const SHORT = 8;
const EVERY_MS = 1500;

/** The page, which reads itself anew while a run is on its way; call leave() when it is left. */
export function makeBundles(desk) {
  const first = h("p.empty", { role: "status" }, t("loading"));
  const page = h("main.bundles", { tabindex: "-1" }, h("header.bundles-head", null, h("h1", null, t("bundles.title")), h("span.spread", null), back(desk)), first);
  let timer = null;
  let left = false;
  const look = { channel: "" };

  async function read() {
    clearTimeout(timer);
    try {
      const [racks, runs, { shadow }, watch] = await Promise.all(["/bundles", "/retrainings", "/bundles/shadow", "/bundles/watch"].map((path) => call("GET", path)));
      if (left) return;
      draw(page, { ...racks, ...runs, shadow, watch }, { desk, act, look });
      const live = runs.retrainings.some((run) => run.state === "waiting" || run.state === "running");
      if (live) timer = setTimeout(read, EVERY_MS);
    } catch (error) {
      first.textContent = error.message;
      desk.complain(error);
    }
  }

  async function act(work, done) {
    try {
      await work();
      if (done) notice(done);
    } catch (error) {
      desk.complain(error);
    }
    await read();
  }

  page.leave = () => {
    left = true;
    clearTimeout(timer);
  };
  read();
  return page;
}

function back(desk) {
  return h("button.quiet.to-tickets", { type: "button", onclick: () => desk.closePage() }, t("bundles.back"));
}

function draw(page, known, tools) {
  const [latest] = known.retrainings;
  const judged = known.retrainings.find((run) => run.outcome);
  anew(
    page,
    h("header.bundles-head", null,
      h("h1", null, t("bundles.title")), h("span.spread", null),
      h("button.quiet", { type: "button", onclick: () => tools.act(() => openCanned(tools.desk)) }, t("canned.title")),
      h("button.quiet", { type: "button", onclick: () => tools.act(() => openDictionary(tools.desk)) }, t("dictionary.title")),
      back(tools.desk)),
    h("div.bundles-grid", null,
      h("div.column", null, training(known, latest, tools), rack(known, tools)),
      h("div.column.wide", null,
        shadowPanel(known.shadow, tools),
        judged ? challenger(judged, known, tools) : h("section.panel", null, h("p.empty", null, t("bundles.none"))),
        trendPanel(known.watch.trend, tools.desk),
        watchPanel(known.watch, tools.look, tools.desk))));
}

// -- training -----------------------------------------------------------------------

function training(known, latest, { act }) {
  const live = latest && (latest.state === "waiting" || latest.state === "running");
  const start = h("button.primary", { type: "button", disabled: live, onclick: () => act(() => call("POST", "/retrainings", {})) }, t("bundles.retrain"));
  return h("section.panel", null,
    h("h2", null, t("bundles.training")),
    h("p", null, t("bundles.corrections", known.corrections)),
    latest && state(latest),
    live && h("div.progress", { role: "progressbar", "aria-valuenow": String(Math.round(latest.share * 100)), "aria-label": t("bundles.training"), vars: { "--p": `${latest.share * 100}%` } }),
    h("div.row", null, start,
      live && h("button.quiet", { type: "button", onclick: () => act(() => call("POST", `/retrainings/${latest.id}/cancel`)) }, t("ask.cancel"))));
}

function state(run) {
  const left = run.seconds_left === null || run.state !== "running" ? "" : t("bundles.left", { time: span(run.seconds_left) });
  const stage = run.state === "running" ? t(`bundles.stage.${run.stage}`) : "";
  return [
    h("p.run", null, h(`span.tag.run-${run.state}`, null, t(`bundles.state.${run.state}`)), h("span", null, [stage, left].filter(Boolean).join(" · ")),
      h("span.spread", null), h("small", null, moment(run.finished_at ?? run.created_at))),
    run.error && h("p.flag", { role: "alert" }, say(run.error)),
  ];
}

// -- the rack -----------------------------------------------------------------------

function rack(known, tools) {
  return h("section.panel", null,
    h("h2", null, t("bundles.rack")),
    h("ul.rack", null, known.bundles.map((bundle) => shelf(bundle, known, tools))));
}

function shelf(bundle, known, { desk, act }) {
  const serves = serving(bundle, known);
  const doubt = doubtOf(bundle, known);
  const refused = doubt === "bundles.promote.against";
  const shadowed = known.shadow?.bundle === bundle.id;
  const pinned = bundle.pinned_at !== null;
  return h("li.shelf", null,
    h("code", null, bundle.id.slice(0, SHORT)),
    serves && h("span.tag.state-resolved", null, t("bundles.serves")),
    shadowed && h("span.tag.run-running", null, t("shadow.tag")),
    refused && h("span.tag.run-failed", null, t("bundles.refused")),
    h("span.spread", null),
    pinned && h("span.tag", null, t("bundles.pinned")),
    h("small", null, moment(bundle.created_at)),
    bundle.dropped_at !== null ? h("small", { title: t("bundles.dropped.text") }, t("bundles.dropped"), " ", moment(bundle.dropped_at)) : serves
      ? bundle.replaced !== null && h("button.quiet", { type: "button", onclick: () => rollBack(bundle, known, { desk, act }) }, t("bundles.rollback"))
      : [
        h("button.quiet", { type: "button", title: t("bundles.pin.text"), onclick: () => act(() => call("POST", `/bundles/${bundle.id}/${pinned ? "unpin" : "pin"}`)) }, t(pinned ? "bundles.unpin" : "bundles.pin")),
        !shadowed && h("button.quiet", { type: "button", title: t("shadow.text"), onclick: () => act(() => call("POST", `/bundles/${bundle.id}/shadow`), t("shadow.begun")) }, t("shadow.begin")),
        h("button.quiet", { type: "button", onclick: () => promote(bundle, doubt, act) }, t("bundles.promote")),
      ]);
}

function why() {
  return h("label.field", null, t("bundles.why"), h("input", { name: "why", required: true, maxlength: "500" }));
}

function serving(bundle, known) {
  return bundle.id === known.champion;
}

/** Why promoting it takes more than a press: its gate refused it, or says nothing of today; or null. */
function doubtOf(bundle, known) {
  const run = known.retrainings.find((each) => each.bundle_id === bundle.id && each.outcome);
  if (run && !run.outcome.verdict.passed) return "bundles.promote.against";
  return outdated(bundle, run, known) ? "bundles.promote.outdated" : null;
}

// Its gate compared it with a champion that serves no more; who has served before needs none.
function outdated(bundle, run, known) {
  const against = run?.outcome.promoted;
  return against !== undefined && !bundle.promoted_at && against !== known.champion;
}

async function promote(bundle, doubt, act) {
  const form = await ask({
    title: t("bundles.promote.title", { id: bundle.id.slice(0, SHORT) }), text: t(doubt ?? "bundles.promote.text"),
    fields: [why()], submit: t("bundles.promote"), danger: doubt !== null,
    send: (said) => call("POST", `/bundles/${bundle.id}/promote`, { why: said.get("why"), against_gate: doubt !== null }),
  });
  if (form) await act(() => {}, t("bundles.promoted"));
}

/** Which one comes back is said before it does, and what is given up or won by it. */
async function rollBack(bundle, known, { desk, act }) {
  const back = known.bundles.find((each) => each.id === bundle.replaced);
  const figures = h("div.back-figures", { "aria-live": "polite" }, h("p.small", null, t("bundles.rollback.comparing")));
  exchange(bundle, back, known).then(
    (golden) => anew(figures, exchanged(golden, desk)),
    (error) => anew(figures, h("p.flag", null, t("bundles.rollback.uncompared", { problem: error.message }))));
  const form = await ask({
    title: t("bundles.rollback.title", { id: back.id.slice(0, SHORT) }), text: t("bundles.rollback.text", { id: bundle.id.slice(0, SHORT) }),
    fields: [h("p.small", null, t("bundles.rollback.made"), " ", moment(back.created_at), " · ", t("bundles.rollback.served"), " ", moment(back.promoted_at)), figures, why()],
    submit: t("bundles.rollback"), danger: true,
    send: (said) => call("POST", "/bundles/rollback", { why: said.get("why"), champion: bundle.id }),
  });
  if (form) await act(() => {}, t("bundles.promoted"));
}

/** Both on the golden set: what the gate found where it compared these two, else compared now. */
async function exchange(bundle, back, known) {
  const run = known.retrainings.find((each) => each.bundle_id === bundle.id && each.outcome?.promoted === back.id);
  return run ? run.outcome.golden : (await call("GET", `/bundles/${back.id}/compare/${bundle.id}`)).facets;
}

function exchanged(golden, desk) {
  const row = ([facet, { macro_f1: { champion, challenger, difference } }]) => h("tr", null,
    h("th", { scope: "row" }, facetName(desk, facet)), h("td", null, percent(challenger)), h("td", null, percent(champion)),
    h(`td.${difference < 0 ? "good" : difference > 0 ? "bad" : "even"}`, null, points(-difference)));
  return h("table.duel", null,
    h("caption.small", null, t("bundles.rollback.figures")),
    h("thead", null, h("tr", null, ["facet", "now", "back", "difference"].map((name) => h("th", { scope: "col" }, t(`bundles.rollback.${name}`))))),
    h("tbody", null, Object.entries(golden).map(row)));
}

// -- champion against challenger ----------------------------------------------------

function challenger(run, known, tools) {
  const { outcome } = run;
  const passed = outcome.verdict.passed;
  const bundle = known.bundles.find((each) => each.id === run.bundle_id);
  const waits = bundle && bundle.dropped_at === null && !serving(bundle, known);
  return [
    h(`section.panel.verdict.${passed ? "passed" : "refused"}`, null,
      h("div.row", null,
        h("h2", null, t(`bundles.gate.${passed ? "passed" : "refused"}`), " ", h("code", null, run.bundle_id.slice(0, SHORT))), h("span.spread", null),
        passed && waits && h("button.primary", { type: "button", "data-promote": bundle.id, onclick: () => promote(bundle, doubtOf(bundle, known), tools.act) }, t("bundles.promote"))),
      run.bundle_id === outcome.promoted ? h("p.flag", null, t("bundles.gate.same")) : run.bundle_id === known.champion && h("p.settled", null, t("bundles.gate.serves")),
      h("p.small", null, t("bundles.counts", outcome.counts), " ", t("bundles.f1")),
      h("ul.checks", null, outcome.verdict.reasons.map((reason) =>
        h(`li.${reason.ok ? "good" : "bad"}`, null, h("b", { "aria-hidden": "true" }, reason.ok ? "✓" : "✗"),
          h("span", null, h("b", null, facetName(tools.desk, reason.facet)), " ", reasonText(tools.desk, reason)))))),
    outcome.suspects.length > 0 && suspects(outcome.suspects, tools),
    Object.entries(outcome.golden).map(([facet, figures]) => comparison(facet, figures, tools.desk)),
  ];
}

function facetName(desk, facet) {
  const spec = desk.state.names.facets.find((each) => each.facet === facet);
  return spec ? say(spec.name) : facet;
}

/** What the gate found; classes, which it quotes by their keys, as people call them. */
function reasonText(desk, reason) {
  return say(reason).replace(/“([^”]+)”/g, (_, value) => `“${desk.className(reason.facet, value)}”`);
}

function comparison(facet, figures, desk) {
  const rows = [[t("bundles.macro"), figures.macro_f1, figures.cases], ...Object.entries(figures.classes).map(([value, figure]) => [desk.className(facet, value), figure, figure.cases])];
  return h("section.panel", null,
    h("h2", null, facetName(desk, facet), " ", h("small", null, t("bundles.on.golden", { cases: figures.cases }))),
    h("div.side", { tabindex: "0", role: "region", "aria-label": facetName(desk, facet) },
      h("table.duel.totals", null,
        h("thead", null, h("tr", null, ["class", "cases", "champion", "challenger", "difference", "interval"].map((name) => h("th", { scope: "col" }, t(`bundles.column.${name}`))))),
        h("tbody", null, rows.map(([name, figure, cases]) => duel(name, figure, cases)))),
      confusion(facet, figures, desk)));
}

const percent = (share) => (100 * share).toFixed(1);
const points = (share) => `${share > 0 ? "+" : share < 0 ? "−" : ""}${Math.abs(100 * share).toFixed(1)}`;

function duel(name, figure, cases) {
  const [low, high] = figure.interval;
  const sure = low > 0 ? "good" : high < 0 ? "bad" : "even";
  return h("tr", null,
    h("th", { scope: "row" }, name), h("td", null, String(cases)),
    h("td", null, percent(figure.champion)), h("td", null, percent(figure.challenger)),
    h(`td.${sure}`, null, points(figure.difference)),
    h("td", null, whisker(figure, sure)));
}

/** The interval on a scale of ±20 points, zero in the middle. */
function whisker(figure, sure) {
  const at = (share) => `${Math.min(100, Math.max(0, 50 + share * 250))}%`;
  const [low, high] = figure.interval;
  return h(`span.whisker.${sure}`, { role: "img", "aria-label": `${points(low)} … ${points(high)}`, title: `${points(low)} … ${points(high)}`, vars: { "--low": at(low), "--high": at(high), "--mid": at(figure.difference) } }, h("i"), h("b"));
}

/** How many more (or fewer) of each true class the challenger decides as each class. */
function confusion(facet, figures, desk) {
  const [before, after] = figures.confusion;
  const most = Math.max(1, ...after.flatMap((row, at) => row.map((cell, to) => Math.abs(cell - before[at][to]))));
  const names = figures.labels.map((value) => desk.className(facet, value));
  return h("div.confusion", null,
    h("p.small", null, t("bundles.confusion")),
    h("table", null,
      h("thead", null, h("tr", null, h("td"), names.map((name) => h("th", { scope: "col" }, h("span", null, name))))),
      h("tbody", null, after.map((row, at) => h("tr", null, h("th", { scope: "row" }, names[at]),
        row.map((cell, to) => {
          const change = cell - before[at][to];
          const better = change !== 0 && (at === to) === change > 0;
          const kind = change === 0 ? "same" : better ? "good" : "bad";
          return h(`td.${kind}`, { vars: { "--w": String(Math.abs(change) / most) } }, change === 0 ? "·" : change > 0 ? `+${change}` : `−${-change}`);
        }))))));
}

function suspects(found, { desk, act }) {
  return h("section.panel", null,
    h("h2", null, t("bundles.suspects")),
    h("p.small", null, t("bundles.suspects.text")),
    h("ul.suspects", null, found.map((suspect) => h("li", null,
      h("span", null, h("b", null, suspect.name || suspect.agent), " ",
        t("bundles.suspect", {
          facet: facetName(desk, suspect.facet), before: desk.className(suspect.facet, suspect.before), after: desk.className(suspect.facet, suspect.after),
          against: suspect.against, given: suspect.given, usual: Math.round(100 * suspect.usual), golden: points(suspect.influence?.golden?.[suspect.facet] ?? 0),
        })),
      h("button.quiet", { type: "button", onclick: () => act(() => call("POST", "/corrections/exclusions", { corrections: suspect.corrections }), t("bundles.excluded", { given: suspect.given })) }, t("bundles.exclude"))))));
}
