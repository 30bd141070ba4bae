// Key information in messages: chips to copy, and private numbers that show only on asking.
import { h, notice, t } from "./dom.js";
import { call } from "./door.js";

const MOST = 24;
const revealed = new Map(); // message id -> the message with nothing masked, while the page lives

/** A message as this page may show it: as it was revealed, until the customer changes it. */
export function unmask(message) {
  const full = revealed.get(message.id);
  if (!full || message.withdrawn_at || full.earlier.length !== message.earlier.length) return message;
  return { ...message, text: full.text, text_full: full.text_full, earlier: full.earlier, keys: full.keys };
}

async function reveal(ticketId, messageId) {
  const full = await call("POST", `/tickets/${ticketId}/messages/${messageId}/reveal`);
  revealed.set(messageId, full);
  return full;
}

export function hides(message) {
  return message.keys.some((key) => key.masked);
}

/** The link under a message that shows its private numbers. */
export function revealLink(desk, ticket, message) {
  return h("button.link", { type: "button", title: t("who.reveal.note"), onclick: () => desk.act(() => reveal(ticket.id, message.id)) }, t("keys.reveal"));
}

async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Pages that come over plain HTTP have no clipboard of their own.
  const place = h("textarea.unseen", { value: text });
  document.body.append(place);
  place.select();
  document.execCommand("copy");
  place.remove();
}

/** Copies a text, and says so. */
export async function copied(text) {
  await copy(text);
  notice(t("keys.copied", { text }));
}

/** What stands in the ticket's messages, the newest first; a click copies it. */
export function chips(desk, view) {
  const found = new Map();
  for (const message of [...view.messages].reverse()) {
    message.keys.forEach((key, at) => {
      const name = `${key.kind} ${key.text}`;
      if (!found.has(name)) found.set(name, { ...key, at, message: message.id });
    });
  }
  return h("div.keys", null, [...found.values()].slice(0, MOST).map((key) =>
    h("button.key", { type: "button", title: t(key.masked ? "keys.copy.masked" : "keys.copy"), onclick: () => desk.act(async () => {
      const text = key.masked ? (await reveal(view.ticket.id, key.message)).keys[key.at].text : key.text;
      await copied(text);
    }, { quiet: !key.masked }) }, h("small", null, t(`keys.${key.kind}`)), h("span", null, key.text))));
}

export function hasChips(view) {
  return view.messages.some((message) => message.keys.length > 0);
}
