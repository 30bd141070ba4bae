// When one's own shift ends: shown beside the presence, and set there.
import { ask, h, moment, now, show, t } from "./dom.js";
import { call } from "./door.js";

const TIME = { hour: "2-digit", minute: "2-digit", hour12: false };

export function makeShift(desk) {
  return h("button.quiet.shift", { type: "button", onclick: () => desk.act(() => change(desk)) });
}

export function drawShift(button, desk) {
  const at = ends(desk);
  show(button, at && [at, today(at)], () =>
    at ? [t(today(at) ? "shift.today" : "shift.later"), " ", moment(at)] : [t("shift.none")]);
}

async function change(desk) {
  const at = ends(desk);
  await ask({
    title: t("shift.title"), text: t("shift.text"), submit: t("people.save"),
    fields: [h("label.field", null, t("shift.until"), h("input", { type: "time", name: "until", value: at ? timeOf(at) : "" }))],
    send: async (said) => { desk.state.me = await call("PUT", "/me/shift", { ends_at: next(said.get("until")) }); },
  });
}

/** The end that still holds; one that is over ends no other shift. */
function ends({ state }) {
  const at = state.me.shift_ends_at;
  return at && at > now() ? at : null;
}

/** The next moment at which clocks show this time, in seconds; 0 for none. */
function next(time) {
  if (!time) return 0;
  const [hours, minutes] = time.split(":").map(Number);
  const at = new Date(now() * 1000);
  at.setHours(hours, minutes, 0, 0);
  if (at.getTime() / 1000 <= now()) at.setDate(at.getDate() + 1);
  return at.getTime() / 1000;
}

function today(at) {
  return new Date(at * 1000).toDateString() === new Date(now() * 1000).toDateString();
}

function timeOf(at) {
  return new Date(at * 1000).toLocaleTimeString("en-GB", TIME);
}
