// The trade's own words, for admins: never cut apart, from the next training.
import { h, moment, notice, t } from "./dom.js";
import { call } from "./door.js";
import { openReading } from "./panes.js";

const WORD = /^[\u4e00-\u9fd5]{2,20}$/u;
const BETWEEN = /[\s,，、;；]+/u;

/** Opens the dictionary over the desk. */
export async function openDictionary(desk) {
  const list = h("ul.dictionary", null);
  const settings = h("p.small", { hidden: true });
  const read = async () => {
    const known = await call("GET", "/dictionary");
    list.replaceChildren(...(known.words.length ? known.words.map((each) => entry(each, work)) : [h("li.empty", null, t("dictionary.none"))]));
    settings.hidden = !known.settings.length;
    settings.textContent = t("dictionary.settings", { words: known.settings.join("、") });
  };
  const work = (act) => desk.act(async () => {
    await act();
    await read();
  }, { quiet: true });
  const dialog = h("dialog.ask.wide", { "aria-labelledby": "dictionary-title" },
    h("h2", { id: "dictionary-title" }, t("dictionary.title")),
    h("p.small", null, t("dictionary.text")),
    adding(work),
    list, settings,
    h("div.row.end", null, h("button.quiet", { type: "button", onclick: () => dialog.close() }, t("close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  await openReading(dialog, list, read);
}

function adding(work) {
  const area = h("textarea", { name: "words", rows: "2", required: true, placeholder: t("dictionary.placeholder") });
  const wrong = h("p.flag", { role: "alert", hidden: true });
  const send = (event) => {
    event.preventDefault();
    const words = area.value.split(BETWEEN).filter(Boolean);
    const bad = words.filter((word) => !WORD.test(word));
    wrong.hidden = !bad.length;
    wrong.textContent = bad.length ? t("dictionary.wrong", { words: bad.join("、") }) : "";
    if (bad.length || !words.length) return;
    work(async () => {
      const { added } = await call("POST", "/dictionary", { words });
      area.value = "";
      notice(t("dictionary.added", { count: added.length }));
    });
  };
  return h("form", { onsubmit: send },
    h("label.field", null, t("dictionary.new"), area), wrong,
    h("div.row.end", null, h("button.primary", { type: "submit" }, t("dictionary.add"))));
}

function entry(each, work) {
  const label = t("dictionary.remove", { word: each.word });
  return h("li", null,
    h("b", { lang: "zh-CN" }, each.word),
    h("small", null, each.added_by && `${each.added_by} · `, moment(each.added_at)),
    h("button.quiet", { type: "button", "aria-label": label, title: label, onclick: () => work(() => call("DELETE", `/dictionary/${encodeURIComponent(each.word)}`)) }, "×"));
}
