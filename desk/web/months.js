// A month, chosen in the page's language: the browser's own box for months speaks that of the browser.
import { h, locale, now } from "./dom.js";

const MOST = 36; // as far back as they are listed

/** The month that it is by the server's clock: “2026-11”. */
export function thisMonth() {
  const today = new Date(now() * 1000);
  return nameOf(today.getFullYear(), today.getMonth());
}

/** A choice among months up to ``last``, the newest first; with ``all``, also no month (“”), called that. */
export function monthChoice({ last, value, label, all = null, onchange = null }) {
  const [year, month] = last.split("-").map(Number);
  const months = Array.from({ length: MOST }, (_, back) => new Date(year, month - 1 - back, 1));
  return h("select.month", { "aria-label": label, onchange },
    all !== null && h("option", { value: "", selected: value === "" }, all),
    months.map((date) => {
      const name = nameOf(date.getFullYear(), date.getMonth());
      return h("option", { value: name, selected: name === value }, date.toLocaleDateString(locale(), { year: "numeric", month: "long" }));
    }));
}

function nameOf(year, month) {
  return `${year}-${String(month + 1).padStart(2, "0")}`;
}
