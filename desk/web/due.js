// What somebody must do before their desk opens: a page with nothing else on it.
import { h, lang, switchLanguage, t } from "./dom.js";
import { call } from "./door.js";

/**
 * Draws the page. ``send`` does it, with what the form says; ``enter`` is what follows.
 * ``redraw`` draws it again, in another language.
 */
export function drawDue(app, { title, text, fields, submit: words, send, enter, redraw }) {
  const problem = h("p.flag", { role: "alert", hidden: true });
  const submit = h("button.primary", { type: "submit" }, words);
  const form = h("form.login.beforehand", { onsubmit: async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const typed = await send(new FormData(form));
      await enter(typed);
    } catch (error) {
      const told = form.elements.namedItem(error.field ?? "");
      // Signed out meanwhile, or another password is in force than was typed a moment ago.
      if (error.status === 401 || (error.code === "wrong_credentials" && !told)) return location.reload();
      problem.textContent = error.message;
      problem.hidden = false;
      told?.focus();
    } finally {
      submit.disabled = false;
    }
  } },
  h("h1", null, title),
  h("p.small", null, text),
  fields,
  problem, submit,
  h("div.row.middle", null,
    h("button.link", { type: "button", onclick: async () => {
      await call("POST", "/logout");
      location.reload();
    } }, t("logout")),
    h("button.link", { type: "button", onclick: () => {
      switchLanguage();
      redraw();
    } }, t("language"))));
  document.documentElement.lang = lang() === "zh" ? "zh-CN" : "en";
  document.title = t("title");
  app.replaceChildren(h("main.door", null, form));
}
