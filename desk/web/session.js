// Who is signed in: their desk, and the form that asks for them when there is none.
import { notice, tick } from "./dom.js";
import { Desk } from "./desk.js";
import { call } from "./door.js";
import { draftsOf, forget } from "./drafts.js";
import { drawLogin } from "./login.js";
import { drawFirstPassword } from "./password.js";
import { drawSetUp } from "./secondfactor.js";
import { listenForKeys } from "./shortcuts.js";

const app = document.getElementById("app");

let desk = null;

/** ``ended``: not by their own wish, so that what they had begun waits for them. */
function signedOut(of, { ended = true } = {}) {
  if (of !== desk) return; // an answer that came late, of a session before this one
  const { state: { me: { login } }, endsBecause } = desk;
  desk.stop();
  desk = null;
  document.querySelectorAll("dialog").forEach((dialog) => dialog.remove());
  if (!ended) forget();
  drawLogin(app, enter, ended ? { login, why: endsBecause ?? "login.ended" } : {});
}

/** ``typed``: the password they have signed in with just now; who comes back by a reload is asked for it. */
async function enter(typed = null) {
  const me = await call("GET", "/me"); // a stranger is asked once
  if (me.password_due) return drawFirstPassword(app, enter, typed);
  if (me.second_factor_due) return drawSetUp(app, enter, typed);
  const [names, { departments }] = await Promise.all([call("GET", "/glossary"), call("GET", "/departments")]);
  draftsOf(me.id);
  desk = new Desk(me, { ...names, departments }, signedOut);
  desk.arrive();
}

setInterval(tick, 1000);
listenForKeys(() => desk);
window.addEventListener("popstate", () => desk?.arrive());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && desk?.cameBack());
enter().catch((error) => {
  drawLogin(app, enter);
  if (error.status !== 401) notice(error.message, "bad");
});
