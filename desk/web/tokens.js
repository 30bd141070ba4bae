// API tokens, by which programs ask: one's own, and for admins everybody's.
import { anew, ask, attempt, h, moment, notice, now, once, say, t } from "./dom.js";
import { call } from "./door.js";
import { entry, openReading } from "./panes.js";

const LASTS = [7, 30, 90, 180, 365];
const USUAL = 90;
const ROLES = ["agent", "supervisor", "admin"];

export async function openTokens(desk, { everybody = false } = {}) {
  await new Tokens(desk, everybody).open();
}

class Tokens {
  constructor(desk, everybody) {
    Object.assign(this, { desk, everybody });
    this.head = h("div.panes-head", { role: "group", "aria-label": t("tokens.whose") });
    this.list = h("ul.plain", null);
    this.dialog = h("dialog.rules.tokens", { "aria-labelledby": "tokens-title", id: "tokens" },
      h("header.row", null,
        h("h2", { id: "tokens-title" }, t("tokens")), h("span.spread", null),
        h("button.quiet", { type: "button", onclick: once(() => this.act(() => this.add())) }, t("tokens.add")),
        h("button.quiet", { type: "button", onclick: () => this.dialog.close() }, t("panes.close"))),
      h("div.rules-detail", null, h("p.small", null, t("tokens.text")), this.head, this.list));
    this.dialog.addEventListener("close", () => this.dialog.remove());
    document.body.append(this.dialog);
  }

  async open() {
    await openReading(this.dialog, this.list, () => this.read());
  }

  async read() {
    const { tokens } = await call("GET", `/tokens?everybody=${this.everybody}`);
    const admin = this.desk.state.me.role === "admin";
    anew(this.head, admin && [false, true].map((everybody) => h(`button.tab${everybody === this.everybody ? ".current" : ""}`, {
      type: "button", "aria-pressed": String(everybody === this.everybody), onclick: () => this.act(() => this.turn(everybody)),
    }, t(everybody ? "tokens.everybody" : "tokens.mine"))));
    anew(this.list, tokens.length ? tokens.map((token) => this.item(token)) : h("li.empty", null, t(this.everybody ? "tokens.none" : "tokens.none.mine")));
  }

  async turn(everybody) {
    this.everybody = everybody;
    await this.read();
  }

  item(token) {
    const { roles } = this.desk.state.names;
    const over = token.expires_at <= now();
    return entry(
      [h("b", null, token.name), this.everybody && h("span", null, token.owner.name),
        h("span.tag", null, t(token.read_only ? "tokens.may.read" : "tokens.may", { role: say(roles[token.may]) })),
        over && h("span.tag.run-failed", null, t("tokens.over"))],
      h("p.small", null,
        t("tokens.made"), " ", moment(token.created_at), " · ", t(over ? "tokens.ended" : "tokens.ends"), " ", moment(token.expires_at), " · ",
        token.last_used_at === null ? t("tokens.unused") : [t("tokens.used"), " ", moment(token.last_used_at)]),
      h("button.link.danger", { type: "button", "data-revoke": token.id, onclick: once(() => this.act(() => this.revoke(token))) }, t("tokens.revoke")));
  }

  async add() {
    const { me, names } = this.desk.state;
    const roles = ROLES.slice(0, ROLES.indexOf(me.role) + 1);
    let made;
    await ask({
      title: t("tokens.add"), text: t("tokens.add.text"), submit: t("tokens.add"),
      fields: [
        h("label.field", null, t("tokens.name"), h("input", { name: "name", required: true, maxlength: "64", autocomplete: "off", placeholder: t("tokens.name.hint") })),
        h("label.field", null, t("tokens.days"), h("select", { name: "days" }, LASTS.map((days) => h("option", { value: String(days), selected: days === USUAL }, t("tokens.days.n", { days }))))),
        h("label.field", null, t("tokens.role"), h("select", { name: "role" }, roles.map((role) => h("option", { value: role }, say(names.roles[role]))))),
        h("label.row", null, h("input", { type: "checkbox", name: "read_only", checked: true }), t("tokens.read_only")),
      ],
      send: async (said) => {
        made = await call("POST", "/tokens", { name: said.get("name"), days: Number(said.get("days")), role: said.get("role"), read_only: said.has("read_only") });
      },
    });
    if (!made) return;
    await tell(made);
    await this.read();
  }

  async revoke(token) {
    const said = await ask({
      title: t("tokens.revoke.title", { name: token.name }), text: t("tokens.revoke.text", { name: token.owner.name }), submit: t("tokens.revoke"), danger: true,
      send: () => call("DELETE", `/tokens/${token.id}`),
    });
    if (!said) return;
    notice(t("tokens.revoked", { name: token.name }));
    await this.read();
  }

  act(work) {
    return attempt(this.desk, work);
  }
}

/** The token itself, this once. */
function tell({ name, token }) {
  const box = h("textarea.code", { readonly: true, rows: "2", value: token, onfocus: () => box.select() });
  return ask({
    told: true, title: t("tokens.made.title", { name }), text: t("tokens.made.text"), submit: t("webhooks.secret.kept"),
    fields: [h("label.field", null, t("tokens.itself"), box)],
  });
}
