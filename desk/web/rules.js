// The rules, for those who supervise: versions, what each changes, its review and rehearsal.
import { anew, ask, attempt, h, moment, notice, say, speak, t } from "./dom.js";
import { call, make } from "./door.js";
import { openDrafting } from "./drafting.js";
import { isEverything, lineChoice, lineFields, lineName, lineOf } from "./lines.js";
import { openReading } from "./panes.js";
import { playingPanel, rehearsal, ticketsField } from "./rehearsal.js";

/** Opens the view over the desk; it goes with Escape or its button. */
export async function openRules(desk) {
  const view = new Rules(desk);
  await openReading(view.dialog, view.list, () => view.read());
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
    this.playing = null; // {number, line, tickets, since, ended}: the rehearsal that is waited for
    this.dialog.addEventListener("close", () => {
      this.playing?.ended.abort();
      this.dialog.remove();
    });
    document.body.append(this.dialog);
  }

  async read(number) {
    const [{ versions, publications, channels }, { agents }] = await Promise.all([call("GET", "/rules"), call("GET", "/agents")]);
    this.people = new Map(agents.map((one) => [one.login, one.name]));
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
    if (this.number !== number) return; // another was chosen meanwhile
    this.shown = { version, changes };
    this.draw();
  }

  draw() {
    const { version, changes } = this.shown;
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
        h("button.quiet", { type: "button", disabled: this.playing !== null, onclick: () => this.act(() => this.rehearse(version)) }, t("rules.rehearse")),
        this.mayPublish && h("button.primary", { type: "button", onclick: () => this.act(() => this.publish(version)) }, t("rules.publish")),
        this.mayPublish && this.withBefore().length > 0 && h("button.danger", { type: "button", onclick: () => this.act(() => this.rollBack()) }, t("rules.rollback"))),
      h("p.small", null, version.why, " · ", version.created_by?.name ?? t("rules.system")),
      section(t("rules.findings"), version.findings.map((found) => h(`li.flag${found.level === "error" ? ".bad" : ""}`, null, say(found.setting) && h("b", null, say(found.setting), t("mark.colon")), say(found.text))), t("rules.fine")),
      this.general !== version.number && section(t("rules.changes", { number: this.general ?? "–" }), changes.map((change) => h("li", null, say(change.text))), t("rules.same")),
      this.rehearsed(version),
      section(t("rules.history"), made.map((publication) => h("li", null, moment(publication.at), ` ${lineName(this.desk, publication.line)} · ${publication.by?.name ?? t("rules.system")} · ${publication.why}`, publication.ended_at === null ? "" : ` (${t("rules.ended")})`)), t("rules.never")),
    ];
  }

  rehearsed(version) {
    const { playing } = this;
    const mine = playing?.number === version.number;
    if (!mine && !version.rehearsal) return null;
    return h("section", null, h("h4", { id: "rehearsal" }, t("rules.rehearsal")),
      mine ? playingPanel(playing, this.desk) : rehearsal(version.rehearsal, this.desk, this.people));
  }

  /** Nobody is affected by it: the last tickets are played, and nothing of them changes. */
  async rehearse(version) {
    const said = await ask({
      title: t("rules.rehearse.title", { number: version.number }), text: t("rules.rehearse.text"), submit: t("rules.rehearse"),
      fields: [ticketsField(), ...lineFields(this.desk, this.channels)].filter(Boolean),
    });
    if (!said) return;
    const asked = { line: lineOf(said), tickets: Number(said.get("tickets")) };
    const ended = new AbortController();
    this.playing = { number: version.number, ...asked, ended };
    this.draw();
    try {
      await call("POST", `/rules/${version.number}/rehearse`, asked, ended.signal);
    } catch (refused) {
      if (!ended.signal.aborted) throw refused;
    } finally {
      this.playing = null;
      if (this.dialog.isConnected) await this.choose(this.number);
    }
    if (!ended.signal.aborted) speak(t("rules.rehearsed"));
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
