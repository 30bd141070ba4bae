// Signing in.
import { h, lang, switchLanguage, t } from "./dom.js";
import { call } from "./door.js";
import { codeBox } from "./secondfactor.js";

/** Draws the form; ``enter`` is what follows, ``login`` who it is, and ``why`` they are asked again: words, by their key. */
export function drawLogin(app, enter, { login: known = "", why } = {}) {
  document.documentElement.lang = lang() === "zh" ? "zh-CN" : "en";
  document.title = t("title");
  const problem = h("p.flag", { role: "alert", hidden: !why }, why && t(why));
  const login = h("input", { name: "login", autocomplete: "username", required: true, maxlength: "64", autocapitalize: "none", value: known });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const submit = h("button.primary", { type: "submit" }, t("login.submit"));
  const first = h("div.step", null, h("label.field", null, t("login.login"), login), h("label.field", null, t("login.password"), password));
  const code = codeBox();
  const hint = h("p.small", null);
  const second = h("div.step", { hidden: true }, hint, h("label.field", null, h("span.unseen", null, t("factor")), code));
  const about = h("p.small", null, t("login.hint"));
  const ways = h("div.row.middle", { hidden: true },
    h("button.link", { type: "button", onclick: () => askCode(true) }, t("factor.lost")),
    h("button.link", { type: "button", onclick: () => askPassword() }, t("factor.back")));
  const askCode = (recovery = false) => {
    [first.hidden, second.hidden, about.hidden, ways.hidden] = [true, false, true, false];
    [problem.hidden, code.disabled, code.value] = [true, false, ""];
    hint.textContent = t(recovery ? "factor.login.recovery" : "factor.login");
    code.inputMode = recovery ? "text" : "numeric";
    code.focus();
  };
  const askPassword = () => {
    [first.hidden, second.hidden, about.hidden, ways.hidden] = [false, true, false, true];
    [problem.hidden, code.disabled] = [true, true];
    password.select();
  };
  code.disabled = true; // until it is asked for, it need not be filled in
  const form = h("form.login", { onsubmit: async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await call("POST", "/login", { login: login.value, password: password.value, ...(code.disabled ? {} : { code: code.value }) });
      await enter(password.value);
    } catch (error) {
      submit.disabled = false;
      if (error.code === "code_needed") return askCode();
      if (error.code === "wrong_credentials") askPassword(); // it was changed since
      problem.textContent = error.message;
      problem.hidden = false;
      (code.disabled ? password : code).select();
    }
    submit.disabled = false;
  } },
  h("img", { src: "/desk/icon.svg", alt: "", width: "48", height: "48" }),
  h("h1", null, t("login.title")),
  first, second,
  problem, submit,
  about, ways,
  h("button.link", { type: "button", onclick: () => {
    switchLanguage();
    drawLogin(app, enter, { login: login.value, why });
  } }, t("language")));
  app.replaceChildren(h("main.door", null, form));
  (known ? password : login).focus();
}
