// The supervisors' page of figures: a period by day and by group, and the month's file.
import { anew, h, has, lang, span, t } from "./dom.js";
import { line } from "./charts.js";
import { call } from "./door.js";
import { monthChoice } from "./months.js";
import { channelName } from "./queue.js";

const TILES = ["volume", "first_answer", "resolved", "resolution", "kept_first_answer", "reopen_rate", "complaint_rate", "satisfaction", "solved_rate", "occupancy"];
const TRENDS = ["volume", "first_answer", "kept_first_answer", "reopen_rate"];

/** A figure as people read it; nothing where there was nothing to count it of. */
export function shown(value, unit) {
  if (value === null) return "–";
  if (unit === "share") return `${(100 * value).toFixed(1)}%`;
  if (unit === "score") return value.toFixed(2);
  return unit === "seconds" ? span(value) : value.toLocaleString();
}

export function makeFigures(desk) {
  const page = h("main.bundles", { tabindex: "-1" });
  const asked = { days: "30", by: "channel" };
  let turn = 0;

  async function read() {
    const mine = ++turn;
    // Days are those of the house, which the server knows.
    const query = (more) => call("GET", `/figures?${new URLSearchParams({ days: asked.days, ...more })}`);
    try {
      const [whole, daily, groups] = await Promise.all([query({}), query({ every: "day" }), query({ by: asked.by })]);
      if (mine === turn) draw(page, { whole, daily, groups }, { desk, asked, read });
    } catch (error) {
      if (mine === turn && first.isConnected) first.textContent = error.message;
      desk.complain(error);
    }
  }

  const first = h("p.empty", { role: "status" }, t("loading"));
  page.append(heading(desk), first);
  page.leave = () => { turn += 1; };
  read();
  return page;
}

function heading(desk, ...tools) {
  return h("header.bundles-head", null,
    h("h1", null, t("figures.title")), h("span.spread", null), tools,
    h("button.quiet.to-tickets", { type: "button", onclick: () => desk.closePage() }, t("bundles.back")));
}

function draw(page, known, { desk, asked, read }) {
  const choose = (name, values, words) => {
    const select = h("select", { "aria-label": t(`figures.${name}`), onchange: () => { asked[name] = select.value; read(); } },
      values.map((value) => h("option", { value, selected: value === asked[name] }, words(value))));
    return h("label.then", null, h("span", null, t(`figures.${name}`)), select);
  };
  anew(
    page,
    heading(desk, choose("days", ["7", "30", "90"], (days) => t("figures.last", { days })), monthFile(known.whole.last)),
    h("div.figures", null,
      tiles(known.whole),
      h("section.panel", null, h("h2", null, t("figures.trend")),
        h("div.watch-grid", null, TRENDS.map((name) => trend(known.daily, name)))),
      h("section.panel", null,
        h("div.row", null, h("h2", null, t("figures.groups")), h("span.spread", null),
          choose("by", known.whole.dimensions, (by) => t(`figures.by.${by}`))),
        table(known.groups, asked.by, desk)),
      h("details.panel", null, h("summary", null, t("figures.meaning")),
        h("dl.meanings", null, Object.values(known.whole.figures).map((figure) => [h("dt", null, title(figure)), h("dd", null, definition(figure))])))));
}

/** A month's figures as a file. */
function monthFile(last) {
  const month = monthChoice({ last: last.slice(0, 7), value: last.slice(0, 7), label: t("figures.month") });
  const fetch = () => location.assign(`/api/v1/figures/month?month=${month.value}`);
  return h("div.row", null, month, h("button.quiet", { type: "button", onclick: fetch }, t("figures.file")));
}

const title = (figure) => (lang() === "zh" ? figure.zh : figure.en);

function tiles({ figures, rows }) {
  const [row] = rows;
  return h("ul.tiles", null, TILES.map((name) => h("li.panel", { title: definition(figures[name]) },
    h("span", null, title(figures[name])),
    h("strong", null, shown(row.values[name], figures[name].unit)))));
}

const definition = (figure) => (lang() === "zh" ? figure.says_zh : figure.says_en);

function trend({ starts, figures, rows }, name) {
  const { unit } = figures[name];
  const points = rows.map((row) => ({ day: starts[row.period], value: row.values[name], alarm: false }));
  const drawn = points.some((point) => point.value !== null) &&
    line(points, { label: title(figures[name]), format: (value) => (unit === "share" ? `${Math.round(100 * value)}%` : shown(unit === "seconds" ? rough(value) : Math.round(value), unit)), most: unit === "share" ? 1 : null });
  return h("div.watch-card", null, h("h3", null, title(figures[name])), drawn || h("p.empty", null, t("figures.nothing")));
}

/** Seconds to their largest unit alone: a scale has room for no more. */
function rough(seconds) {
  const unit = [86400, 3600, 60].find((size) => seconds >= size) ?? 1;
  return Math.round(seconds / unit) * unit;
}

function table({ figures, rows }, by, desk) {
  const names = Object.keys(figures).filter((name) => rows.some((row) => row.values[name] !== null));
  if (!rows.length) return h("p.empty", null, t("figures.none"));
  const sorted = [...rows].sort((one, other) => other.values.volume - one.values.volume);
  return h("div.apart", { tabindex: "0" }, h("table.duel.figures-table", { "aria-label": t("figures.groups") },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, t(`figures.by.${by}`)),
      names.map((name) => h("th", { scope: "col", title: definition(figures[name]) }, title(figures[name]))))),
    h("tbody", null, sorted.map((row) => h("tr", null,
      h("th", { scope: "row" }, groupName(row, by, desk)),
      names.map((name) => h("td", null, shown(row.values[name], figures[name].unit))))))));
}

const FACETS = ["domain", "region"]; // their names are the taxonomy's, in both languages

function groupName(row, by, desk) {
  if (!row.group) return t("figures.unknown");
  if (FACETS.includes(by)) return desk.className(by, row.group);
  if (by === "tier" && has(`tier.${row.group}`)) return t(`tier.${row.group}`);
  return by === "channel" ? channelName(row.group) : row.name;
}
