// One's own account: the password, and the second factor.
import { ask, h, t } from "./dom.js";
import { call } from "./door.js";
import { drawDue } from "./due.js";
import { factorSection } from "./secondfactor.js";
import { openTokens } from "./tokens.js";

function passwordField(name, autocomplete) {
  return h("input", { name, type: "password", required: true, maxlength: "1024", autocomplete });
}

/** A new password, and once more. */
function newPassword() {
  const [fresh, again] = [passwordField("password", "new-password"), passwordField("again", "new-password")];
  fresh.minLength = 10;
  const compare = () => again.setCustomValidity(again.value === fresh.value ? "" : t("password.differ"));
  for (const each of [fresh, again]) each.addEventListener("input", compare);
  return [h("label.field", null, t("password.new"), fresh), h("label.field", null, t("password.again"), again)];
}

const currentPassword = () => h("label.field", null, t("password.current"), passwordField("current", "current-password"));

/** The page of who has a password that somebody else gave them; ``typed``: the one they have signed in with just now. */
export function drawFirstPassword(app, enter, typed = null) {
  drawDue(app, {
    title: t("password.due"), text: t("password.due.text"), submit: t("password.due.submit"), enter,
    fields: [typed === null && currentPassword(), newPassword()],
    send: async (said) => {
      const password = said.get("password");
      await call("PUT", "/me/password", { current: typed ?? said.get("current"), password });
      return password;
    },
    redraw: () => drawFirstPassword(app, enter, typed),
  });
}

/** Asks for a new password, or leads to the second factor; whether the password is changed, which ends the session. */
export async function changePassword(desk) {
  let instead = null;
  const factor = factorSection(await call("GET", "/me/second-factor"), (work) => {
    instead = work;
    factor.closest("dialog").close("no");
  });
  const changed = await ask({
    title: t("account.title"), submit: t("password.title"),
    fields: [
      factor,
      h("h3", null, t("password.title")), h("p.small", null, t("password.text")),
      currentPassword(), newPassword(),
      h("button.link", { type: "button", onclick: () => desk.act(() => openTokens(desk)) }, t("tokens.open")),
    ],
    send: async (said) => {
      desk.endsBecause = "login.changed"; // the line may say that the session has ended before the answer comes
      try {
        await call("PUT", "/me/password", { current: said.get("current"), password: said.get("password") });
      } catch (error) {
        delete desk.endsBecause;
        throw error;
      }
    },
  });
  await instead?.();
  return changed;
}
