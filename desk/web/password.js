// One's own account: the password, and the second factor.
import { ask, h, t } from "./dom.js";
import { call } from "./door.js";
import { factorSection } from "./secondfactor.js";
import { openTokens } from "./tokens.js";

/** Asks for a new password, or leads to the second factor; whether the password is changed, which ends the session. */
export async function changePassword(desk) {
  const field = (name, autocomplete) => h("input", { name, type: "password", required: true, maxlength: "1024", autocomplete });
  const [current, fresh, again] = [field("current", "current-password"), field("password", "new-password"), field("again", "new-password")];
  fresh.minLength = 10;
  const compare = () => again.setCustomValidity(again.value === fresh.value ? "" : t("password.differ"));
  for (const each of [fresh, again]) each.addEventListener("input", compare);
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
      h("label.field", null, t("password.current"), current), h("label.field", null, t("password.new"), fresh), h("label.field", null, t("password.again"), again),
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
