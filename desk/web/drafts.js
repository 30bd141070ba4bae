// What is half written, answers and forms: it outlives a reload, the end of a session, and the tab.
// All tabs of this browser show the same. It goes no further: words that nobody has sent yet are no part
// of a ticket, and the server keeps what is (and erases it with its customer). It is its writer's alone,
// and goes when they sign out, or a week after its last change.

const WRITER = "shouli.drafts.writer";
const PLACE = "shouli.drafts/";
const MOST_MS = 7 * 86400000;

let writer = null;
let drafts = {}; // name -> the draft, an object that its box writes into
let stored = {}; // name -> its text in the browser's store, as this tab wrote or heard it last
let boxes = {}; // name -> {blank, draw} of the box that shows it

/** Begins with what this writer left in this browser; what somebody else left is deleted. */
export function draftsOf(agentId) {
  if (writer === agentId) return;
  [writer, drafts, stored, boxes] = [agentId, {}, {}, {}];
  try {
    if (localStorage.getItem(WRITER) !== writer) clear();
    localStorage.setItem(WRITER, writer);
    for (const key of names()) {
      const draft = JSON.parse(localStorage.getItem(key));
      if (Date.now() - draft.at > MOST_MS) localStorage.removeItem(key);
      else hear(key.slice(PLACE.length), localStorage.getItem(key));
    }
  } catch {
    // The browser keeps nothing, or what nobody can read.
  }
}

function names() {
  return Object.keys(localStorage).filter((key) => key.startsWith(PLACE));
}

function clear() {
  names().forEach((key) => localStorage.removeItem(key));
}

/**
 * The draft of a name, an object to write into; call keep() when it has changed. ``draw`` is called
 * when another tab has changed it.
 */
export function draftOf(name, blank, draw = () => {}) {
  drafts[name] ??= blank();
  boxes[name] = { blank, draw };
  return drafts[name];
}

/** Whether something is half written under this name. */
export function isBegun(name) {
  return Boolean(drafts[name]?.text || drafts[name]?.files?.length);
}

/** Writes what has changed in this tab, and only that: another one may have written since. */
export function keep() {
  for (const [name, draft] of Object.entries(drafts)) {
    const begun = draft.text || draft.files?.length || draft.typed;
    if (!begun && !(name in stored)) continue;
    if (begun && stored[name] === JSON.stringify(draft)) continue;
    if (begun) draft.at = Date.now();
    const text = JSON.stringify(draft);
    try {
      if (begun) localStorage.setItem(PLACE + name, text);
      else localStorage.removeItem(PLACE + name);
    } catch {
      // The store is full or forbidden: then it lives as long as the page.
    }
    if (begun) stored[name] = text;
    else delete stored[name];
  }
}

/** What another tab has made of a draft; null: it was sent, or thrown away. */
function hear(name, text) {
  if (text === null) delete stored[name];
  else stored[name] = text;
  const box = boxes[name];
  if (!box) {
    if (text === null) delete drafts[name];
    else drafts[name] = JSON.parse(text);
    return;
  }
  const draft = drafts[name];
  Object.keys(draft).forEach((key) => delete draft[key]);
  Object.assign(draft, text === null ? box.blank() : JSON.parse(text));
  box.draw();
}

// Of this browser's other tabs: what they write, and who signs in or out there. A page that went on
// under the name of the one before would act in the name of the new one.
window.addEventListener("storage", ({ key, newValue }) => {
  if (writer === null) return;
  if (key === WRITER && newValue !== writer) location.reload();
  if (key?.startsWith(PLACE)) hear(key.slice(PLACE.length), newValue);
});

// What is typed or ticked to confirm something is so anew each time: such fields say data-anew.
// What only helps with typing has no name.
const TYPED = ":is(textarea, select, input:not([type=password], [data-anew]))[name]";

/**
 * Keeps what is typed into a form under a name until drop(), and puts back what was left there before;
 * ``found``: whether anything was.
 */
export function keepForm(form, name) {
  const draft = draftOf(name, () => ({}));
  const controls = [...form.querySelectorAll(TYPED)];
  const typed = () => Object.fromEntries(controls.map((control) => [keyOf(control), control.type === "checkbox" ? control.checked : control.value]));
  const untouched = JSON.stringify(typed());
  const found = Boolean(draft.typed);
  for (const control of controls) putBack(control, draft.typed?.[keyOf(control)]);
  form.addEventListener("input", () => {
    draft.typed = typed();
    if (JSON.stringify(draft.typed) === untouched) delete draft.typed; // nothing to put back: a password is not kept
    keep();
  });
  return { found, drop: () => {
    delete draft.typed;
    keep();
  } };
}

/** Boxes to tick share a name, and are told apart by their values. */
function keyOf({ type, name, value }) {
  return type === "checkbox" ? `${name}=${value}` : name;
}

function putBack(control, value) {
  if (value === undefined) return;
  if (control.type === "checkbox") {
    control.checked = value;
    return;
  }
  if (control.options && ![...control.options].some((option) => option.value === value && !option.disabled)) return;
  control.value = value;
  control.dispatchEvent(new Event("input")); // to who looks at what is typed in it
}

/** The writer has signed out. */
export function forget() {
  [writer, drafts, stored, boxes] = [null, {}, {}, {}];
  try {
    clear();
    localStorage.removeItem(WRITER);
  } catch {
    // The browser keeps nothing.
  }
}
