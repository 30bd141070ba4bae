// The box that finds tickets, and what a list tells of how each was found.
import { h, t } from "./dom.js";

/** One box for numbers, people and words. Enter looks, Escape goes back to the list of before. */
export function searchBox(desk) {
  const box = h("input", {
    type: "search", value: desk.state.found?.text ?? "", maxlength: "200", enterkeyhint: "search",
    placeholder: t("search"), "aria-label": t("search.label"), title: t("search.title"),
    oninput: () => { if (!box.value) desk.search(""); },
    onkeydown: (key) => {
      if (key.isComposing) return;
      if (key.key === "Enter") desk.search(box.value.trim());
      if (key.key === "ArrowDown") document.querySelector(".queue .card")?.focus();
      if (key.key !== "Escape") return;
      key.preventDefault();
      box.value = "";
      desk.search("");
      box.blur();
    },
  });
  return h("div.search", { role: "search" }, box);
}

/** Back to the list of before. */
function leaveSearch(desk) {
  const box = document.querySelector(".search input");
  box.value = "";
  desk.search("");
  box.focus();
}

/** Who has gone on to another list asks for nothing any more; a number that is offered stands in the box. */
export function leaveBox(pane, { found }) {
  const box = pane.querySelector(".search input");
  if (!found && document.activeElement !== box) box.value = "";
  if (found && document.activeElement !== box) box.value = found.text;
}

/** By what a ticket was found, where its words do not show it. */
export function foundBy({ by }) {
  return by && by !== "words" && h("span.chip.found-by", null, t(`found.${by}`));
}

/** Where it was said. */
export function passage({ passage: said }) {
  if (!said) return null;
  return h("span.card-passage", { dir: "auto" },
    said.side !== "customer" && h("small", null, t(`found.side.${said.side}`)),
    said.before, h("mark", null, said.hit), said.after);
}

/** What is to be told before what was found: that it is being looked for, that nothing was, and why. */
export function untold(desk) {
  const { found, listed } = desk.state;
  const line = (id, shows, ...children) => ({ id, shows, make: () => h("li.empty", { role: "status" }, children) });
  if (found.trouble) return [line("trouble", found.trouble, h("span.bad", null, found.trouble))];
  if (found.looks && !listed.length) return [line("looks", "", t("search.looks"))];
  const told = [];
  if (listed.length && !found.looks) told.push(counted(desk));
  if (found.misread) told.push(line("misread", found.misread, t("search.misread"), h("div", null, found.misread.like.map((number) => likely(desk, number)))));
  if (!found.looks && !listed.length && !found.misread?.like.length) told.push(line("none", found.text, t("search.none", { text: found.text }), h("br"), t("search.hint")));
  if (found.unread) told.push(line("unread", found.unread, t("search.unread", { n: found.unread })));
  return told;
}

/** How many there are, in words. */
export function countWords({ listed, more }) {
  return t(more ? "search.count.more" : "search.count", { n: listed.length });
}

function counted(desk) {
  const words = countWords(desk.state);
  return { id: "count", shows: words, make: () => h("li.told", null, words,
    h("button.link", { type: "button", onclick: () => leaveSearch(desk) }, t("search.back"))) };
}

function likely(desk, number) {
  return h("button.link", { type: "button", onclick: () => desk.search(number) }, number);
}
