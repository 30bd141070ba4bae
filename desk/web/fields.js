// Controls of a form over an object: each has a label, a word of explanation, and room for what is wrong with it.
import { h, t } from "./dom.js";

const UNITS = [["h", 3600], ["m", 60], ["s", 1]];

/** The object that a form is about, and who is told of every change in it. */
export class Sheet {
  constructor(content, changed) {
    this.content = content;
    this.changed = changed;
  }

  at(path) {
    return path.reduce((found, key) => (isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined), this.content);
  }

  /** Sets a value; undefined takes it out. */
  put(path, value) {
    let owner = this.content;
    for (const key of path.slice(0, -1)) {
      if (!isObject(owner[key])) owner[key] = {};
      owner = owner[key];
    }
    if (value === undefined) delete owner[path.at(-1)];
    else owner[path.at(-1)] = value;
    this.changed();
  }

  table(path) {
    const found = this.at(path);
    return isObject(found) ? found : {};
  }

  list(path) {
    const found = this.at(path);
    return Array.isArray(found) ? found : [];
  }
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

let count = 0;

/** One control. ``path`` is where it stands in the object: what is found there is said beside it. */
export function field(path, { label, hint, tools }, control) {
  const id = `field-${++count}`;
  const main = control.matches("input, select") ? control : control.querySelector("input, select");
  main.id = id;
  main.setAttribute("aria-describedby", `${hint ? `${id}-hint ` : ""}${id}-said`);
  return h("div.rule-field", { "data-where": path.join(".") },
    h("label", { for: id }, label),
    hint && h("p.small", { id: `${id}-hint` }, hint),
    h("div.row", null, control, tools),
    h("div.said", { id: `${id}-said` }));
}

/** Several controls that belong together. */
export function group(path, { label, hint, tools }, ...children) {
  const id = `field-${++count}`;
  return h("fieldset.rule-field.rule-group", { "data-where": path.join("."), "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-said` },
    h("legend", null, label),
    tools && h("div.row.group-tools", null, tools),
    hint && h("p.small", { id: `${id}-hint` }, hint),
    h("div.said", { id: `${id}-said` }),
    children);
}

/** A number; an empty box is undefined where it may be left out, and null where it may not. */
export function numberBox(value, { optional = false, whole = false, min, max, placeholder, onchange }) {
  const box = h("input.short", {
    type: "number", step: whole ? "1" : "any", min, max, placeholder, required: !optional, inputmode: "decimal", autocomplete: "off",
    value: Number.isFinite(value) ? String(value) : "",
    oninput: () => onchange(Number.isNaN(box.valueAsNumber) ? (optional ? undefined : null) : box.valueAsNumber),
  });
  return box;
}

/** A length of time in seconds, written in the largest unit that leaves no fraction. */
export function durationBox(seconds, { name, optional = false, placeholder, onchange }) {
  const [unit, size] = UNITS.find(([, each]) => seconds >= each && seconds % each === 0) ?? UNITS[Number.isFinite(seconds) ? 2 : 1];
  const told = () => onchange(Number.isNaN(box.valueAsNumber) ? (optional ? undefined : null) : Math.round(box.valueAsNumber * Number(units.value) * 1000) / 1000);
  const box = h("input.short", {
    type: "number", step: "any", min: "0", placeholder, required: !optional, inputmode: "decimal", autocomplete: "off", oninput: told,
    value: Number.isFinite(seconds) ? String(seconds / size) : "",
  });
  const units = h("select", { "aria-label": t("draft.unit", { name }), onchange: told },
    UNITS.map(([each, length]) => h("option", { value: String(length), selected: each === unit }, t(`draft.unit.${each}`))));
  return h("span.duration", null, box, units);
}

/** One of several; what stands there and is none of them is kept until another is chosen. */
export function choiceBox(value, choices, onchange) {
  const known = choices.some(([each]) => each === value) ? choices : [[value, value === undefined ? "–" : String(value)], ...choices];
  const select = h("select", { onchange: () => onchange(known[select.selectedIndex][0]) },
    known.map(([each, words]) => h("option", { selected: each === value }, words)));
  return select;
}

/** Any number of choices; those that nobody knows are shown by their own names, and can be taken out. */
export function picks(values, choices, onchange) {
  const strangers = values.filter((value) => !choices.some(([each]) => each === value)).map((value) => [value, String(value)]);
  const chosen = new Set(values);
  const told = () => onchange([...values.filter((value) => chosen.has(value)), ...choices.map(([each]) => each).filter((each) => chosen.has(each) && !values.includes(each))]);
  return h("div.picked", null, [...choices, ...strangers].map(([value, words]) => h("label.check", null,
    h("input", { type: "checkbox", value: String(value), checked: chosen.has(value), onchange: (event) => { chosen[event.target.checked ? "add" : "delete"](value); told(); } }),
    words)));
}

/** Adds one of the choices that are not there yet; with ``free`` also one that is written. */
export function adder({ label, choices = [], free = false, taken, add }) {
  const left = choices.filter(([value]) => !taken.includes(value));
  if (!left.length && !free) return null;
  const put = () => {
    const value = writes() ? box.value.trim() : left[select.selectedIndex][0];
    const problem = !value ? t("draft.add.empty") : taken.includes(value) ? t("draft.add.taken", { name: value }) : "";
    box.setCustomValidity(problem);
    if (problem) box.reportValidity();
    else add(value);
  };
  const box = h("input", { "aria-label": label, placeholder: free, maxlength: "64", autocomplete: "off", oninput: () => box.setCustomValidity(""), onkeydown: (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    put();
  } });
  const writes = () => !left.length || select.selectedIndex === left.length;
  const turn = () => { box.hidden = !writes(); };
  const select = h("select", { "aria-label": label, onchange: turn },
    left.map(([, words]) => h("option", null, words)), free && h("option", null, t("draft.add.other")));
  turn();
  return h("div.row.adder", null, left.length > 0 && select, box, h("button.quiet", { type: "button", onclick: put, "aria-label": label }, t("draft.add")));
}

export function removal(name, onclick) {
  return h("button.link.danger", { type: "button", "aria-label": t("draft.remove.one", { name }), onclick }, t("draft.remove"));
}
