// What there is beside one's tickets: pages of their own, and views that lie over the desk.
import { h, t } from "./dom.js";
import { openFollowUps } from "./followups.js";
import { openHours } from "./hours.js";
import { openIncidents } from "./incidents.js";
import { openPeople } from "./people.js";
import { openRules } from "./rules.js";
import { openTexts } from "./texts.js";

/** The ways that this person has, by what they may see. */
export function makeWays(desk) {
  const { role } = desk.state.me;
  const leads = role !== "agent";
  const way = (key, onclick, page) => h("button.way", { type: "button", "data-page": page, onclick }, t(key));
  const page = (key, name) => way(key, () => desk.openPage(name), name);
  const over = (key, open) => way(key, () => desk.act(() => open(desk), { quiet: true }));
  return h("nav.ways", { "aria-label": t("ways") },
    page("board.open", "board"),
    over("followups", openFollowUps),
    over("incidents", openIncidents),
    leads && over("rules", openRules),
    leads && over("texts", openTexts),
    leads && over("hours", openHours),
    leads && page("figures.open", "figures"),
    leads && page("ledger", "ledger"),
    role === "admin" && over("people", openPeople),
    role === "admin" && page("bundles.open", "models"),
    role === "admin" && page("traffic.open", "traffic"),
    role === "admin" && page("audit.open", "audit"),
    // Where there is no room for one's name, which is the button of it elsewhere.
    h("button.way.own", { type: "button", onclick: () => desk.act(() => desk.changePassword()) }, t("password.title")));
}

/** Shows which page is open; null for none. */
export function drawWays(ways, open) {
  for (const way of ways.children) {
    if (way.dataset.page && way.dataset.page === open) {
      way.setAttribute("aria-current", "page");
      way.scrollIntoView({ block: "nearest", inline: "nearest" }); // a narrow page shows some of them
    } else way.removeAttribute("aria-current");
  }
}
