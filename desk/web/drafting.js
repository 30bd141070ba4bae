// A draft of the rules being written: as a form or as its source, with what a review says and what it changes.
import { anew, ask, attempt, h, notice, once, say, t } from "./dom.js";
import { call, make } from "./door.js";
import { draftOf, keep } from "./drafts.js";
import { isObject, Sheet } from "./fields.js";
import { lineFields, lineName, lineOf } from "./lines.js";
import { RuleForm, SECTIONS } from "./ruleform.js";

const PATIENCE = 400; // ms without a change before it is reviewed again
const LOOK_AROUND = 20_000; // ms between looks at what others do meanwhile

/** Opens a draft that is based on a version; ``saved`` is told the number of what was kept. */
export async function openDrafting(desk, version, known, saved) {
  const [{ content }, { agents }] = await Promise.all([call("POST", "/rules/review", { content: version.content }), call("GET", "/agents")]);
  const logins = agents.filter(({ login }) => login).map(({ login, name }) => [login, `${name}（${login}）`]);
  await new Drafting(desk, version, content ?? version.content, known, logins, saved).open();
}

class Drafting {
  constructor(desk, version, content, known, logins, saved) {
    Object.assign(this, { desk, version, logins, saved, channels: known.channels });
    this.whole = without(content, "version"); // numbered by the system
    this.seen = seenOf(known);
    this.kept = draftOf(`rules/${version.number}`, () => ({}));
    this.key = {};
    this.line = { channels: [], accounts: [], domains: [] };
    this.asked = 0;
    const found = this.kept.typed;
    this.sheet = new Sheet(found ? JSON.parse(found.content) : structuredClone(this.whole), () => this.changed());
    this.found = { content: null, findings: [], against: null, changes: [] };
    this.moved = h("div.said", { role: "alert" });
    this.begun = h("div.flag.row", { role: "note", hidden: !found }, h("span", null, t("draft.begun")), h("span.spread", null),
      h("button.link", { type: "button", onclick: () => this.startAnew() }, t("draft.anew")));
    this.build();
  }

  build() {
    const tab = (name) => h("button.tab", { type: "button", "data-tab": name, onclick: () => this.turn(name) }, t(`draft.tab.${name}`));
    this.tabs = ["form", "source"].map(tab);
    this.form = new RuleForm(this.desk, this.sheet, this);
    this.source = h("textarea.code", { spellcheck: "false", "aria-label": t("rules.content"), "aria-describedby": "source-said", oninput: () => this.read() });
    this.slip = h("p.flag.bad", { id: "source-said", role: "alert", hidden: true });
    this.sourcePane = h("div.rule-source", { hidden: true }, h("p.small", null, t("draft.source.text")), this.slip, this.source);
    this.nav = h("nav.rule-nav", { "aria-label": t("draft.sections") }, SECTIONS.map((name) => h("button.link", { type: "button", onclick: () => this.goTo(name) }, t(`draft.section.${name}`))));
    this.main = h("div.rule-main", { tabindex: "-1" }, this.begun, this.form.element, this.sourcePane);
    this.review = h("div.rule-review", null);
    this.aside = h("aside.rule-aside", { "aria-label": t("rules.findings"), tabindex: "-1" }, this.moved, this.review, this.lineChoice());
    this.state = h("button.link.rule-state", { type: "button", onclick: () => this.lookAtReview() });
    this.dialog = h("dialog.rules.drafting", { "aria-labelledby": "drafting-title" },
      h("header.row", null,
        h("h2", { id: "drafting-title" }, t("rules.draft.title", { number: this.version.number })), h("span.spread", null),
        h("div.row", { role: "group", "aria-label": t("draft.tabs") }, this.tabs),
        h("button.quiet", { type: "button", onclick: () => this.dialog.close() }, t("rules.close"))),
      h("div.rule-rooms", null, this.nav, this.main, this.aside),
      h("footer.row", null, h("span", { role: "status" }, this.state), h("span.spread", null),
        h("button.primary", { type: "button", onclick: once(() => this.act(() => this.save())) }, t("draft.save"))));
    this.dialog.addEventListener("close", () => this.leave());
  }

  async open() {
    this.turn("form");
    document.body.append(this.dialog);
    await this.look();
    this.dialog.showModal();
    this.main.focus();
    this.around = setInterval(() => {
      if (this.dialog.isConnected) this.act(() => this.lookAround());
      else clearInterval(this.around); // the session ended, and took it away
    }, LOOK_AROUND);
  }

  leave() {
    clearTimeout(this.timer);
    clearInterval(this.around);
    this.dialog.remove();
    if (this.kept.typed) notice(t("draft.kept"));
  }

  act(work) {
    return attempt(this.desk, work);
  }

  // -- what is written ----------------------------------------------------------------

  get changes() {
    return JSON.stringify(this.sheet.content) !== JSON.stringify(this.whole);
  }

  /** Kept at once, reviewed when the writer pauses. */
  changed() {
    if (this.changes) this.kept.typed = { content: JSON.stringify(this.sheet.content) };
    else delete this.kept.typed;
    keep();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.act(() => this.look()), PATIENCE);
  }

  startAnew() {
    this.sheet.content = structuredClone(this.whole);
    this.begun.hidden = true;
    this.changed();
    this.slip.hidden = true;
    this.turn(this.tab);
    this.main.focus();
  }

  /** Shows the form or the source; from a source that cannot be read there is no way to a form. */
  turn(tab) {
    if (tab === "form" && !this.slip.hidden) return this.source.focus();
    this.tab = tab;
    for (const each of this.tabs) {
      each.classList.toggle("current", each.dataset.tab === tab);
      each.setAttribute("aria-pressed", String(each.dataset.tab === tab));
    }
    this.form.element.hidden = this.nav.hidden = tab !== "form";
    this.sourcePane.hidden = tab !== "source";
    this.dialog.classList.toggle("as-source", tab === "source");
    if (tab === "form") this.form.draw();
    else this.source.value = JSON.stringify(this.sheet.content, null, 2);
  }

  /** The source as it is being written: the form follows as soon as it can be read. */
  read() {
    const problem = problemOf(this.source.value);
    this.slip.hidden = !problem;
    this.slip.textContent = problem;
    this.source[problem ? "setAttribute" : "removeAttribute"]("aria-invalid", "true");
    if (problem) return this.drawState();
    this.sheet.content = without(JSON.parse(this.source.value), "version");
    this.changed();
  }

  // -- what is said of it -------------------------------------------------------------

  async look() {
    const asked = ++this.asked;
    const found = await call("POST", "/rules/review", { content: this.sheet.content, line: this.line });
    if (asked !== this.asked) return; // it was changed again since
    this.found = found;
    this.form.show(found.findings, found.changes);
    this.drawReview();
  }

  drawReview() {
    const { findings, changes, against, content } = this.found;
    const far = (finding) => {
      const name = this.form.nameOf(finding.where);
      return h(`li.flag${finding.level === "error" ? ".bad" : ""}`, null, name && h("b", null, name, t("mark.colon")), say(finding.text),
        name !== null && [" ", h("button.link", { type: "button", "data-go": finding.where, onclick: () => this.goTo(finding.where) }, t("draft.go"))]);
    };
    anew(this.review,
      part(t("rules.findings"), findings.map(far), t("rules.fine")),
      content && part(against ? t("rules.changes", { number: against }) : t("draft.changes"), changes.map((change) => h("li", null, say(change.text))), t("rules.same")));
    this.drawState();
  }

  drawState() {
    const errors = this.errors.length;
    const words = !this.slip.hidden ? t("draft.state.source") : t(errors ? "draft.state.errors" : "draft.state.fine", { n: errors, changes: this.found.changes.length });
    if (this.state.textContent !== words) this.state.textContent = words; // said anew only when it is
    this.state.classList.toggle("danger", errors > 0 || !this.slip.hidden);
  }

  get errors() {
    return this.found.findings.filter(({ level }) => level === "error");
  }

  lookAtReview() {
    this.aside.scrollIntoView({ block: "start" });
    this.aside.focus({ preventScroll: true });
  }

  /** To a section by its name, or to the field of a setting. */
  goTo(where) {
    if (this.tab !== "form") this.turn("form");
    if (this.tab !== "form") return;
    const heading = SECTIONS.includes(where) && this.form.element.querySelector(`#rule-${where}-title`);
    if (!heading) return this.form.go(where);
    heading.focus({ preventScroll: true });
    heading.scrollIntoView({ block: "start" });
  }

  /** What it is meant for: it is reviewed as if it were published there, and compared with what is in force there. */
  lineChoice() {
    const name = h("b", null, lineName(this.desk, this.line));
    const form = h("form.rule-line", { onsubmit: (event) => event.preventDefault(), oninput: () => {
      this.line = lineOf(new FormData(form));
      name.textContent = lineName(this.desk, this.line);
      this.changed();
    } }, lineFields(this.desk, this.channels));
    return h("details.rule-field", null, h("summary", null, t("draft.line"), " ", name), h("p.small", null, t("draft.line.text")), form);
  }

  // -- what others do meanwhile ---------------------------------------------------------

  async lookAround() {
    const known = await call("GET", "/rules");
    const told = meanwhile(this.desk, this.seen, known);
    const words = told.map((each) => h("p.flag", null, each));
    if (this.moved.textContent !== told.join("")) this.moved.replaceChildren(...words);
    return { known, told };
  }

  // -- saving ---------------------------------------------------------------------------

  async save() {
    if (!this.slip.hidden) return this.source.focus();
    clearTimeout(this.timer);
    await this.look();
    if (!this.found.content) {
      notice(t("draft.unfit"), "bad");
      return this.goTo(this.errors[0].where);
    }
    const others = h("div.said", { role: "alert" });
    const tell = async () => {
      const { known, told } = await this.lookAround();
      others.replaceChildren(...told.map((each) => h("p.flag", null, each)), ...(told.length ? [h("p.small", null, t("draft.moved.text"))] : []));
      return seenOf(known);
    };
    let seen = await tell();
    let number;
    const answer = await ask({
      title: t("draft.save.title", { number: this.version.number }), submit: t("draft.save"),
      fields: [
        others,
        part(this.found.against ? t("rules.changes", { number: this.found.against }) : t("draft.changes"), this.found.changes.map((change) => h("li", null, say(change.text))), t("rules.same")),
        this.errors.length > 0 && h("p.flag.bad", null, t("draft.save.errors", { n: this.errors.length })),
        h("label.field", null, t("rules.why"), h("input", { name: "why", required: true, maxlength: "500", autocomplete: "off" })),
      ].filter(Boolean),
      send: async (said) => {
        try {
          ({ number } = await make("/rules", { content: this.sheet.content, why: said.get("why"), based_on: this.version.number, seen }, this.key));
        } catch (refused) {
          if (refused.code === "rules_moved") seen = await tell();
          throw refused;
        }
      },
    });
    if (!answer) return;
    delete this.kept.typed;
    keep();
    this.dialog.close();
    notice(t("draft.saved", { number }));
    await this.saved(number);
  }
}

/** What whoever drafts has looked at, as the server wants to know it. */
function seenOf({ versions, publications }) {
  return { version: versions[0].number, in_force: publications.filter(({ ended_at }) => ended_at === null).map(({ id }) => id) };
}

/** What was drafted, published and taken back since, in words. */
function meanwhile(desk, seen, { versions, publications }) {
  const who = (person) => person?.name ?? t("rules.system");
  const live = publications.filter(({ ended_at }) => ended_at === null);
  const ended = publications.filter(({ id, ended_at }) => ended_at !== null && seen.in_force.includes(id));
  const fresh = live.filter(({ id }) => !seen.in_force.includes(id));
  const about = ({ number, line, why }) => ({ number, line: lineName(desk, line), why });
  return [
    ...versions.filter(({ number }) => number > seen.version).map((made) => t("draft.moved.drafted", { name: who(made.created_by), number: made.number, why: made.why })),
    ...fresh.map((made) => t(made.rollback ? "draft.moved.back" : "draft.moved.published", { name: who(made.by), ...about(made) })),
    ...(fresh.length ? [] : ended.map((made) => t("draft.moved.ended", { name: who(made.ended_by), ...about(made) }))),
  ];
}

function without(content, key) {
  const { [key]: _, ...rest } = content;
  return rest;
}

function problemOf(text) {
  try {
    return isObject(JSON.parse(text)) ? "" : t("rules.json", { problem: "{ … }" });
  } catch (error) {
    return t("rules.json", { problem: error.message });
  }
}

function part(title, items, none) {
  return h("section", null, h("h4", null, title), items.length ? h("ul.plain", null, items) : h("p.small", null, none));
}
