// The people at the desk, for admins: who they are to customers, what they can, and their last day.
import { anew, ask, h, notice, say, t } from "./dom.js";
import { call } from "./door.js";
import { Panes } from "./panes.js";
import { skillsField, skillsOf } from "./skills.js";
import { importPeople } from "./staff.js";
import { openTokens } from "./tokens.js";

export async function openPeople(desk) {
  await new People(desk).open();
}

class People extends Panes {
  constructor(desk) {
    super(desk, { id: "people", title: t("people"), tools: [
      h("button.quiet", { type: "button", onclick: () => this.act(() => this.add()) }, t("people.add")),
      h("button.quiet", { type: "button", onclick: () => this.act(() => this.bringIn()) }, t("staff.open")),
      h("a.button", { href: "/api/v1/agents/export", download: "" }, t("staff.export")),
      h("button.quiet", { type: "button", onclick: () => this.act(() => openTokens(desk, { everybody: true })) }, t("tokens")),
    ] });
    this.left = false;
  }

  async read() {
    this.people = (await call("GET", `/agents?left=${this.left}`)).agents;
    if (!this.people.some((one) => one.id === this.chosen)) this.chosen = this.people[0]?.id;
    this.show();
  }

  async turn(left) {
    this.left = left;
    await this.read();
  }

  choose(id) {
    this.chosen = id;
    this.show();
  }

  show() {
    const { names } = this.desk.state;
    anew(this.head, [false, true].map((left) => h(`button.tab${left === this.left ? ".current" : ""}`, {
      type: "button", "aria-pressed": String(left === this.left), onclick: () => this.act(() => this.turn(left)),
    }, t(left ? "people.gone" : "people.here"))));
    this.draw(this.people, (one) => card(one, names), t("people.gone.none"));
    const one = this.people.find((found) => found.id === this.chosen);
    if (!one) return anew(this.detail);
    const mine = one.id === this.desk.state.me.id;
    const skills = Object.entries(one.skills);
    anew(
      this.detail,
      h("div.row", null, h("h3", null, one.name), h("span.tag", null, say(names.roles[one.role])), h("span.spread", null),
        this.left ? this.action(t("people.back"), () => this.bringBack(one), "button.primary") : [
          !mine && this.action(t("people.reset"), () => this.reset(one)),
          !mine && one.second_factor && this.action(t("people.factor.take"), () => this.takeFactor(one)),
          this.action(t("people.change"), () => this.change(one), "button.primary"),
          !mine && this.action(t("people.leave"), () => this.leave(one), "button.danger"),
        ]),
      h("dl.pairs", null,
        pair("people.login", one.login), pair("people.alias", one.alias || t("people.alias.none")), pair("people.team", one.team || "–"),
        pair("people.presence", say(names.presences[one.presence])), pair("people.load", `${one.used}/${one.capacity}`), pair("people.factor", t(one.second_factor ? "people.factor.on" : "people.factor.off"))),
      h("section", null, h("h4", null, t("people.skills")), skills.length
        ? h("div.card-labels", null, skills.map(([skill, level]) => h("span.chip", null, `${this.desk.skillName(skill)} ${level}`)))
        : h("p.small", null, t("people.skills.none"))));
  }

  fields(one) {
    const input = (name, value, options) => h("label.field", null, t(`people.${name}`), h("input", { name, value, ...options }));
    return [
      input("name", one.name, { required: true, maxlength: "64" }),
      input("alias", one.alias, { maxlength: "32", placeholder: t("people.alias.none") }),
      input("team", one.team, { maxlength: "64" }),
      h("label.field", null, t("people.role"), h("select", { name: "role" }, Object.entries(this.desk.state.names.roles).map(([role, words]) =>
        h("option", { value: role, selected: role === one.role }, say(words))))),
      input("capacity", one.capacity, { type: "number", min: "0", max: "100", required: true }),
      skillsField(this.desk, one.skills, this.skills()),
    ];
  }

  /** Every skill that tickets ask for or somebody has: nobody need know how they are spelt. */
  skills() {
    return [...new Set([...this.desk.state.names.skills, ...this.people.flatMap((one) => Object.keys(one.skills))])].sort();
  }

  async add() {
    let made;
    const blank = { name: "", alias: "", team: "", role: "agent", capacity: 6, skills: {} };
    const said = await ask({
      title: t("people.add"), submit: t("people.add"),
      fields: [
        h("label.field", null, t("people.login"), h("input", { name: "login", required: true, pattern: "[0-9A-Za-z._@\\-]{1,64}", title: t("people.login.form"), autocomplete: "off" })),
        h("label.field", null, t("people.password"), h("input", { name: "password", type: "password", required: true, minlength: "10", autocomplete: "new-password" })),
        this.fields(blank),
      ],
      send: async (said) => {
        const { alias, team, ...values } = valuesOf(said);
        // Made once, also when what follows fails and is tried again.
        made ??= await call("POST", "/agents", { ...values, login: said.get("login"), password: said.get("password") });
        if (alias || team) await call("PATCH", `/agents/${made.id}`, { alias, team });
      },
    });
    if (made) Object.assign(this, { chosen: made.id, left: false });
    if (said || made) await this.read();
  }

  async bringIn() {
    if (!await importPeople(this.desk)) return;
    this.left = false;
    await this.read();
  }

  async change(one) {
    const said = await ask({
      title: one.name, submit: t("people.save"), fields: this.fields(one),
      // Only what was changed: what another admin has changed meanwhile stays.
      send: async (said) => {
        const changed = changedIn(valuesOf(said), one);
        if (Object.keys(changed).length) await call("PATCH", `/agents/${one.id}`, changed);
      },
    });
    if (!said) return;
    notice(t("people.saved"));
    await this.read();
  }

  async reset(one) {
    const said = await ask({
      title: t("people.reset.title", { name: one.name }), text: t("people.reset.text"), submit: t("people.reset"), danger: true,
      fields: [h("label.field", null, t("people.password"), h("input", { name: "password", type: "password", required: true, minlength: "10", maxlength: "1024", autocomplete: "new-password" }))],
      send: (said) => call("PATCH", `/agents/${one.id}`, { password: said.get("password") }),
    });
    if (said) notice(t("people.reset.done", { name: one.name }));
  }

  async takeFactor(one) {
    const said = await ask({
      title: t("people.factor.title", { name: one.name }), text: t("people.factor.text"), submit: t("people.factor.take"), danger: true,
      send: () => call("DELETE", `/agents/${one.id}/second-factor`),
    });
    if (!said) return;
    notice(t("people.factor.done", { name: one.name }));
    await this.read();
  }

  async bringBack(one) {
    const said = await ask({
      title: t("people.back.title", { name: one.name }), text: t("people.back.text"), submit: t("people.back"),
      send: () => call("PATCH", `/agents/${one.id}`, { disabled: false }),
    });
    if (!said) return;
    this.chosen = one.id;
    await this.turn(false);
  }

  async leave(one) {
    let handed;
    const others = this.people.filter((other) => other.id !== one.id);
    const said = await ask({
      title: t("people.leave.title", { name: one.name }), text: t("people.leave.text"), submit: t("people.leave"), danger: true,
      fields: [h("label.field", null, t("people.leave.to"), h("select", { name: "to" },
        h("option", { value: "" }, t("people.leave.queues")), others.map((other) => h("option", { value: other.id }, other.name))))],
      send: async (said) => { ({ handed } = await call("POST", `/agents/${one.id}/leave`, { to: said.get("to") || null })); },
    });
    if (!said) return;
    notice(t("people.left", { name: one.name, n: Object.values(handed).reduce((sum, count) => sum + count, 0) }));
    await this.read();
  }
}

/** What a form says. */
function valuesOf(said) {
  return { name: said.get("name"), alias: said.get("alias"), team: said.get("team"), role: said.get("role"), capacity: Number(said.get("capacity")), skills: skillsOf(said.get("skills")) };
}

function changedIn(values, before) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
}

function pair(key, value) {
  return h("div", null, h("dt", null, t(key)), h("dd", null, value));
}

function card(one, names) {
  return [
    h("span.card-top", null, h("b", null, one.name), h("span.tag", null, say(names.presences[one.presence])), h("span.spread", null), `${one.used}/${one.capacity}`),
    h("span.small", null, [one.login, one.team, one.alias, one.second_factor && t("people.factor")].filter(Boolean).join(" · ")),
  ];
}
