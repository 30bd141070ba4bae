// What is half written: it outlives a reload, the end of a session and a tab that was put to sleep.
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
  const begun = Object.entries(drafts.of).filter(([, draft]) => draft.text || draft.files?.length);
  try {
    sessionStorage.setItem(PLACE, JSON.stringify({ ...drafts, of: Object.fromEntries(begun) }));
  } catch {
    // The tab's store is full or forbidden: then it lives as long as the page.
  }
}

/** The writer has signed out. */
export function forget() {
  drafts = { writer: null, of: {} };
  sessionStorage.removeItem(PLACE);
}
