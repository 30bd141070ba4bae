// Incidents: complaints about one matter, the text for all of them, drills, and the end.
import { anew, ask, h, moment, notice, say, t } from "./dom.js";
import { call, make } from "./door.js";
import { Panes, part } from "./panes.js";

export async function openIncidents(desk, chosen) {
  const view = new Incidents(desk);
  view.chosen = chosen;
  await view.open();
}

class Incidents extends Panes {
  constructor(desk) {
    const supervises = desk.state.me.role !== "agent";
    super(desk, { id: "incidents", title: t("incidents"), tools: [
      supervises && h("button.quiet", { type: "button", onclick: () => this.act(() => this.drill()) }, t("incidents.drill")),
    ] });
    this.supervises = supervises;
  }

  async read() {
    const { incidents } = await call("GET", "/incidents");
    this.chosen ??= incidents[0]?.id;
    this.draw(incidents, card, t("incidents.none"));
    if (this.chosen) await this.show();
    else anew(this.detail, h("p.small", null, t("incidents.about")));
  }

  async choose(id) {
    this.chosen = id;
    await this.read();
  }

  async show() {
    const view = await call("GET", `/incidents/${this.chosen}`);
    const { incident } = view;
    const open = incident.state === "open";
    anew(this.detail, [
      h("div.row", null, h("h3", null, name(incident)), tags(incident), h("span.spread", null),
        open && this.action(t("incidents.draft"), () => this.draft()),
        open && this.supervises && this.action(t("incidents.end"), () => this.close())),
      h("p.small", null, t("incidents.since"), " ", moment(incident.opened_at),
        incident.closed_at !== null && [" · ", t("incidents.until"), " ", moment(incident.closed_at), ` ${incident.closed_by ?? ""}`]),
      incident.drill && h("p.flag", null, t("incidents.drill.note")),
      incident.summary && part(t("incidents.summary"), h("p.words", null, incident.summary)),
      view.typical && part(t("incidents.typical"), h("p.words", null, view.typical)),
      part(t("incidents.texts"), view.texts.length
        ? view.texts.map((text) => this.text(text, open, view.second_person))
        : h("p.small", null, t("incidents.texts.none"))),
      part(t("incidents.members", { told: incident.told, members: incident.members }), this.members(view.members, open)),
    ].filter(Boolean));
  }

  text(text, open, secondPerson) {
    const waits = text.approved_at === null;
    const may = open && waits && this.supervises && !(secondPerson && text.author_id === this.desk.state.me.id);
    return h("article.text-draft", null,
      h("div.row", null,
        h(`span.tag${waits ? ".rules-draft" : ".rules-published"}`, null, t(waits ? "incidents.text.draft" : "incidents.text.approved")),
        h("span.small", null, waits ? t("incidents.text.by", { name: text.author ?? "" }) : t("incidents.text.both", { name: text.author ?? "", other: text.approved_by ?? "" })),
        h("span.spread", null), moment(text.approved_at ?? text.created_at),
        may && this.action(t("incidents.approve"), () => this.approve(text), "button.primary")),
      text.zh && h("p.words", { lang: "zh-CN" }, text.zh),
      text.en && h("p.words", { lang: "en" }, text.en));
  }

  members(members, open) {
    const removable = (member) => open && this.supervises && member.ticket_id && member.removed_at === null;
    return h("table", { "aria-label": t("incidents.members.title") }, h("tbody", null, members.map((member) => h("tr", null,
      h("th", null, member.ticket_id
        ? h("button.link", { type: "button", onclick: () => this.visit(member.ticket_id) }, member.number)
        : say(member.name)),
      h("td", null, member.removed_at !== null ? t("incidents.removed") : member.told_at !== null ? [t("incidents.told"), " ", moment(member.told_at)] : t("incidents.untold")),
      h("td.narrow", null, removable(member) && this.action(t("incidents.remove"), () => this.remove(member), "button.link"))))));
  }

  visit(ticketId) {
    this.dialog.close();
    this.desk.open(ticketId);
  }

  async draft() {
    const field = (key, lang) => h("label.field", null, t(`incidents.text.${key}`), h("textarea", { name: key, rows: "4", maxlength: "5000", lang }));
    const key = {};
    const answer = await ask({
      title: t("incidents.draft"), text: t("incidents.draft.text"), submit: t("incidents.draft"),
      fields: [field("zh", "zh-CN"), field("en", "en")],
      send: (said) => make(`/incidents/${this.chosen}/texts`, { zh: said.get("zh"), en: said.get("en") }, key),
    });
    if (answer) await this.read();
  }

  async approve(text) {
    const answer = await ask({ title: t("incidents.approve.title"), text: text.zh || text.en, submit: t("incidents.approve"), send: () => call("POST", `/incidents/${this.chosen}/texts/${text.id}/approve`) });
    if (!answer) return;
    notice(t("incidents.approved"));
    await this.read();
  }

  async remove(member) {
    const answer = await ask({
      title: t("incidents.remove.title", { number: member.number }), text: t("incidents.remove.text"), submit: t("incidents.remove"), danger: true,
      send: () => call("POST", `/incidents/${this.chosen}/members/${member.id}/remove`),
    });
    if (answer) await this.read();
  }

  async close() {
    const answer = await ask({
      title: t("incidents.end.title"), text: t("incidents.end.text"), submit: t("incidents.end"),
      fields: [h("label.field", null, t("incidents.summary"), h("textarea", { name: "summary", rows: "4", required: true, maxlength: "5000" }))],
      send: (said) => call("POST", `/incidents/${this.chosen}/close`, { summary: said.get("summary") }),
    });
    if (answer) await this.read();
  }

  async drill() {
    let made;
    const key = {};
    const answer = await ask({
      title: t("incidents.drill"), text: t("incidents.drill.note"), submit: t("incidents.drill"),
      fields: [
        h("label.field", null, t("incidents.drill.title"), h("input", { name: "title", required: true, maxlength: "200", autocomplete: "off" })),
        h("label.field", null, t("incidents.drill.members"), h("input", { name: "members", type: "number", min: "1", max: "500", value: "12" })),
      ],
      send: async (said) => {
        made = await make("/incidents/drills", { title: said.get("title"), members: Number(said.get("members")) }, key);
      },
    });
    if (answer) await this.choose(made.id);
  }
}

function name(incident) {
  return incident.title || (incident.domain ? t("incidents.name", { domain: say(incident.domain) }) : t("incidents.unnamed"));
}

function tags(incident) {
  return [
    incident.drill && h("span.tag", null, t("incidents.drill.tag")),
    h(`span.tag.incident-${incident.state}`, null, t(`incidents.state.${incident.state}`)),
  ];
}

function card(incident) {
  return [
    h("span.card-top", null, tags(incident), h("span.spread", null), moment(incident.opened_at)),
    h("span.card-title", null, name(incident)),
    h("span.small", null, t("incidents.members", { told: incident.told, members: incident.members })),
  ];
}
