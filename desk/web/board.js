// The board: what waits in each queue, how long it will take, and who is there. Good for a wall.
import { h, moment, notice, now, setNow, show, span, t } from "./dom.js";
import { call } from "./door.js";

const EVERY_MS = 5000;
const HOUR = 3600; // seconds

/** The page, which reads itself anew every few seconds; call leave() when it is left. */
export function makeBoard(desk) {
  const page = h("main.board", { tabindex: "-1" },
    h("header.board-head", null,
      h("h1", null, t("board.title")),
      h("span.spread", null),
      h("button.quiet", { type: "button", onclick: () => document.documentElement.requestFullscreen?.().catch(() => {}) }, t("board.wall")),
      h("button.quiet", { type: "button", onclick: () => desk.closePage() }, t("bundles.back"))),
    h("dl.board-sums", null),
    h("div.board-queues", null, h("p.empty", { role: "status" }, t("loading"))));
  let timer = null;
  let left = false;
  let failed = false;

  async function read() {
    try {
      const known = await call("GET", "/board");
      if (left) return;
      setNow(known.now);
      draw(page, known, desk);
      failed = false;
    } catch (error) {
      if (error.status === 401) desk.complain(error);
      else if (!failed) notice(error.message, "bad"); // once an outage: a wall must not fill with it
      page.querySelector(".empty[role=status]")?.replaceChildren(error.message);
      failed = true;
    }
    if (!left) timer = setTimeout(read, EVERY_MS);
  }

  page.leave = () => {
    left = true;
    clearTimeout(timer);
  };
  read();
  return page;
}

function draw(page, known, desk) {
  const { queues } = known;
  const sum = (name) => queues.reduce((total, queue) => total + queue[name], 0);
  const oldest = queues.length ? Math.min(...queues.map((queue) => queue.oldest)) : null;
  const sums = [
    [t("board.waiting"), sum("waiting"), ""],
    [t("board.late"), sum("late"), sum("late") ? "bad" : ""],
    [t("board.longest"), oldest === null ? "–" : span(now() - oldest), ""],
    [t("board.ready"), known.people.ready ?? 0, known.people.ready ? "good" : "bad"],
    [t("board.free"), `${known.free}/${known.capacity}`, ""],
  ];
  page.querySelector(".board-sums").replaceChildren(...sums.map(([name, value, mood]) =>
    h(`div.sum${mood ? `.${mood}` : ""}`, null, h("dt", null, name), h("dd", null, String(value)))));
  const ordered = [...queues].sort((a, b) => b.late - a.late || a.oldest - b.oldest);
  show(page.querySelector(".board-queues"), [known.now], () => ordered.length
    ? ordered.map((queue) => panel(queue, desk))
    : [h("p.empty", null, t("board.empty"))]);
}

/** Queues that need the same differ by what they prefer. */
function nameOf(queue, desk) {
  const named = ([skill, level]) => (level > 1 ? `${desk.skillName(skill)} ≥${level}` : desk.skillName(skill));
  const needed = queue.skills.map(named).join(" · ") || t("board.anybody");
  if (!queue.preferred.length) return needed;
  return [needed, " ", h("small", null, t("board.preferred", { skills: queue.preferred.map(named).join(" · ") }))];
}

/** The most urgent first, as the taxonomy has them. */
function byUrgency(queue, desk) {
  const order = desk.state.names.facets.find((facet) => facet.facet === "urgency")?.classes.map((choice) => choice.value) ?? [];
  const rank = ([value]) => (order.includes(value) ? order.indexOf(value) : order.length);
  return Object.entries(queue.by_urgency).sort((a, b) => rank(a) - rank(b));
}

function urgencyName(value, desk) {
  return value ? desk.className("urgency", value) : t("board.unlabelled");
}

function expected(wait) {
  if (wait === null) return t("board.unknown");
  return wait < HOUR ? t("board.about", { n: Math.ceil(wait / 60) }) : t("board.about.hours", { n: (wait / HOUR).toFixed(1) });
}

function panel(queue, desk) {
  return h(`section.panel.queue-panel${queue.late ? ".late" : ""}`, { "data-queue": queue.name },
    h("h2", null, nameOf(queue, desk)),
    h("div.queue-figures", null,
      figure(String(queue.waiting), t("board.waiting")),
      figure(span(now() - queue.oldest), t("board.longest")),
      figure(expected(queue.wait), t("board.new"), queue.wait === null)),
    h("p.urgencies", null,
      byUrgency(queue, desk).map(([value, count]) =>
        h(`span.chip${value === "紧急" ? ".urgent" : ""}`, null, `${urgencyName(value, desk)} ${count}`)),
      queue.late > 0 && h("span.chip.over", null, t("board.over", { n: queue.late })),
      h("span.spread", null),
      h("small", null, queue.an_hour === null ? t("board.pace.unknown") : t("board.pace", { n: queue.an_hour }))),
    h("ol.places", null, queue.first.map((ticket) =>
      h(`li${ticket.due_at < now() ? ".over" : ""}`, null,
        h("span.place", null, String(ticket.position)),
        h("span.number", null, ticket.number),
        h("span", null, urgencyName(ticket.urgency, desk)),
        h("span.spread", null),
        h("span.since", null, moment(ticket.queued_at)),
        ticket.wait !== null && h("span.wait", null, expected(ticket.wait))))));
}

function figure(value, name, unknown = false) {
  return h("div.figure", null, h(`strong${unknown ? ".unknown" : ""}`, null, value), h("small", null, name));
}
