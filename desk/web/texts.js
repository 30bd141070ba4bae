// The texts that customers get by themselves, for those who supervise: what is said, and its versions.
import { anew, ask, h, lang, moment, notice, say, t } from "./dom.js";
import { call, make } from "./door.js";
import { Panes, part } from "./panes.js";

const LANGUAGES = ["zh", "en"];
const PATIENCE = 400; // ms without a key before the sample is read again

export async function openTexts(desk) {
  await new Texts(desk).open();
}

class Texts extends Panes {
  constructor(desk) {
    super(desk, { id: "texts", title: t("texts") });
    this.mayPublish = desk.state.me.role === "admin";
    this.language = lang();
  }

  async read() {
    const { texts } = await call("GET", "/texts");
    this.texts = texts.map((text) => ({ ...text, id: text.name }));
    this.chosen ??= this.texts[0].id;
    this.draw(this.texts, card, "");
    this.show();
  }

  choose(name) {
    this.chosen = name;
    this.draw(this.texts, card, "");
    this.show();
  }

  turn(language) {
    this.language = language;
    this.show();
  }

  show() {
    const text = this.texts.find((one) => one.id === this.chosen);
    const said = text.languages[this.language];
    anew(this.detail, [
      h("div.row", null, h("h3", null, say(text.use)), h("span.spread", null),
        LANGUAGES.map((language) => h(`button.tab${language === this.language ? ".current" : ""}`, {
          type: "button", "aria-pressed": language === this.language ? "true" : "false", onclick: () => this.turn(language),
        }, t(`texts.${language}`)))),
      h("p.small", null, said.in_force ? t("texts.version", { number: said.in_force }) : t("texts.default"), text.placeholders.length > 0 && " · ",
        text.placeholders.map((name) => [h("code", null, `{${name}}`), " "])),
      h("p.words", null, said.text),
      h("div.row", null,
        this.action(t("texts.draft"), () => this.write(text, said.text), "button.primary"),
        this.mayPublish && said.in_force && this.action(t("texts.restore"), () => this.restore(said))),
      part(t("texts.versions"), said.versions.length
        ? h("ol.attempts", null, said.versions.map((version) => this.version(version, said)))
        : h("p.small", null, t("texts.none"))),
    ].filter(Boolean));
  }

  version(version, said) {
    const current = version.number === said.in_force;
    return h("li", { "data-number": version.number },
      h("span.card-top", null, h("b", null, t("texts.version", { number: version.number })),
        current && h("span.tag.rules-published", null, t("texts.inforce")), moment(version.drafted_at),
        version.drafted_by?.name, h("span.spread", null),
        this.mayPublish && !current && h("button.link", { type: "button", onclick: () => this.act(() => this.publish(version)) }, t("texts.publish"))),
      h("p.small", null, version.why),
      h("p.words", null, version.text));
  }

  path(action) {
    return `/texts/${this.chosen}/${this.language}/${action}`;
  }

  async write(text, before) {
    const sample = h("p.words", { role: "status" });
    const input = h("textarea", { name: "text", rows: "5", required: true, maxlength: "2000", value: before });
    let timer;
    const read = async () => {
      const found = await call("POST", this.path("preview"), { text: input.value }).catch((error) => ({ text: error.message }));
      sample.replaceChildren(found.text);
    };
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(read, PATIENCE);
    });
    await read();
    let number;
    const key = {};
    const answer = await ask({
      send: async (said) => { ({ number } = await make(this.path("versions"), { text: said.get("text"), why: said.get("why") }, key)); },
      title: t("texts.draft"), submit: t("texts.draft"),
      text: `${say(text.use)} · ${t(`texts.${this.language}`)}`,
      fields: [
        h("label.field", null, t("texts.text"), input),
        h("div.field", null, t("texts.sample"), sample),
        h("label.field", null, t("texts.why"), h("input", { name: "why", required: true, maxlength: "500", autocomplete: "off" })),
      ],
    });
    if (!answer) return;
    notice(t("texts.drafted", { number }));
    await this.read();
  }

  async publish(version) {
    const sure = await ask({ title: t("texts.publish.title", { number: version.number }), text: version.text, submit: t("texts.publish"), send: () => call("POST", this.path("publish"), { number: version.number }) });
    if (!sure) return;
    notice(t("texts.published", { number: version.number }));
    await this.read();
  }

  async restore(said) {
    const sure = await ask({ title: t("texts.restore"), text: said.default, submit: t("texts.restore"), send: () => call("POST", this.path("restore")) });
    if (sure) await this.read();
  }
}

function card(text) {
  return [
    h("span.card-title", null, say(text.use)),
    h("span.small.card-clip", null, text.languages[lang()].text),
  ];
}
