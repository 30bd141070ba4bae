// The rules, for those who supervise: versions, what each changes, its review and rehearsal.
import { anew, ask, attempt, h, moment, notice, say, t } from "./dom.js";
import { call, make } from "./door.js";
import { openDrafting } from "./drafting.js";
import { isEverything, lineChoice, lineFields, lineName, lineOf } from "./lines.js";

/** Opens the view over the desk; it goes with Escape or its button. */
export async function openRules(desk) {
  const view = new Rules(desk);
  await view.read();
  view.dialog.showModal();
}

class Rules {
  constructor(desk) {
    this.desk = desk;
    this.mayPublish = desk.state.me.role === "admin";
    this.list = h("ul.cards", null);
    this.detail = h("section.rules-detail", { "aria-live": "polite" });
    this.dialog = h("dialog.rules", { "aria-labelledby": "rules-title" },
      h("header.row", null,
        h("h2", { id: "rules-title" }, t("rules")), h("span.spread", null),
        h("button.quiet", { type: "button", onclick: () => this.dialog.close() }, t("rules.close"))),
      h("div.rules-rooms", null, h("nav", { "aria-label": t("rules.versions") }, this.list), this.detail));
    this.dialog.addEventListener("close", () => this.dialog.remove());
    document.body.append(this.dialog);
  }

  async read(number) {
    const { versions, publications, channels } = await call("GET", "/rules");
    this.versions = versions;
    this.channels = channels;
    this.inForce = publications.filter((made) => made.ended_at === null);
    this.publications = publications;
    this.general = this.inForce.find(({ line }) => isEverything(line))?.number;
    await this.choose(number ?? versions[0]?.number);
  }

  async choose(number) {
    this.number = number;
    this.drawList();
    if (number === undefined) return;
    const version = await call("GET", `/rules/${number}`);
    const compared = this.general && this.general !== number;
    const { changes } = compared ? await call("GET", `/rules/${number}/diff?against=${this.general}`) : { changes: [] };
    anew(this.detail, this.parts(version, changes).filter(Boolean));
  }

  drawList() {
    anew(this.list, this.versions.map((version) => {
      const lines = this.inForce.filter((made) => made.number === version.number).map((made) => lineName(this.desk, made.line));
      return h("li", null,
        h(`button.card${version.number === this.number ? ".current" : ""}`,
          { type: "button", "data-version": version.number, onclick: () => this.act(() => this.choose(version.number)) },
          h("span.card-top", null,
            h("b", null, t("rules.version", { number: version.number })),
            h(`span.tag.rules-${version.state}`, null, t(`rules.state.${version.state}`)),
            h("span.spread", null), moment(version.created_at)),
          h("span.card-title", null, version.why),
          lines.length > 0 && h("span.card-labels", null, lines.map((name) => h("span.chip", null, name)))));
    }));
  }

  parts(version, changes) {
    const made = this.publications.filter((publication) => publication.number === version.number);
    return [
      h("div.row", null, h("h3", null, t("rules.version", { number: version.number })), h("span.spread", null),
        h("button.quiet", { type: "button", onclick: () => this.act(() => this.draft(version)) }, t("rules.draft")),
        this.mayPublish && h("button.primary", { type: "button", onclick: () => this.act(() => this.publish(version)) }, t("rules.publish")),
        this.mayPublish && this.withBefore().length > 0 && h("button.danger", { type: "button", onclick: () => this.act(() => this.rollBack()) }, t("rules.rollback"))),
      h("p.small", null, version.why, " · ", version.created_by?.name ?? t("rules.system")),
      section(t("rules.findings"), version.findings.map((found) => h(`li.flag${found.level === "error" ? ".bad" : ""}`, null, say(found.setting) && h("b", null, say(found.setting), t("mark.colon")), say(found.text))), t("rules.fine")),
      this.general !== version.number && section(t("rules.changes", { number: this.general ?? "–" }), changes.map((change) => h("li", null, say(change.text))), t("rules.same")),
      version.rehearsal && h("section", null, h("h4", null, t("rules.rehearsal")), rehearsal(version.rehearsal, this.desk)),
      section(t("rules.history"), made.map((publication) => h("li", null, moment(publication.at), ` ${lineName(this.desk, publication.line)} · ${publication.by?.name ?? t("rules.system")} · ${publication.why}`, publication.ended_at === null ? "" : ` (${t("rules.ended")})`)), t("rules.never")),
    ];
  }

  async publish(version) {
    const answer = await ask({
      title: t("rules.publish.title", { number: version.number }), text: t("rules.publish.text"), submit: t("rules.publish"),
      fields: [why(), ...lineFields(this.desk, this.channels),
        version.findings.some((found) => found.level === "error") && h("label.row", null, h("input", { type: "checkbox", name: "despite", "data-anew": true }), t("rules.despite"))].filter(Boolean),
      send: (said) => call("POST", `/rules/${version.number}/publish`, { why: said.get("why"), line: lineOf(said), despite: said.has("despite") }),
    });
    if (!answer) return;
    notice(t("rules.published", { number: version.number }));
    await this.read(version.number);
  }

  /** The lines whose tickets went by other rules before: the first general ones replaced nothing. */
  withBefore() {
    const first = this.publications.filter(({ line }) => isEverything(line)).length < 2;
    return this.inForce.map((made) => made.line).filter((line) => !(first && isEverything(line)));
  }

  async rollBack() {
    const lines = this.withBefore();
    const key = {};
    let back;
    let line;
    await ask({
      title: t("rules.rollback.title"), text: t("rules.rollback.text"), submit: t("rules.rollback"), danger: true,
      fields: [why(), lineChoice(this.desk, lines)],
      send: async (said) => {
        line = lines[Number(said.get("line"))];
        back = await make("/rules/rollback", { why: said.get("why"), line }, key);
      },
    });
    if (!back) return;
    // Without an earlier version of its own a line of business goes by the general one.
    const number = back.publications[0]?.number ?? this.general;
    notice(t("rules.rolled", { number, line: lineName(this.desk, line) }));
    await this.read(number);
  }

  draft(version) {
    const { versions, publications, channels } = this;
    return openDrafting(this.desk, version, { versions, publications, channels }, (number) => this.read(number));
  }

  act(work) {
    return attempt(this.desk, work);
  }
}

function why() {
  return h("label.field", null, t("rules.why"), h("input", { name: "why", required: true, maxlength: "500", autocomplete: "off" }));
}

function section(title, items, none) {
  return h("section", null, h("h4", null, title), items.length ? h("ul.plain", null, items) : h("p.small", null, none));
}

function percent(share) {
  return share === null ? "–" : `${(share * 100).toFixed(1)} %`;
}

/** What a rehearsal came to: the live rules beside the draft. */
function rehearsal({ tickets, live, draft, differences, bound, busiest }, desk) {
  const rows = [["rules.sla", "sla", percent], ["rules.mean", "mean_wait", seconds], ["rules.p95", "p95_wait", seconds]];
  return h("div", null,
    h("table", null,
      h("thead", null, h("tr", null, h("th", null, t("rules.tickets", { tickets })), h("th", null, t("rules.live")), h("th", null, t("rules.draft.side")))),
      h("tbody", null,
        rows.map(([name, key, form]) => row(t(name), form(live[key]), form(draft[key]))),
        Object.keys(draft.by_urgency).map((urgency) => row(`${t("rules.sla")} · ${desk.className("urgency", urgency)}`, percent(live.by_urgency[urgency]?.sla ?? null), percent(draft.by_urgency[urgency].sla))),
        row(t("rules.occupancy"), percent(live.occupancy.mean), percent(draft.occupancy.mean)))),
    h("p.small", null, t("rules.moved", differences), " ", t("rules.bound", { whole: percent(bound.occupancy), busiest: percent(busiest?.occupancy ?? null) })));
}

function row(name, before, after) {
  return h("tr", null, h("th", null, name), h("td", null, before), h("td", null, after));
}

function seconds(value) {
  if (value === null) return "–";
  const [unit, size] = value < 120 ? ["s", 1] : value < 7200 ? ["m", 60] : ["h", 3600];
  return t(`rules.${unit}`, { n: Math.round(value / size) });
}
