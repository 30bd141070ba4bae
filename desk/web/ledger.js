// The ledger of complaints by month, for those who supervise: counts by what they are about, and each with its ticket.
import { anew, h, lang, moment, say, t } from "./dom.js";
import { call } from "./door.js";
import { monthChoice, thisMonth } from "./months.js";
import { channelName } from "./queue.js";

const GROUPS = ["department", "cause", "product"];
const KINDS = { all: () => true, open: (one) => !one.resolved_at, major: (one) => one.major, repeated: (one) => one.repeats !== null, unreviewed: (one) => one.review_passed === null };

export function makeLedger(desk) {
  const page = h("main.bundles", { tabindex: "-1" });
  const look = { month: thisMonth(), by: "department", group: null, kind: "all" };
  const state = h("p.empty", { role: "status" }, t("loading"));
  let entries = null; // null: not read
  let turn = 0;

  async function read() {
    const mine = ++turn;
    try {
      const found = await call("GET", `/complaints/ledger?month=${look.month}`);
      if (mine !== turn) return;
      entries = found.complaints;
    } catch (error) {
      if (mine === turn) {
        entries = null;
        state.textContent = error.message;
      }
      desk.complain(error);
    }
    if (mine === turn) draw();
  }

  function draw() {
    anew(page, heading(desk, look, read), entries
      ? h("div.figures", null, tiles(entries, look, draw), groups(entries, look, desk, draw), table(entries, look, desk))
      : state);
  }

  page.leave = () => { turn += 1; };
  draw();
  read();
  return page;
}

function heading(desk, look, read) {
  const month = monthChoice({ last: thisMonth(), value: look.month, label: t("audit.month"), onchange: () => { Object.assign(look, { month: month.value, group: null }); read(); } });
  const file = (format) => h("a.button", { href: `/api/v1/complaints/ledger?month=${look.month}&format=${format}`, download: "" }, t("ledger.as", { format: format === "csv" ? "CSV" : "Excel" }));
  return h("header.bundles-head", null,
    h("h1", null, t("ledger.title")), h("span.spread", null), h("div.row", null, month, file("xlsx"), file("csv")),
    h("button.quiet.to-tickets", { type: "button", onclick: () => desk.closePage() }, t("bundles.back")));
}

/** How many there are of each kind; pressing one lists only those. */
function tiles(entries, look, draw) {
  return h("ul.tiles", { "aria-label": t("ledger.kinds") }, Object.entries(KINDS).map(([kind, fits]) => h("li.panel", null,
    h(`button.sum-button${kind === look.kind ? ".current" : ""}`, { type: "button", "data-kind": kind, "aria-pressed": String(kind === look.kind), onclick: () => { look.kind = kind; draw(); } },
      h("span", null, t(`ledger.${kind}`)), h("strong", null, String(entries.filter(fits).length))))));
}

function groups(entries, look, desk, draw) {
  const select = h("select", { "aria-label": t("figures.by"), onchange: () => { Object.assign(look, { by: select.value, group: null }); draw(); } },
    GROUPS.map((by) => h("option", { value: by, selected: by === look.by }, t(`complaint.${by}`))));
  const counted = Map.groupBy(entries, (one) => one[look.by]);
  const most = Math.max(1, ...[...counted.values()].map((ones) => ones.length));
  const bar = ([value, ones]) => h("li", null,
    h(`button.bar-button${value === look.group ? ".current" : ""}`, { type: "button", "data-group": value, "aria-pressed": String(value === look.group), onclick: () => { look.group = value === look.group ? null : value; draw(); } },
      h("span.bar-name", null, named(value, look.by, desk) || t("complaint.none")),
      h("span.meter", { "aria-hidden": "true", vars: { "--p": `${(100 * ones.length) / most}%` } }),
      h("b", null, String(ones.length)), h("small", null, t("ledger.of", { major: ones.filter(KINDS.major).length, repeated: ones.filter(KINDS.repeated).length }))));
  return h("section.panel", null,
    h("div.row", null, h("h2", null, t("figures.groups")), h("span.spread", null), h("label.then", null, h("span", null, t("figures.by")), select)),
    entries.length
      ? h("ul.bars", null, [...counted].sort(([, one], [, other]) => other.length - one.length).map(bar))
      : h("p.empty", null, t("ledger.none")));
}

/** A department has a name in each language; causes and products are as they were written. */
function named(value, by, desk) {
  return value && by === "department" ? desk.departmentName(value) : value;
}

const COLUMNS = ["number", "complained_at", "matter", "domain", "cause", "department", "product", "state", "owner", "outcome", "responsibility", "customer_word", "review_passed", "called_back_at", "resolved_at"];

/** What people have written, of any length. */
const LONG = new Set(["matter", "outcome", "responsibility"]);

function table(entries, look, desk) {
  const listed = entries.filter((one) => KINDS[look.kind](one) && (look.group === null || one[look.by] === look.group));
  return h("section.panel", null, h("h2", null, t("ledger.entries"), " ", h("small", null, String(listed.length))),
    listed.length
      ? h("div.apart.ledger", { tabindex: "0", role: "region", "aria-label": t("ledger.entries") }, h("table.duel.ledger-table", null,
        h("thead", null, h("tr", null, COLUMNS.map((name) => h("th", { scope: "col" }, t(`ledger.column.${name}`))))),
        h("tbody", null, listed.map((one) => h("tr", null, COLUMNS.map((name, n) => h(n ? "td" : "th", n ? {} : { scope: "row" }, cell(one, name, desk))))))))
      : h("p.empty", null, t("ledger.none.such")));
}

function cell(one, name, desk) {
  const value = one[name];
  if (name === "number") {
    return [h("button.link", { type: "button", "data-open": one.ticket_id, onclick: () => desk.open(one.ticket_id) }, value),
      one.major && h("span.chip.urgent", null, t("ledger.major")), one.repeats && h("span.chip", { title: one.repeats }, t("ledger.repeated"))];
  }
  if (value === null || value === "") return "–";
  if (name.endsWith("_at")) return [moment(value), name === "called_back_at" && !one.reached && ` ${t("ledger.missed")}`];
  if (name === "state") return [say(desk.state.names.states[value]), h("small", null, ` ${channelName(one.channel)}`)];
  if (name === "domain") return desk.className("domain", value);
  if (name === "customer_word") return [t(`complaint.word.${value}`), one.customer_said && `${t("mark.colon")}${one.customer_said}`];
  if (name === "review_passed") return `${t(value ? "ledger.passed" : "ledger.refused")}${lang() === "zh" ? "，" : ", "}${one.reviewed_by ?? ""}`;
  return LONG.has(name) ? h("span.ledger-said", { title: value }, value) : named(value, name, desk);
}
