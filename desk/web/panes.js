// A view over the desk: a list, and what is known of the one that was chosen.
import { anew, attempt, h, pressed, t } from "./dom.js";

export class Panes {
  constructor(desk, { id, title, tools = [] }) {
    this.desk = desk;
    this.list = h("ul.cards", null);
    this.detail = h("section.rules-detail", { "aria-live": "polite" });
    this.head = h("div.panes-head", { role: "group", "aria-label": title });
    this.rooms = h("div.rules-rooms", null, h("nav", { "aria-label": title }, this.head, this.list), this.detail);
    this.dialog = h("dialog.rules", { "aria-labelledby": `${id}-title`, id },
      h("header.row", null,
        h("h2", { id: `${id}-title` }, title), h("span.spread", null), tools,
        h("button.quiet", { type: "button", onclick: () => this.dialog.close() }, t("panes.close"))),
      this.rooms);
    this.dialog.addEventListener("close", () => this.dialog.remove());
    document.body.append(this.dialog);
  }

  async open() {
    this.rooms.classList.add("none");
    await openReading(this.dialog, this.list, () => this.read());
  }

  /** Shows the list, and the chosen one again; nothing chosen shows ``none``. */
  draw(items, card, none) {
    const one = (item) => h("li", null,
      h(`button.card${item.id === this.chosen ? ".current" : ""}`,
        { type: "button", "aria-current": item.id === this.chosen ? "true" : null, "data-id": item.id, onclick: () => this.act(() => this.choose(item.id)) },
        card(item)));
    this.rooms.classList.toggle("none", !items.length);
    anew(this.list, items.length ? items.map(one) : h("li.empty", null, none));
  }

  act(work) {
    return attempt(this.desk, work);
  }

  action(words, work, kind = "button.quiet") {
    return h(kind, { type: "button", onclick: pressed(() => this.act(work)) }, words);
  }
}

/** Shows a dialog at once, whose list says that it is being read; where that fails, it goes again. */
export async function openReading(dialog, list, read) {
  list.replaceChildren(h("li.empty", null, h("span", { role: "status" }, t("loading"))));
  dialog.showModal();
  try {
    await read();
  } catch (error) {
    dialog.close();
    throw error;
  }
}

/** A list's item: what it is, what there is to know of it, what can be done, and what that shows. */
export function entry(top, body, tools, shown) {
  return h("li.entry", null, h("p.card-top", null, top), body, h("div.tools", null, tools), shown);
}

/** A heading and what stands under it; nothing where there is nothing. */
export function part(title, ...children) {
  return h("section", null, h("h4", null, title), children);
}
