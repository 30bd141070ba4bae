// Many people from a file: what it would make and change, line by line, and doing it once that was seen.
import { anew, ask, attempt, h, notice, once, say, t } from "./dom.js";
import { newId, put } from "./door.js";

const ORDER = ["refused", "add", "change", "same"];

/** Asks for a file, shows what it would do, and does it; whether anything was done. */
export function importPeople(desk) {
  return new Promise((resolve) => new StaffFile(desk, resolve).open());
}

class StaffFile {
  constructor(desk, resolve) {
    Object.assign(this, { desk, done: false });
    this.input = h("input", { type: "file", accept: ".csv,.txt,text/csv", "aria-label": t("staff.file"), onchange: () => this.act(() => this.look()) });
    this.shown = h("div.rules-detail", { "aria-live": "polite" }, explanation());
    this.go = h("button.primary", { type: "button", hidden: true, onclick: once(() => this.act(() => this.carryOut())) }, t("staff.import"));
    this.dialog = h("dialog.rules.staff", { "aria-labelledby": "staff-title", id: "staff" },
      h("header.row", null,
        h("h2", { id: "staff-title" }, t("staff")), h("span.spread", null), this.go,
        h("button.quiet", { type: "button", onclick: () => this.dialog.close() }, t("panes.close"))),
      h("div.staff-room", null, h("label.field", null, t("staff.file"), this.input), this.shown));
    this.dialog.addEventListener("close", () => {
      this.dialog.remove();
      resolve(this.done);
    });
    document.body.append(this.dialog);
  }

  open() {
    this.dialog.showModal();
  }

  async look() {
    const [file] = this.input.files;
    this.go.hidden = true;
    if (!file) return anew(this.shown, explanation());
    // Read once: what was looked at is what is sent, also when the file is saved again meanwhile.
    this.content = await file.arrayBuffer();
    this.key = newId();
    try {
      this.draw(await put("/agents/import/preview", new Blob([this.content], { type: "text/csv" })));
    } catch (error) {
      if (error.status === undefined || error.status === 401) throw error;
      anew(this.shown, h("p.flag.bad", { role: "alert" }, error.message), explanation());
    }
  }

  draw(plan) {
    this.plan = plan;
    const counts = plan.counts;
    this.go.hidden = counts.refused > 0 || counts.add + counts.change === 0;
    const lines = [...plan.lines].sort((one, other) => ORDER.indexOf(one.verdict) - ORDER.indexOf(other.verdict) || one.line - other.line);
    anew(this.shown,
      h("p", null, t("staff.counts", counts)),
      counts.refused > 0 && h("p.flag.bad", { role: "alert" }, t("staff.refused.text")),
      !counts.refused && this.go.hidden && h("p.small", null, t("staff.nothing")),
      h("ul.plain", null, lines.map((line) => this.line(line))));
  }

  line({ line, login, name, verdict, changes, reasons }) {
    return h("li.entry", { "data-line": line },
      h("p.card-top", null, h("small", null, t("staff.line", { line })), h("b", null, name || login), name && h("span.small", null, login),
        h(`span.tag.staff-${verdict}`, null, t(`staff.${verdict}`))),
      reasons.map((reason) => h("p.flag.bad", null, say(reason))),
      verdict !== "refused" && changes.length > 0 && h("p.small", null, changes.map(({ field, before, after }, n) => [
        n > 0 && " · ", t(`staff.field.${field}`), t("mark.colon"), verdict === "change" && [h("s", null, this.worded(field, before)), " → "], this.worded(field, after)])));
  }

  worded(field, value) {
    if (field === "role") return say(this.desk.state.names.roles[value]);
    if (field !== "skills") return value === "" ? t("staff.empty") : String(value);
    const skills = Object.entries(value);
    return skills.length ? skills.map(([skill, level]) => `${this.desk.skillName(skill)} ${level}`).join(t("mark.and")) : t("staff.empty");
  }

  async carryOut() {
    this.go.setAttribute("aria-busy", "true");
    try {
      const made = await put(`/agents/import?seen=${this.plan.seen}&client_id=${this.key}`, new Blob([this.content], { type: "text/csv" }));
      this.done = true;
      notice(t("staff.done", { added: made.added, changed: made.changed }));
      if (made.passwords.length) await tell(made.passwords);
      this.dialog.close();
    } catch (error) {
      if (error.code === "offline") return this.unanswered();
      if (error.code !== "people_moved") throw error;
      notice(error.message, "bad");
      await this.look();
    } finally {
      this.go.removeAttribute("aria-busy");
    }
  }

  /** It may have been done all the same: the same request again tells the passwords. */
  unanswered() {
    this.shown.querySelector(".unanswered")?.remove();
    this.shown.prepend(h("p.flag.bad.unanswered", { role: "alert" }, t("staff.again")));
  }

  act(work) {
    return attempt(this.desk, work);
  }
}

function explanation() {
  return [h("p", null, t("staff.text")), h("p.small", null, t("staff.text.more")),
    h("p", null, h("a.button", { href: "/api/v1/agents/export", download: "" }, t("staff.export")))];
}

/** The passwords of the newcomers, this once. */
function tell(passwords) {
  const quoted = (cell) => `"${cell.replaceAll('"', '""')}"`;
  const lines = [[t("people.login"), t("people.name"), t("login.password")], ...passwords.map(({ login, name, password }) => [login, name, password])];
  const file = new Blob(["\ufeff", lines.map((cells) => cells.map(quoted).join(",")).join("\r\n"), "\r\n"], { type: "text/csv" });
  const address = URL.createObjectURL(file);
  return ask({
    told: true, title: t("staff.passwords"), text: t("staff.passwords.text"), submit: t("webhooks.secret.kept"),
    fields: [
      h("div.staff-passwords", null, h("table", null, h("tbody", null, passwords.map(({ login, name, password }) =>
        h("tr", null, h("td", null, name), h("td", null, login), h("td", null, h("code", null, password))))))),
      h("p", null, h("a.button", { href: address, download: t("staff.passwords.file") }, t("staff.passwords.save"))),
    ],
  }).finally(() => URL.revokeObjectURL(address));
}
