// What was ended by a slip: back into the hands it came from.
import { t } from "./dom.js";
import { call } from "./door.js";

/** The way back that a notice offers: the next ticket is open already when a slip is seen. */
export function wayBack(desk, ticketId) {
  return { words: t("done.undo"), go: () => desk.act(async () => {
    await call("POST", `/tickets/${ticketId}/retake`);
    await desk.open(ticketId);
  }) };
}
