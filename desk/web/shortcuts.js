// Keys of the desk. One letter works where nothing is being written, and can be switched off.
import { h, t } from "./dom.js";

const PLACE = "shouli.keys";
const TYPED_IN = "input, textarea, select, [contenteditable]";

const press = (selector) => whenRead(() => document.querySelector(`.talk ${selector}`)?.click());
const reach = (selector) => () => document.querySelector(selector)?.focus();

/** Once the open ticket is read: a key that follows the one that opens it is not lost. */
function whenRead(work) {
  return async (desk) => {
    const { openId } = desk.state;
    await desk.opening;
    if (desk.state.openId === openId) work();
  };
}

let begins = false; // an answer is about to begin: what is typed meanwhile is no command

async function write(desk) {
  begins = true;
  await desk.opening;
  begins = false;
  reach(".reply:not([hidden]) #reply-text")();
}

/** Takes what the bar offers; what is typed from then on is the answer. */
async function accept(desk) {
  begins = true;
  await press(".bar:not([hidden]) .primary")(desk);
  await write(desk);
}

/** What is typed, what it is called, and what it does with the desk. */
const KEYS = [
  ["n", "next", (desk) => desk.next()],
  ["j", "down", (desk) => desk.step(1)],
  ["k", "up", (desk) => desk.step(-1)],
  ["r", "reply", write],
  ["a", "accept", accept],
  ["t", "transfer", press("[data-do=transfer]")],
  ["s", "snooze", press("[data-do=snooze]")],
  ["P", "pend", press("[data-do=pend]")],
  ["E", "resolve", press("[data-do=resolve]")],
  ["g", "suggest", press(".reply:not([hidden]) [data-do=suggest]")],
  ["i", "note", whenRead(reach(".note-form textarea"))],
  ["c", "copy", press(".number")],
  ["/", "search", reach(".search input")],
  ["1", "mine", (desk) => desk.chooseTab("mine")],
  ["2", "waiting", (desk) => desk.chooseTab("waiting")],
  ["3", "ended", (desk) => desk.chooseTab("ended")],
  ["?", "help", () => showKeys()],
];

const WRITING = [["Ctrl+Enter", "send"], ["Ctrl+Shift+Enter", "finish"], ["Esc", "leave"]];

function isOn() {
  return localStorage.getItem(PLACE) !== "off";
}

/** From now on keys do what they mean; ``current`` gives the desk that is open, or null. */
export function listenForKeys(current) {
  document.addEventListener("keydown", (key) => {
    const desk = current();
    if (!desk || desk.page || key.defaultPrevented || key.isComposing || document.querySelector("dialog[open]")) return;
    if (key.key === "Escape" && key.target.id === "reply-text") document.querySelector(".talk h1")?.focus();
    if (!isOn() || begins || key.ctrlKey || key.metaKey || key.altKey || key.repeat || key.target.matches(TYPED_IN)) return;
    const [, , work] = KEYS.find(([typed]) => typed === key.key) ?? [];
    if (!work) return;
    key.preventDefault();
    work(desk);
  });
}

/** The way to the keys for who does not know yet that “?” leads there. */
export function keysButton() {
  return h("button.quiet.keys-button", { type: "button", title: t("shortcuts"), "aria-label": t("shortcuts"), onclick: showKeys }, "?");
}

/** Tells all keys, and lets one switch the single ones off. */
function showKeys() {
  const typed = KEYS.map(([key, name]) => [key === key.toLowerCase() ? key : `Shift+${key}`, name]);
  const row = ([key, name]) => h("div", null, h("dt", null, key.split("+").map((part) => h("kbd", null, part))), h("dd", null, t(`shortcut.${name}`)));
  const box = h("input", { type: "checkbox", checked: isOn(), onchange: () => localStorage.setItem(PLACE, box.checked ? "on" : "off") });
  const dialog = h("dialog.ask.wide", { "aria-labelledby": "shortcuts-title" },
    h("h2", { id: "shortcuts-title" }, t("shortcuts")),
    h("dl.shortcuts", null, [...WRITING, ...typed].map(row)),
    h("label.check", null, box, t("shortcuts.single")),
    h("div.row.end", null, h("button.primary", { type: "button", onclick: () => dialog.close() }, t("close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
