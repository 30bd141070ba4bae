// What was set down or ended by a slip: back into the hands it came from.
import { notice, t } from "./dom.js";
import { call } from "./door.js";

/** Takes back what one has ended; whoever has no room for it by now is told where it is. */
export async function retake(ticketId) {
  const { ticket } = await call("POST", `/tickets/${ticketId}/retake`);
  if (ticket.state === "waiting") notice(t("done.retake.queue", { number: ticket.number }));
}

/** The way back that a notice offers: the next ticket is open already when a slip is seen. */
export function backTo(desk, ticketId, move) {
  const go = move === "retake" ? retake : (id) => call("POST", `/tickets/${id}/${move}`);
  return { words: t("done.undo"), go: () => desk.act(async () => {
    await go(ticketId);
    await desk.open(ticketId);
  }) };
}
