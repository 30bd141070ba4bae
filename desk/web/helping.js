// Who helps with a ticket, what they are asked to do, and notes that no customer sees.
import { ask, h, moment, notice, once, say, show, t } from "./dom.js";
import { call, make, newId } from "./door.js";
import { draftOf, keep } from "./drafts.js";

async function openTask(desk, box) {
  const [{ departments }, { agents }] = await Promise.all([call("GET", "/departments"), call("GET", "/agents")]);
  const owner = box.ticket.owner?.id;
  const key = {};
  const said = await ask({
    title: t("task.new"), text: t("task.new.text"),
    fields: [
      h("label.field", null, t("task.title"), h("textarea", { name: "title", rows: "3", maxlength: "4000", required: true })),
      h("label.field", null, t("task.who"), h("select", { name: "to" },
        h("optgroup", { label: t("task.departments") }, departments.map((one) =>
          h("option", { value: `department/${one.department}` }, say(one.name)))),
        h("optgroup", { label: t("task.people") }, agents.filter((agent) => agent.id !== owner).map((agent) =>
          h("option", { value: `agent/${agent.id}` }, agent.name))))),
      h("label.field", null, t("task.due"), h("input", { name: "due", type: "datetime-local" })),
    ],
    submit: t("task.new"),
    send: (said) => {
      const [kind, ...rest] = said.get("to").split("/");
      const body = { title: said.get("title"), [kind]: rest.join("/") };
      if (said.get("due")) body.due_at = new Date(said.get("due")).getTime() / 1000;
      return make(`/tickets/${box.ticket.id}/subtasks`, body, key);
    },
  });
  if (said) await box.read();
}

async function endTask(desk, box, task, done) {
  const path = `/tickets/${box.ticket.id}/subtasks/${task.id}`;
  const said = await ask({
    title: t(done ? "task.finish" : "task.cancel"), text: task.title,
    fields: [h("label.field", null, t(done ? "task.result" : "complaint.why"),
      h("textarea", { name: "words", rows: "3", maxlength: done ? "4000" : "500", required: true }))],
    submit: t(done ? "task.finish" : "task.cancel"),
    send: (said) => (done ? call("POST", `${path}/done`, { result: said.get("words") }) : call("POST", `${path}/cancel`, { why: said.get("words") })),
  });
  if (said) await box.read();
}

function taskItem(desk, box, task) {
  const { me } = desk.state;
  const ours = box.ticket.owner?.id === me.id || me.role !== "agent";
  const whose = [task.department && desk.departmentName(task.department), task.assignee?.name].filter(Boolean).join(" · ");
  const open = task.state === "open";
  const late = open && task.late_at;
  const member = Object.keys(me.skills).includes(`dept:${task.department}`);
  const mine = task.assignee ? task.assignee.id === me.id : member;
  const button = (key, go) => h("button.link", { type: "button", onclick: once(() => desk.act(go)) }, t(key));
  return h(`li.task.${task.state}${late ? ".late" : ""}`, null,
    h("span", null, task.title),
    h("small", null, `${whose} · `, open && t("task.until"), open && " ", open && moment(task.due_at), open ? (late ? ` · ${t("task.late")}` : "") : t(`task.${task.state}`)),
    task.result && h("p.result", null, task.result),
    open && h("div.tools", null,
      !task.assignee && member && button("task.take", async () => {
        await call("POST", `/tickets/${box.ticket.id}/subtasks/${task.id}/take`);
        await box.read();
      }),
      (mine || ours) && button("task.finish", () => endTask(desk, box, task, true)),
      ours && button("task.cancel", () => endTask(desk, box, task, false))));
}

export function taskList(desk, box) {
  const { helpers, tasks } = box.help;
  const ours = !box.ticket.owner || box.ticket.owner.id === desk.state.me.id || desk.state.me.role !== "agent";
  return [
    helpers.length > 0 && h("p.small", null, t("helpers", { names: helpers.map((one) => one.agent.name).join(t("mark.and")) })),
    tasks.length > 0 && h("ul.tasks", null, tasks.map((task) => taskItem(desk, box, task))),
    ours && h("div.tools", null, h("button.link", { type: "button", "data-task": "new", onclick: () => desk.act(() => openTask(desk, box)) }, t("task.new"))),
  ];
}

/** The room for notes; drawNotes fills it, and leaves whoever is writing one in peace. */
export function noteRoom(desk, box) {
  const { id } = box.ticket;
  const draft = draftOf(`note/${id}`, () => ({ text: "", id: newId() }), () => { text.value = draft.text; });
  const text = h("textarea", {
    rows: "2", maxlength: "4000", placeholder: t("note.placeholder"), "aria-label": t("note.write"),
    value: draft.text, oninput: () => {
      draft.text = text.value;
      keep();
    },
  });
  const write = once(() => desk.act(async () => {
    await make(`/tickets/${id}/notes`, { text: text.value }, draft);
    draft.text = text.value = "";
    keep();
    notice(t("note.written"));
    desk.act(box.read, { quiet: true }); // not awaited: the next note is not held up by it
  }));
  const form = h("form.note-form", { onsubmit: (event) => {
    event.preventDefault();
    if (text.value.trim()) write();
  } }, text, h("div.row.end", null, h("button.quiet", { type: "submit" }, t("note.write"))));
  return [h("p.internal", { role: "note" }, t("note.internal")), h("ul.notes", null), form];
}

export function drawNotes(place, { help }) {
  show(place.querySelector(".notes"), help.notes, () => help.notes.map((note) => h("li.note", null,
    h("small", null, h("strong", null, note.agent.name), " ", moment(note.at)), h("p", null, note.text))));
}
