// Small charts as inline SVG: shares by day, and a figure by day with its limit.
import { lang } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 92;
const LEFT = 44; // for the scale
const FOOT = 16; // for the dates

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes ?? {})) element.setAttribute(key, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false));
  return element;
}

const words = (x, y, text, options = {}) => svg("text", { x, y, ...options }, text);
const round = (n) => Math.round(n * 100) / 100;

/** Where each day stands: [{x, width}], and the dates below the first and the last. */
function scale(days) {
  const step = (WIDTH - LEFT) / Math.max(days.length, 1);
  const width = Math.min(step * 0.8, 28);
  const places = days.map((_, n) => ({ x: LEFT + n * step + step / 2, width }));
  const ends = days.length > 1 ? [0, days.length - 1] : days.length ? [0] : [];
  const dates = ends.map((n) => words(places[n].x, HEIGHT - 3, short(days[n]), { "text-anchor": ends.length === 1 ? "middle" : n === 0 ? "start" : "end", class: "tick" }));
  return { places, dates };
}

export function short(day) {
  const date = new Date(`${day}T00:00:00`);
  return date.toLocaleDateString(lang() === "zh" ? "zh-CN" : "en-GB", { month: "numeric", day: "numeric" });
}

function frame(label, ...children) {
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label }, ...children);
}

/** points: [{day, shares, cases}]; names: the classes from the ground up, with their titles. */
export function stack(points, names, label) {
  const { places, dates } = scale(points.map((point) => point.day));
  const room = HEIGHT - FOOT - 4;
  const bars = points.map((point, n) => {
    let ground = HEIGHT - FOOT;
    const parts = names.map(([value], colour) => {
      const height = (point.shares[value] ?? 0) * room;
      ground -= height;
      return height > 0 && svg("rect", { x: round(places[n].x - places[n].width / 2), y: round(ground), width: round(places[n].width), height: round(height), class: `c${colour % 10}` });
    });
    const said = names.filter(([value]) => point.shares[value]).map(([value, title]) => `${title} ${Math.round(100 * point.shares[value])}%`);
    return svg("g", { class: point.cases < 50 ? "few" : "" }, svg("title", null, `${short(point.day)} · ${point.cases}\n${said.join("\n")}`), parts);
  });
  return frame(label, words(LEFT - 6, 12, "100%", { "text-anchor": "end", class: "tick" }), words(LEFT - 6, HEIGHT - FOOT, "0", { "text-anchor": "end", class: "tick" }), bars, dates);
}

/** points: [{day, value, alarm, title}]; a value of null is a gap. limit is drawn as a line. */
export function line(points, { label, limit = null, most = null, format = (n) => n.toFixed(2) }) {
  const known = points.filter((point) => point.value !== null);
  const top = most ?? Math.max(limit === null ? 0 : limit * 1.4, ...known.map((point) => point.value), 0.01);
  const { places, dates } = scale(points.map((point) => point.day));
  const y = (value) => round(HEIGHT - FOOT - (Math.min(value, top) / top) * (HEIGHT - FOOT - 8));
  const spots = points.map((point, n) => ({ ...point, x: places[n].x })).filter((point) => point.value !== null);
  return frame(label,
    words(LEFT - 6, 12, format(top), { "text-anchor": "end", class: "tick" }),
    words(LEFT - 6, HEIGHT - FOOT, format(0), { "text-anchor": "end", class: "tick" }),
    svg("line", { x1: LEFT, x2: WIDTH, y1: HEIGHT - FOOT, y2: HEIGHT - FOOT, class: "ground" }),
    limit !== null && svg("line", { x1: LEFT, x2: WIDTH, y1: y(limit), y2: y(limit), class: "limit" }),
    svg("polyline", { points: spots.map((spot) => `${round(spot.x)},${y(spot.value)}`).join(" "), class: "trace" }),
    spots.map((spot) => svg("circle", { cx: round(spot.x), cy: y(spot.value), r: 3, class: spot.alarm ? "spot alarm" : "spot" },
      svg("title", null, `${short(spot.day)} · ${format(spot.value)}${spot.title ? `\n${spot.title}` : ""}`))),
    dates);
}
