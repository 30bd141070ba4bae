// The complaint on a ticket: its fields, what it lacks to be closed, who reviews and calls back.
import { ask, h, moment, notice, once, say, t } from "./dom.js";
import { call, make } from "./door.js";

const LONG = 120; // characters that may need more than the room of a field
const WORDS_SAID = ["satisfied", "accepted", "rejected"];

/** Says that a change is stored, and draws it. */
function saved(box) {
  notice(t("complaint.saved"));
  return box.read();
}

function field(name, label, value, options = {}) {
  const { long, list, ...rest } = options;
  const input = list
    ? h("select", { name }, list.map(([key, text]) => h("option", { value: key, selected: key === value }, text)))
    : h(long ? "textarea" : "input", { name, value: value ?? "", rows: long ? "3" : undefined, maxlength: long ? "4000" : "64", ...rest });
  return h("label.field", null, label, input);
}

async function edit(desk, box) {
  const { complaint } = box.view;
  const { departments } = await call("GET", "/departments");
  const named = [["", t("complaint.none")], ...departments.map((one) => [one.department, say(one.name)])];
  const said = await ask({
    title: t("complaint.edit.title"),
    fields: [
      field("department", t("complaint.department"), complaint.department, { list: named }),
      field("cause", t("complaint.cause"), complaint.cause),
      field("product", t("complaint.product"), complaint.product),
      field("complainant", t("complaint.complainant.new"), ""),
      field("matter", t("complaint.matter"), complaint.matter, { long: true }),
      field("outcome", t("complaint.outcome"), complaint.outcome, { long: true }),
      field("responsibility", t("complaint.responsibility"), complaint.responsibility, { long: true }),
    ],
    submit: t("complaint.save"),
    send: async (said) => {
      // Only what was changed: what is shown may be masked.
      const changed = Object.fromEntries([...said].filter(([name, value]) => value !== (complaint[name] ?? "") && (name !== "complainant" || value)));
      if (Object.keys(changed).length) await call("PATCH", box.path, changed);
    },
  });
  if (said) await saved(box);
}

async function hear(desk, box) {
  const said = await ask({
    title: t("complaint.hear"),
    fields: [
      field("word", t("complaint.word"), "accepted", { list: WORDS_SAID.map((word) => [word, t(`complaint.word.${word}`)]) }),
      field("said", t("complaint.said"), "", { long: true }),
    ],
    submit: t("complaint.save"),
    send: (said) => call("POST", `${box.path}/word`, Object.fromEntries(said)),
  });
  if (said) await saved(box);
}

async function judge(desk, box, action, names) {
  const said = await ask({
    title: t(`complaint.${action}`),
    fields: [
      field("yes", t(`complaint.${action}.result`), "yes", { list: ["yes", "no"].map((key) => [key, t(`complaint.${action}.${key}`)]) }),
      field("words", t("complaint.words"), "", { long: true }),
    ],
    submit: t("complaint.save"),
    send: (said) => call("POST", `${box.path}/${names.path}`, { [names.flag]: said.get("yes") === "yes", words: said.get("words") }),
  });
  if (said) await saved(box);
}

/** Into the queue of the department that answers for it, while nobody has it. */
async function send(desk, box) {
  const { departments } = await call("GET", "/departments");
  const said = await ask({
    title: t("complaint.send"), text: t("complaint.send.text"),
    fields: [field("department", t("complaint.department"), box.view.complaint.department, { list: departments.map((one) => [one.department, say(one.name)]) })],
    submit: t("complaint.send"),
    send: (said) => call("POST", `${box.path}/send`, Object.fromEntries(said)),
  });
  if (said) await saved(box);
}

/** To the complaint that it repeats; an empty number parts them. */
async function link(desk, box) {
  const said = await ask({
    title: t("complaint.link"), text: t("complaint.link.text"),
    fields: [field("first", t("complaint.link.number"), "", { inputmode: "numeric", maxlength: "36" })],
    submit: t("complaint.save"),
    send: (said) => call("POST", `${box.path}/link`, { first: said.get("first").trim() || null }),
  });
  if (said) await saved(box);
}

async function reveal(desk, box) {
  const { complainant } = await call("POST", `${box.path}/reveal`);
  await ask({ title: t("complaint.complainant"), text: complainant, submit: t("close") });
}

async function major(desk, box) {
  const now = !box.view.complaint.major;
  const said = await ask({
    title: t(now ? "complaint.major.set" : "complaint.major.unset"), text: now ? t("complaint.major.text") : "",
    fields: [field("why", t("complaint.why"), "", { required: true })], submit: t("complaint.save"), danger: now,
    send: (said) => call("POST", `${box.path}/major`, { major: now, why: said.get("why") }),
  });
  if (said) await saved(box);
}

async function improve(desk, box) {
  const { agents } = await call("GET", "/agents");
  const key = {};
  const said = await ask({
    title: t("improvement.new"),
    fields: [
      field("text", t("improvement.text"), "", { long: true, required: true }),
      field("owner", t("improvement.owner"), "", { list: agents.map((agent) => [agent.id, agent.name]) }),
      field("due", t("improvement.due"), "", { type: "date", required: true }),
    ],
    submit: t("complaint.save"),
    send: (said) => make(`${box.path}/improvements`, {
      text: said.get("text"), owner: said.get("owner"), due_at: new Date(`${said.get("due")}T23:59:59`).getTime() / 1000,
    }, key),
  });
  if (said) await saved(box);
}

async function prove(desk, box, one) {
  const said = await ask({
    title: t("improvement.prove"), text: one.text,
    fields: [field("proof", t("improvement.proof"), "", { long: true, required: true })], submit: t("complaint.save"),
    send: (said) => call("POST", `/improvements/${one.id}/done`, { proof: said.get("proof") }),
  });
  if (said) await saved(box);
}

function row(label, value) {
  // What is long scrolls in its place: by keys, too.
  return value && [h("dt", null, label), h("dd", { tabindex: value.length > LONG ? "0" : null }, value)];
}

function rows(desk, { complaint }) {
  const word = complaint.customer_word && [say(complaint.customer_word_name), complaint.customer_said].filter(Boolean).join(t("mark.colon"));
  const reviewed = complaint.reviewed_by && [
    `${complaint.reviewed_by.name} · ${t(complaint.review_passed ? "complaint.review.yes" : "complaint.review.no")} · `, moment(complaint.reviewed_at)];
  const called = complaint.called_back_by && [
    `${complaint.called_back_by.name} · ${t(complaint.reached ? "complaint.call.yes" : "complaint.call.no")} · `, moment(complaint.called_back_at)];
  return h("dl.complaint", null,
    row(t("complaint.at"), moment(complaint.complained_at)),
    row(t("complaint.complainant"), complaint.complainant || t("complaint.sender")),
    row(t("complaint.matter"), complaint.matter),
    row(t("complaint.department"), complaint.department ? desk.departmentName(complaint.department) : t("complaint.none")),
    row(t("complaint.cause"), complaint.cause),
    row(t("complaint.product"), complaint.product),
    row(t("complaint.outcome"), complaint.outcome),
    row(t("complaint.responsibility"), complaint.responsibility),
    row(t("complaint.word"), word), row(t("complaint.review"), reviewed), row(t("complaint.call"), called));
}

function measures(desk, box) {
  return box.view.improvements.length > 0 && h("ul.tasks", null, box.view.improvements.map((one) =>
    h(`li.task.${one.state}${one.late_at && one.state === "open" ? ".late" : ""}`, null,
      h("span", null, one.text),
      h("small", null, `${one.owner.name} · `, moment(one.due_at), ` · ${t(`task.${one.state}`)}`),
      one.proof && h("small", null, one.proof),
      one.state === "open" && (one.owner.id === desk.state.me.id || desk.state.me.role !== "agent") &&
        h("button.link", { type: "button", onclick: once(() => desk.act(() => prove(desk, box, one))) }, t("improvement.prove")))));
}

/** The card; null-like when the ticket is no complaint. */
export function complaintCard(desk, box) {
  const { complaint, gaps, handled, repeated } = box.view;
  const supervises = desk.state.me.role !== "agent";
  const mine = box.ticket.owner?.id === desk.state.me.id || supervises || !box.ticket.owner;
  const button = (key, go) => h("button.link", { type: "button", "data-complaint": key, onclick: once(() => desk.act(() => go(desk, box))) }, t(`complaint.${key}`));
  return [
    h("p.card-labels", null,
      complaint.major && h("span.chip.urgent", null, t("complaint.major")),
      complaint.repeat_of && h("span.chip.unsure", null, t("complaint.repeat"))),
    rows(desk, box.view),
    repeated.length > 0 && h("p.small", null, t("complaint.repeated"), " ",
      repeated.map((one) => h("button.link", { type: "button", onclick: () => desk.open(one.id) }, one.number))),
    gaps.length > 0
      ? h("div.gaps", { role: "note" }, h("strong", null, t("complaint.gaps")), h("ul", null, gaps.map((gap) => h("li", { "data-gap": gap.gap }, say(gap.name)))))
      : h("p.settled", null, t("complaint.settled")),
    measures(desk, box),
    h("div.tools", null,
      mine && button("edit", edit),
      mine && box.ticket.state === "waiting" && button("send", send),
      mine && button("link", link),
      mine && complaint.complainant && button("reveal", reveal),
      mine && button("hear", hear),
      !handled && button("call", (d, b) => judge(d, b, "call", { flag: "reached", path: "call-back" })),
      supervises && !handled && button("review", (d, b) => judge(d, b, "review", { flag: "passed", path: "review" })),
      mine && (supervises || !complaint.major) && button(complaint.major ? "major.unset" : "major.set", major),
      mine && button("improve", improve)),
  ];
}
