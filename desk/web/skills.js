// What one person can, in a form: a chip and a level for each skill, and a box that completes what is typed.
import { anew, h, speak, t } from "./dom.js";

const LINE = /^(.+)=([1-5])$/;
const USUAL = 3; // the level of who learns something
const SHOWN = 50;

/**
 * The form keeps lines of “skill=level” under the name ``skills``, so that they are put back like what is typed.
 * ``known``: skills to choose from; what is typed and none of them can be added as it stands.
 */
export function skillsField(desk, skills, known) {
  const held = new Map(Object.entries(skills));
  const kept = h("textarea", { name: "skills", hidden: true, value: written(held), oninput: () => {
    held.clear();
    for (const [skill, level] of Object.entries(skillsOf(kept.value))) held.set(skill, level);
    draw();
  } });
  const chips = h("ul.skill-list", { "aria-label": t("people.skills") });
  const told = () => {
    kept.value = written(held);
    kept.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const box = completing({
    label: t("people.skills.add"), hint: t("people.skills.hint"),
    choices: () => known.filter((skill) => !held.has(skill)).map((skill) => [skill, desk.skillName(skill)]),
    add: (skill) => {
      if (!held.has(skill)) held.set(skill, USUAL);
      told();
      speak(t("people.skills.added", { name: desk.skillName(skill), level: held.get(skill) }));
    },
  });

  function draw() {
    anew(chips, held.size
      ? [...held].map(([skill, level]) => chip(desk.skillName(skill), skill, level))
      : h("li.small", null, t("people.skills.none")));
  }

  function chip(name, skill, level) {
    const levels = h("select", { "aria-label": t("people.skills.level", { name }), onchange: () => { held.set(skill, Number(levels.value)); told(); } },
      [1, 2, 3, 4, 5].map((n) => h("option", { value: String(n), selected: n === level }, t("people.skills.grade", { n }))));
    const away = () => {
      held.delete(skill);
      told();
      box.querySelector("input").focus();
      speak(t("people.skills.removed", { name }));
    };
    return h("li.chip", { title: skill }, h("span", null, name), levels,
      h("button.link.danger", { type: "button", "aria-label": t("people.skills.remove", { name }), onclick: away }, "×"));
  }

  draw();
  return h("fieldset.skills", null, h("legend", null, t("people.skills")), kept, chips, box);
}

/** Lines of “skill=level”, as the form keeps them, read: skill to level. */
export function skillsOf(text) {
  const found = text.split("\n").map((line) => line.trim().match(LINE)).filter(Boolean);
  return Object.fromEntries(found.map(([, skill, level]) => [skill, Number(level)]));
}

function written(held) {
  return [...held].map(([skill, level]) => `${skill}=${level}`).join("\n");
}

/** A box with a list of what fits what is typed in it (the combobox of the ARIA Authoring Practices). */
function completing({ label, hint, choices, add }) {
  let at = -1;
  let found = [];
  const list = h("ul.completions", { id: "skills-found", role: "listbox", "aria-label": label, hidden: true });
  const box = h("input", {
    "aria-label": label, placeholder: hint, role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
    maxlength: "64", autocomplete: "off", spellcheck: "false", oninput: () => open(), onclick: () => open(), onblur: () => close(), onkeydown: (event) => pressed(event),
  });

  function fitting() {
    const typed = box.value.trim().toLowerCase();
    const all = choices();
    const fits = all.filter(([skill, name]) => `${skill}\n${name}`.toLowerCase().includes(typed)).slice(0, SHOWN);
    const known = !typed || all.some(([skill, name]) => [skill, name].some((each) => each.toLowerCase() === typed));
    return known ? fits : [...fits, [box.value.trim(), t("people.skills.as.typed", { text: box.value.trim() })]];
  }

  function open() {
    box.setCustomValidity(box.value.trim() ? t("people.skills.pending") : "");
    found = fitting();
    list.hidden = !found.length;
    box.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(...found.map(([skill, name], n) => h("li", {
      id: `skills-found-${n}`, role: "option", title: skill, onmousedown: (event) => event.preventDefault(), onclick: () => take(n),
    }, name)));
    move(box.value.trim() ? 0 : -1);
  }

  function close() {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    move(-1);
  }

  function move(to) {
    at = to;
    [...list.children].forEach((each, n) => each.setAttribute("aria-selected", String(n === at)));
    const active = list.hidden ? null : list.children[at];
    if (active) box.setAttribute("aria-activedescendant", active.id);
    else box.removeAttribute("aria-activedescendant");
    active?.scrollIntoView({ block: "nearest" });
  }

  function take(n) {
    const [skill] = found[n];
    box.value = "";
    box.setCustomValidity("");
    close();
    add(skill);
  }

  function pressed(event) {
    if (event.isComposing) return; // Enter ends what an input method composes
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) open();
      else move((at + step + found.length + (at < 0 && step < 0 ? 1 : 0)) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault(); // the form is sent by its button
      if (!list.hidden && at >= 0) take(at);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault(); // this closes the list, the next one the form
      close();
    }
  }

  return h("div.completing", null, box, list);
}
