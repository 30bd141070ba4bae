// One's own password.
import { ask, h, t } from "./dom.js";
import { call } from "./door.js";

/** Asks for a new one; whether it is changed, which ends the session. */
export function changePassword(desk) {
  const field = (name, autocomplete) => h("input", { name, type: "password", required: true, maxlength: "1024", autocomplete });
  const [current, fresh, again] = [field("current", "current-password"), field("password", "new-password"), field("again", "new-password")];
  fresh.minLength = 10;
  const compare = () => again.setCustomValidity(again.value === fresh.value ? "" : t("password.differ"));
  for (const each of [fresh, again]) each.addEventListener("input", compare);
  return ask({
    title: t("password.title"), text: t("password.text"), submit: t("password.title"),
    fields: [h("label.field", null, t("password.current"), current), h("label.field", null, t("password.new"), fresh), h("label.field", null, t("password.again"), again)],
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
}
