// Where one is, in the address: Back goes back, a reload stays, and a ticket has a link.
//   #ticket/ID  #ticket/ID/facts  #board

const hashOf = (parts) => {
  const path = parts.filter(Boolean).join("/");
  return path && `#${path}`;
};

/** The place that the address names: {page}, or {ticket, room}, or the list. */
export function place() {
  const [kind, ticket, room] = location.hash.slice(1).split("/");
  if (kind === "ticket" && ticket) return { page: null, ticket, room: room === "facts" ? "facts" : "talk" };
  return { page: kind || null, ticket: null, room: "list" };
}

/** Goes there: one step that Back takes back. Where Back leads there, it is that step. */
export function goTo(...parts) {
  const hash = hashOf(parts);
  if (hash === location.hash) return;
  if (history.state?.from === hash) history.back();
  else history.pushState({ from: location.hash }, "", hash || location.pathname);
}

/** Here is nothing to come back to. */
export function leaveFor(...parts) {
  history.replaceState(null, "", hashOf(parts) || location.pathname);
}
