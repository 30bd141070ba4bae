// Signing in.
import { h, lang, switchLanguage, t } from "./dom.js";
import { call } from "./door.js";

/** Draws the form; ``enter`` is what follows, ``login`` who it is, and ``why`` they are asked again: words, by their key. */
export function drawLogin(app, enter, { login: known = "", why } = {}) {
  document.documentElement.lang = lang() === "zh" ? "zh-CN" : "en";
  document.title = t("title");
  const problem = h("p.flag", { role: "alert", hidden: !why }, why && t(why));
  const login = h("input", { name: "login", autocomplete: "username", required: true, maxlength: "64", autocapitalize: "none", value: known });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const submit = h("button.primary", { type: "submit" }, t("login.submit"));
  const form = h("form.login", { onsubmit: async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await call("POST", "/login", { login: login.value, password: password.value });
      await enter();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      password.select();
    }
    submit.disabled = false;
  } },
  h("img", { src: "/desk/icon.svg", alt: "", width: "48", height: "48" }),
  h("h1", null, t("login.title")),
  h("label.field", null, t("login.login"), login),
  h("label.field", null, t("login.password"), password),
  problem, submit,
  h("p.small", null, t("login.hint")),
  h("button.link", { type: "button", onclick: () => {
    switchLanguage();
    drawLogin(app, enter, { login: login.value, why });
  } }, t("language")));
  app.replaceChildren(h("main.door", null, form));
  (known ? password : login).focus();
}
