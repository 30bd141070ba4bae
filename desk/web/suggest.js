// Answers by example: what was answered to something like this, offered over the reply box.
import { ask, h, moment, notice, t } from "./dom.js";
import { call, make } from "./door.js";
import { openReading } from "./panes.js";

const whole = (share) => `${Math.round(100 * share)}%`;

/** {button, panel}: the button reads and unfolds the panel; insert(text) takes a suggestion over. */
export function makeSuggestions(desk, ticketId, insert) {
  const panel = h("section.suggestions", { hidden: true, "aria-label": t("suggest.title"), onkeydown: (key) => {
    if (key.key !== "Escape") return;
    fold();
    button.focus();
  } });
  const fold = () => {
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
  };
  const take = (text) => {
    insert(text);
    fold();
  };
  const button = h("button.quiet", { type: "button", "data-do": "suggest", "aria-expanded": "false", onclick: () => desk.act(async () => {
    if (!panel.hidden) {
      fold();
      return;
    }
    const found = await call("GET", `/tickets/${ticketId}/suggestions`);
    panel.replaceChildren(...offers(found, take));
    panel.hidden = false;
    panel.querySelector("button")?.focus(); // Enter takes the first, and goes on in the answer
    button.setAttribute("aria-expanded", "true");
  }, { quiet: true }) }, t("suggest.open"));
  return { button, panel };
}

function offers({ canned, tickets }, take) {
  if (!canned.length && !tickets.length) return [h("p.empty", null, t("suggest.none"))];
  return [
    canned.map((each) => offer(each, [h("b", null, each.title)], take)),
    tickets.map((each) => offer(each, [t("suggest.ticket", { number: each.number }), each.subject && ` · ${each.subject}`, " · ", moment(each.resolved_at)], take)),
  ].flat();
}

function offer(each, head, take) {
  return h("article.offer", null,
    h("div.row", null,
      h("small", null, head), h("span.spread", null),
      h("small.score", { title: t("suggest.score") }, whole(each.score)),
      h("button.quiet", { type: "button", onclick: () => take(each.text) }, t("suggest.insert"))),
    h("p", null, each.text));
}

// -- canned answers, for admins -----------------------------------------------------

/** Opens the list of canned answers over the desk. */
export async function openCanned(desk) {
  const list = h("ul.canned", null);
  const read = async () => {
    const { canned } = await call("GET", "/canned");
    list.replaceChildren(...(canned.length ? canned.map((each) => shelf(each, work)) : [h("li.empty", null, t("canned.none"))]));
  };
  const work = (act) => desk.act(async () => {
    if (await act()) await read();
  }, { quiet: true });
  const dialog = h("dialog.ask.wide", { "aria-labelledby": "canned-title" },
    h("div.row", null,
      h("h2", { id: "canned-title" }, t("canned.title")), h("span.spread", null),
      h("button.primary", { type: "button", onclick: () => work(() => write()) }, t("canned.add"))),
    h("p.small", null, t("canned.text")),
    list,
    h("div.row.end", null, h("button.quiet", { type: "button", onclick: () => dialog.close() }, t("close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  await openReading(dialog, list, read);
}

function shelf(each, work) {
  return h("li", null,
    h("div.row", null,
      h("b", null, each.title), h("span.spread", null),
      h("button.quiet", { type: "button", onclick: () => work(() => write(each)) }, t("canned.change")),
      h("button.quiet", { type: "button", onclick: () => work(() => retire(each)) }, t("canned.retire"))),
    each.zh && h("p", { lang: "zh-CN" }, each.zh),
    each.en && h("p", { lang: "en" }, each.en));
}

async function write(each) {
  const area = (name, value) => h("label.field", null, t(`canned.${name}`), h("textarea", { name, rows: "4", maxlength: "5000", value: value ?? "" }));
  const key = {};
  const said = await ask({
    title: t(each ? "canned.change" : "canned.add"),
    fields: [
      h("label.field", null, t("canned.question"), h("input", { name: "title", required: true, maxlength: "120", value: each?.title ?? "", placeholder: t("canned.placeholder") })),
      area("zh", each?.zh), area("en", each?.en),
    ],
    submit: t("canned.save"),
    send: (written) => {
      const body = { title: written.get("title"), zh: written.get("zh"), en: written.get("en") };
      return each ? call("PUT", `/canned/${each.id}`, body) : make("/canned", body, key);
    },
  });
  if (!said) return false;
  notice(t("canned.saved"));
  return true;
}

async function retire(each) {
  const said = await ask({ title: t("canned.retire"), text: t("canned.retire.text", { title: each.title }), submit: t("canned.retire"), danger: true, send: () => call("DELETE", `/canned/${each.id}`) });
  return Boolean(said);
}
