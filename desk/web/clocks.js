// The clocks of a ticket, how far it has escalated, and how often its customer has pressed.
import { countdown, h, moment, span, t, worked } from "./dom.js";

/** The level of escalation as a chip, or null; and how often the customer pressed. */
export function pressureChips(ticket) {
  return [
    ticket.escalation > 0 && h("span.chip.urgent", { "data-level": ticket.escalation }, `↑ ${t(`level.${ticket.escalation}`)}`),
    ticket.pressed > 0 && h("span.chip.urgent", null, t("pressed", { times: String(ticket.pressed) })),
  ];
}

/** Opening hours add up to no days of the calendar. */
function length(clock, seconds) {
  return clock.hours === "business" && seconds >= 86400 ? worked(seconds) : span(seconds);
}

function used(clock) {
  return clock.turns ? clock.elapsed / clock.turns : clock.elapsed;
}

function standing(clock) {
  if (clock.state === "running") {
    return clock.due_at ? countdown(clock.due_at, { before: "due.in", after: "due.over", warn: clock.target * 0.2 }) : t("clock.state.running");
  }
  if (clock.state === "met" || clock.state === "missed") {
    return h(`span.${clock.state}`, null, t(`clock.state.${clock.state}`, { time: length(clock, used(clock)) }));
  }
  return h("span", null, t(`clock.state.${clock.state}`));
}

function row(clock) {
  const hours = t(`clock.hours.${clock.hours}`);
  return h("li.clock", { "data-clock": clock.clock, "data-state": clock.state },
    h("div.clock-top", null, h("span", null, t(`clock.${clock.clock}`)), standing(clock)),
    h("p.small", null, t("clock.target", { time: length(clock, clock.target), hours }),
      clock.due_at && [" · ", t("clock.due"), " ", moment(clock.due_at)]));
}

export function clockList(view) {
  return [
    h("div.card-labels", null, pressureChips(view.ticket)),
    h("ol.clocks", null, view.clocks.map(row)),
  ];
}
