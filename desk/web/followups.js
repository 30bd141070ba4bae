// Follow-ups: mine, those that wait, and for supervisors those whose result was low.
import { anew, ask, countdown, h, moment, say, t } from "./dom.js";
import { call, newId } from "./door.js";
import { Panes, part } from "./panes.js";
import { channelName } from "./queue.js";
import { ratingFields, ratingOf, ratingWords } from "./satisfaction.js";

export async function openFollowUps(desk, chosen) {
  const view = new FollowUps(desk);
  view.chosen = chosen;
  await view.open();
}

class FollowUps extends Panes {
  constructor(desk) {
    super(desk, { id: "followups", title: t("followups") });
    this.supervises = desk.state.me.role !== "agent";
    this.which = "mine";
  }

  async read() {
    const { follow_ups } = await call("GET", `/follow-ups?which=${this.which}`);
    const choices = this.supervises ? ["mine", "open", "review", "all"] : ["mine", "open"];
    anew(this.head, choices.map((which) => h(`button.tab${which === this.which ? ".current" : ""}`,
      { type: "button", "aria-pressed": which === this.which ? "true" : "false", onclick: () => this.act(() => this.turn(which)) }, t(`followups.${which}`))));
    if (!follow_ups.some((one) => one.id === this.chosen)) this.chosen = follow_ups[0]?.id;
    this.draw(follow_ups, card, t("followups.none"));
    if (this.chosen) await this.show();
    else anew(this.detail, h("p.small", null, t("followups.about")));
  }

  async turn(which) {
    this.which = which;
    this.chosen = null;
    await this.read();
  }

  async choose(id) {
    this.chosen = id;
    await this.read();
  }

  async show() {
    const view = await call("GET", `/follow-ups/${this.chosen}`);
    const one = view.follow_up;
    const may = (action) => one.actions.includes(action);
    const open = one.ended_at === null;
    anew(this.detail, [
      h("div.row", null, h("h3", { dir: "auto" }, name(one)), h("span.tag", null, say(one.state_name)), one.complaint && h("span.chip.urgent", null, t("followups.complaint"))),
      h("p.small", null, t("number", { number: one.ticket.number }), " · ",
        h("button.link", { type: "button", onclick: () => this.visit(one.ticket.id) }, t("followups.ticket"))),
      h("div.row", null,
        may("take") && this.action(t("followups.take"), () => this.take(), "button.primary"),
        may("record") && this.action(t("followups.record"), () => this.record(), "button.primary"),
        may("write") && this.action(t("followups.write"), () => this.write(view.ways)),
        may("review") && this.action(t("followups.review.result"), () => this.review(), "button.primary")),
      h("dl.pairs", null,
        pair(t("followups.due"), open ? countdown(one.due_at, { before: "due.in", after: "due.over", warn: 3600 }) : moment(one.due_at)),
        one.urgency && pair(t("followups.urgency"), this.desk.className("urgency", one.urgency)),
        one.handler && pair(t("followups.handler"), one.handler),
        one.owner && pair(t("followups.owner"), one.owner),
        one.score && pair(t("followups.score"), t(`followups.score.${one.score}`)),
        one.solved !== null && pair(t("followups.solved"), t(`followups.solved.${one.solved}`)),
        one.review && pair(t("followups.review.result"), [t(`followups.review.${one.review}`), one.review_note && t("mark.colon") + one.review_note])),
      view.why && part(t("followups.why"), h("p.words", null, say(view.why))),
      part(t("followups.attempts"), view.attempts.length ? h("ol.attempts", null, view.attempts.map(attempt)) : h("p.small", null, t("followups.attempts.none"))),
    ].filter(Boolean));
  }

  visit(ticketId) {
    this.dialog.close();
    this.desk.open(ticketId);
  }

  async take() {
    await call("POST", `/follow-ups/${this.chosen}/take`);
    this.which = "mine";
    await this.read();
  }

  /** Asks with a form, and posts what ``written`` makes of what was said in it. */
  async post(action, written, form) {
    const send = (said) => call("POST", `/follow-ups/${this.chosen}/${action}`, written(said));
    if (await ask({ ...form, send })) await this.read();
  }

  async record() {
    const client = newId();
    const written = (said) => {
      const reached = said.get("reached") === "yes";
      const rating = reached ? ratingOf(said) : { solved: null, score: null };
      return { client_id: client, reached, content: said.get("content"), ...rating };
    };
    await this.post("record", written, {
      title: t("followups.record"), submit: t("followups.record"),
      fields: [
        h("label.field", null, t("followups.reached"), h("select", { name: "reached" },
          h("option", { value: "yes" }, t("followups.reached.true")), h("option", { value: "no" }, t("followups.reached.false")))),
        ratingFields(),
        h("label.field", null, t("followups.content"), h("textarea", { name: "content", rows: "4", maxlength: "5000" })),
      ],
    });
  }

  async write(ways) {
    const client = newId();
    const written = (said) => ({ client_id: client, conversation: said.get("conversation"), text: said.get("text") });
    await this.post("write", written, {
      title: t("followups.write"), text: t("followups.write.text"), submit: t("followups.write"),
      fields: [
        h("label.field", null, t("followups.channel"), h("select", { name: "conversation" }, ways.map((way) => h("option", { value: way.conversation }, channelName(way.channel))))),
        ways.filter((way) => way.problem).map((way) => h("p.flag", null, channelName(way.channel) + t("mark.colon") + say(way.problem))),
        h("label.field", null, t("followups.content"), h("textarea", { name: "text", rows: "4", required: true, maxlength: "5000" })),
      ],
    });
  }

  async review() {
    const written = (said) => ({ reopen: said.get("reopen") === "yes", note: said.get("note") });
    await this.post("review", written, {
      title: t("followups.review.result"), submit: t("followups.review.submit"),
      fields: [
        h("label.field", null, t("followups.review.decision"), h("select", { name: "reopen" }, h("option", { value: "yes" }, t("followups.review.reopen")), h("option", { value: "no" }, t("followups.review.keep")))),
        h("label.field", null, t("followups.review.note"), h("textarea", { name: "note", rows: "3", required: true, maxlength: "500" })),
      ],
    });
  }
}

function name({ ticket: { subject, opening } }) {
  return subject || opening || t("untitled");
}

function pair(name, value) {
  return h("div", null, h("dt", null, name), h("dd", null, value));
}

function card(one) {
  return [
    h("span.card-top", null, h("span.tag", null, say(one.state_name)), one.complaint && h("span.chip.urgent", null, t("followups.complaint")), h("span.spread", null),
      one.ended_at === null ? countdown(one.due_at, { before: "due.in", after: "due.over", warn: 3600 }) : moment(one.ended_at)),
    h("span.card-title", { dir: "auto" }, name(one)),
    h("span.small", null, one.ticket.number, one.attempts > 0 && ` · ${t("followups.tried", { n: one.attempts })}`),
  ];
}

function attempt(tried) {
  return h("li", null,
    h("span.card-top", null, moment(tried.at), tried.agent, h("span.chip", null, tried.channel === "phone" ? t("followups.phone") : channelName(tried.channel)),
      h("span.tag", null, t(`followups.reached.${tried.reached}`)), ratingWords(tried)),
    tried.content && h("p.words", null, tried.content));
}
