// Making elements. Text goes in as text nodes only: nothing from outside is ever markup.
import { keepForm } from "./drafts.js";
import { WORDS } from "./words.js";

const LANGUAGES = ["zh", "en"];

/** The language that the address asks for (?lang=en), from then on; the address is rid of it. */
function askedFor() {
  const address = new URL(location.href);
  const asked = address.searchParams.get("lang");
  if (!LANGUAGES.includes(asked)) return;
  localStorage.setItem("shouli.language", asked);
  address.searchParams.delete("lang");
  history.replaceState(history.state, "", address);
}

askedFor();
let language = localStorage.getItem("shouli.language") === "en" ? "en" : "zh";

export function lang() {
  return language;
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("shouli.language", language);
}

/** The words for a key, with {names} filled in; an unknown key shows itself. */
export function t(key, values = {}) {
  const words = WORDS[key];
  if (!words) return key;
  const text = words[LANGUAGES.indexOf(language)];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function has(key) {
  return key in WORDS;
}

/** What the server says in both languages: {zh, en}, or one string “中文 / English”. */
export function say(words) {
  if (!words) return "";
  if (typeof words !== "string") return words[language];
  const parts = words.split(" / ");
  return parts.length === 2 ? parts[LANGUAGES.indexOf(language)] : words;
}

/** h("button.primary", {onclick, "aria-label": …}, child, …): an element. */
export function h(tag, options, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(options ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "vars") for (const v in value) element.style.setProperty(v, value[v]);
    else if (key in PROPERTIES) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false && c !== ""));
  return element;
}

const PROPERTIES = { value: 1, checked: 1, selected: 1, disabled: 1, htmlFor: 1 };

const FOCUSABLE = "button, select, input, textarea, summary, a[href], [tabindex]";

/** What tells a control from its neighbours: its name, or else its words. */
function sign(control) {
  const named = [...control.attributes].filter(({ name }) => name === "name" || name === "aria-label" || name.startsWith("data-"));
  return [control.tagName, ...(named.length ? named.map(({ name, value }) => `${name}=${value}`) : [control.textContent])].join(" ");
}

const HEADING = "h2, h3, h4";

/** The words, without counts, that stand over the section a control is in. */
function over(heading) {
  return heading?.firstChild?.textContent;
}

/**
 * Puts other children into an element. The focus goes to the one that does the same, and to no other:
 * a second press of Enter must not do something else. What was pressed may be gone, with what it was
 * about: then one goes on from the heading it stood under, not from the top of the page.
 */
export function anew(element, ...children) {
  const from = element.contains(document.activeElement) && element !== document.activeElement && document.activeElement;
  const held = from && sign(from);
  const under = from && over(from.closest("section")?.querySelector(HEADING));
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (!from) return;
  const same = [...element.querySelectorAll(FOCUSABLE)].find((one) => sign(one) === held && !one.disabled);
  const heading = under && [...element.querySelectorAll(HEADING)].find((one) => over(one) === under);
  if (!same && heading) heading.tabIndex = -1;
  (same ?? heading)?.focus({ preventScroll: true });
}

/** Replaces the children of an element only when what they show has changed. */
export function show(element, key, make) {
  const seen = JSON.stringify([language, key]);
  if (element.shouliSeen === seen) return;
  element.shouliSeen = seen;
  anew(element, make());
}

/**
 * Draws a list, each item as {id, shows, make}. One that shows what it did keeps its element and is not
 * even moved out and in again: a click that is half done, the focus, a voice that plays go on.
 * Returns whether anything changed.
 */
export function keyed(list, items) {
  const before = new Map([...list.children].map((element) => [element.shouliId, element]));
  const held = list.contains(document.activeElement) && [...before].find(([, element]) => element.contains(document.activeElement))?.[0];
  const wanted = items.map(({ id, shows, make }) => {
    const seen = JSON.stringify([language, shows]);
    const old = before.get(id);
    return old?.shouliSeen === seen ? old : Object.assign(make(), { shouliId: id, shouliSeen: seen });
  });
  if (wanted.length === list.children.length && wanted.every((element, n) => element === list.children[n])) return false;
  const kept = new Set(wanted);
  for (const element of before.values()) if (!kept.has(element)) element.remove();
  wanted.forEach((element, n) => {
    if (list.children[n] !== element) list.insertBefore(element, list.children[n] ?? null);
  });
  if (held && !list.contains(document.activeElement)) {
    wanted.find((element) => element.shouliId === held)?.querySelector(FOCUSABLE)?.focus({ preventScroll: true });
  }
  return true;
}

/** A handler that does nothing while it is at work: of two quick clicks the second is none. */
export function once(work) {
  let busy = false;
  return async (...given) => {
    if (busy) return;
    busy = true;
    try {
      await work(...given);
    } finally {
      busy = false;
    }
  };
}

/** As ``once``; what was pressed shows meanwhile that it is at work. */
export function pressed(work) {
  return once(async ({ currentTarget: button }) => {
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

/** Tells a screen reader. */
export function speak(text) {
  document.getElementById("spoken").textContent = text;
}

/** ``text``, or its first characters with a sign that there are more. */
export function cut(text, most) {
  return text.length > most ? `${text.slice(0, most).trimEnd()}…` : text;
}

/**
 * A notice that goes by itself; kind is "good" or "bad". Said again, it stays longer and is not doubled.
 * ``way``: {words, go}, a button that takes back what is told, for as long as it is told.
 */
export function notice(text, kind = "good", way = null) {
  const go = () => {
    box.remove();
    way.go();
  };
  const box = h(`div.notice.${kind}`, { role: kind === "bad" ? "alert" : "status", "data-text": text }, text,
    way && h("button.link", { type: "button", onclick: go }, way.words));
  const notices = document.getElementById("notices");
  [...notices.children].find((other) => other.dataset.text === text)?.remove();
  notices.append(box);
  // Shown anew, it comes to lie above a dialog that was opened since.
  if (notices.matches(":popover-open")) notices.hidePopover();
  notices.showPopover();
  setTimeout(() => box.remove(), kind === "bad" || way ? 8000 : 3500);
}

/** Does what somebody asked for, and shows them a refusal; a fault of ours is thrown. */
export async function attempt(desk, work) {
  try {
    await work();
  } catch (error) {
    if (error.status === 401) desk.complain(error);
    else if (error.status === undefined) throw error;
    else notice(error.message, "bad");
  }
}

/**
 * A modal form. Resolves to its FormData, or null when it was left. With ``send`` it stays open, with
 * what was written in it, until that went through, and says what was wrong. What was neither sent nor
 * cancelled (a press of Escape, a session that ended) stands in it when it is asked again here.
 * ``told``: it only tells something, and goes by its button alone.
 */
export function ask({ title, text, fields = [], submit, danger = false, send, told = false }) {
  return new Promise((resolve, reject) => {
    const begun = h("p.flag", { role: "note", hidden: true }, t("ask.begun"));
    const problem = h("p.flag.bad", { role: "alert", id: "ask-problem", hidden: true });
    const sending = once(async () => {
      problem.hidden = true;
      button.setAttribute("aria-busy", "true");
      try {
        await send(new FormData(form));
        dialog.close("yes");
      } catch (error) {
        if (error.status === undefined) throw error;
        if (error.status === 401) return reject(error);
        problem.textContent = error.message;
        problem.hidden = false;
        accuse(form.elements.namedItem(error.field ?? ""));
      } finally {
        button.removeAttribute("aria-busy");
      }
    });
    const button = h(danger ? "button.danger" : "button.primary", { type: "submit", value: "yes" }, submit);
    const accuse = (control) => {
      if (!control?.matches?.("input, textarea, select") || control.hidden) return problem.scrollIntoView({ block: "nearest" });
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-describedby", problem.id);
      control.addEventListener("input", () => control.removeAttribute("aria-invalid"), { once: true });
      control.focus();
    };
    const form = h(
      "form", { method: "dialog", onsubmit: (event) => {
        if (!send) return;
        event.preventDefault();
        sending();
      } },
      h("h2", { id: "ask-title" }, title),
      text && h("p", null, text),
      begun,
      fields,
      problem,
      h("div.row.end", null,
        !told && h("button.quiet", { type: "button", onclick: () => dialog.close("no") }, t("ask.cancel")),
        button),
    );
    const kept = keepForm(form, `form/${location.hash}/${title}`);
    begun.hidden = !kept.found;
    const dialog = h("dialog.ask", { "aria-labelledby": "ask-title" }, form);
    if (told) dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      if (dialog.returnValue) kept.drop();
      resolve(dialog.returnValue === "yes" ? new FormData(form) : null);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A length in bytes as people read it; nothing where it is not known. */
export function sizeText(bytes) {
  if (bytes === null) return "";
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

// -- time ---------------------------------------------------------------------------

let skew = 0;

/** The server's clock rules: seconds since 1970. */
export function setNow(serverNow) {
  skew = serverNow - Date.now() / 1000;
}

export function now() {
  return Date.now() / 1000 + skew;
}

/** A length of opening hours in seconds: days would be taken for those of the calendar. */
export function worked(seconds) {
  const [h, m] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return t(m ? "time.h" : "time.h.whole", { h, m });
}

/** A length of time in seconds, to two units. */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [d, hours, m, s] = [
    Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60,
  ];
  if (d) return t(hours ? "time.d" : "time.d.whole", { d, h: hours });
  if (hours) return t(m ? "time.h" : "time.h.whole", { h: hours, m });
  if (m) return t(s ? "time.m" : "time.m.whole", { m, s });
  return t("time.s", { s });
}

/** A moment as people write it: the time today, else with its date, and its year if another; whole on pointing. */
export function moment(at) {
  const date = new Date(at * 1000);
  const today = new Date(now() * 1000);
  const options = { hour: "2-digit", minute: "2-digit", hour12: false };
  if (date.toDateString() !== today.toDateString()) Object.assign(options, { month: "numeric", day: "numeric" });
  if (date.getFullYear() !== today.getFullYear()) options.year = "numeric";
  const whole = date.toLocaleString(locale(), { dateStyle: "full", timeStyle: "long" });
  return h("time", { datetime: date.toISOString(), title: whole }, date.toLocaleString(locale(), options));
}

/** The page's language as the browser's formats take it. */
export function locale() {
  return language === "zh" ? "zh-CN" : "en-GB";
}

/** A language by its code (BCP 47) as people call it. */
export function languageName(code) {
  try {
    return new Intl.DisplayNames([locale()], { type: "language" }).of(code);
  } catch {
    return code; // a skill may be called anything
  }
}

/** An element that counts down (or up, once late) to a moment; tick() moves all of them. */
export function countdown(at, { before, after, warn = 60 }) {
  const element = h("span.due", { "data-at": at, "data-before": before, "data-after": after ?? "", "data-warn": warn });
  move(element);
  return element;
}

function move(element) {
  const left = Number(element.dataset.at) - now();
  const words = left >= 0 || !element.dataset.after ? element.dataset.before : element.dataset.after;
  const text = t(words, { time: span(Math.abs(Math.max(left, element.dataset.after ? left : 0))) });
  if (element.textContent !== text) element.textContent = text;
  element.classList.toggle("late", left < 0 && element.dataset.before !== element.dataset.after); // else it only counts
  element.classList.toggle("soon", left >= 0 && left < Number(element.dataset.warn));
}

export function tick() {
  for (const element of document.querySelectorAll(".due[data-at]")) move(element);
}
