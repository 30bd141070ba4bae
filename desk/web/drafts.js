// What is half written, answers and forms: it outlives a reload, the end of a session and a tab that
// was put to sleep.
// It lies in this tab alone, is its writer's alone, and goes when they sign out.

const PLACE = "shouli.drafts";

let drafts = { writer: null, of: {} };

/** Begins with what this writer left in this tab; what somebody else left is deleted. */
export function draftsOf(writer) {
  if (drafts.writer === writer) return;
  drafts = { writer, of: {} };
  try {
    const stored = JSON.parse(sessionStorage.getItem(PLACE));
    if (stored?.writer === writer) drafts = stored;
  } catch {
    // Nothing that can be read was left.
  }
  keep();
}

/** The draft of a name, an object to write into; call keep() when it has changed. */
export function draftOf(name, blank) {
  drafts.of[name] ??= blank();
  return drafts.of[name];
}

/** Whether something is half written under this name. */
export function isBegun(name) {
  return Boolean(drafts.of[name]?.text || drafts.of[name]?.files?.length);
}

export function keep() {
  const begun = Object.entries(drafts.of).filter(([, draft]) => draft.text || draft.files?.length || draft.typed);
  try {
    sessionStorage.setItem(PLACE, JSON.stringify({ ...drafts, of: Object.fromEntries(begun) }));
  } catch {
    // The tab's store is full or forbidden: then it lives as long as the page.
  }
}

// What is typed to confirm something is typed anew: such fields say autocomplete="off".
const TYPED = "textarea, select, input:not([type=password], [type=checkbox], [autocomplete=off])";

/**
 * Keeps what is typed into a form under a name until drop(), and puts back what was left there before;
 * ``found``: whether anything was.
 */
export function keepForm(form, name) {
  const draft = draftOf(name, () => ({}));
  const controls = [...form.querySelectorAll(TYPED)];
  const found = Boolean(draft.typed);
  for (const control of controls) putBack(control, draft.typed?.[control.name]);
  form.addEventListener("input", () => {
    draft.typed = Object.fromEntries(controls.map((control) => [control.name, control.value]));
    keep();
  });
  return { found, drop: () => {
    delete draft.typed;
    keep();
  } };
}

function putBack(control, value) {
  if (value === undefined) return;
  if (control.options && ![...control.options].some((option) => option.value === value && !option.disabled)) return;
  control.value = value;
  control.dispatchEvent(new Event("input")); // to who looks at what is typed in it
}

/** The writer has signed out. */
export function forget() {
  drafts = { writer: null, of: {} };
  sessionStorage.removeItem(PLACE);
}
