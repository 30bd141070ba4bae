// What the customer says of a ticket that has ended: shown, and entered by whoever called them.
import { ask, h, moment, notice, t } from "./dom.js";
import { call } from "./door.js";

const SCORES = [5, 4, 3, 2, 1];

/** Whether a ticket in this state has something to be rated. */
export function isRated(state) {
  return state === "resolved" || state === "closed";
}

function select(name, label, options) {
  return h("label.field", null, label, h("select", { name },
    [["", t("followups.unsaid")], ...options].map(([value, text]) => h("option", { value }, text))));
}

/** The two questions as fields of a form, neither of which has to be answered. */
export function ratingFields() {
  return [
    select("solved", t("followups.solved"), [["yes", t("followups.solved.true")], ["no", t("followups.solved.false")]]),
    select("score", t("followups.score"), SCORES.map((score) => [score, t(`followups.score.${score}`)])),
  ];
}

/** What was chosen in them; null is what was not said. */
export function ratingOf(said) {
  return {
    solved: { yes: true, no: false }[said.get("solved")] ?? null,
    score: said.get("score") ? Number(said.get("score")) : null,
  };
}

/** A rating in words: “satisfied · solved”. */
export function ratingWords({ score, solved }) {
  return [score !== null && t(`followups.score.${score}`), solved !== null && t(`followups.solved.${solved}`)].filter(Boolean).join(" · ");
}

async function enter(desk, box) {
  const said = await ask({
    title: t("satisfaction.enter"), text: t("satisfaction.enter.text"), submit: t("satisfaction.enter"),
    fields: [...ratingFields(), h("label.field", null, t("satisfaction.words"), h("textarea", { name: "words", rows: "3", maxlength: "2000" }))],
    send: (said) => call("POST", `/tickets/${box.ticket.id}/satisfaction`, { ...ratingOf(said), words: said.get("words") }),
  });
  if (!said) return;
  notice(t("satisfaction.entered"));
  await box.read();
}

function surveyItem(survey) {
  if (survey.answered_at === null) return h("li", null, h("p.small", null, t("satisfaction.asked"), " ", moment(survey.asked_at)));
  return h("li", { "data-score": survey.score ?? "" },
    h("p", null, ratingWords(survey)),
    survey.words && h("p.words", null, survey.words),
    h("p.small", null, t(`satisfaction.via.${survey.via}`), " · ", moment(survey.changed_at ?? survey.answered_at)));
}

/** The card of a ticket that has ended. */
export function satisfactionCard(desk, box) {
  return [
    box.surveys.length > 0 ? h("ol.attempts", null, box.surveys.map(surveyItem)) : h("p.small", null, t("satisfaction.none")),
    h("div.tools", null, h("button.link", { type: "button", "data-satisfaction": "enter", onclick: () => desk.act(() => enter(desk, box)) }, t("satisfaction.enter"))),
  ];
}
