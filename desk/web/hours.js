// The opening hours, for those who supervise: who is there until when, which days differ, what a customer is told now.
import { anew, h, locale, say, t } from "./dom.js";
import { call } from "./door.js";
import { Panes, part } from "./panes.js";
import { channelName } from "./queue.js";

const CENTRE = "";
const MONDAY = new Date(Date.UTC(2026, 0, 5));
const DAY_MS = 86400000;

const SETTINGS = `[hours]
holidays = [2026-12-31]

[hours.workdays]
2026-10-10 = "friday"`;

export async function openHours(desk) {
  await new Hours(desk).open();
}

class Hours extends Panes {
  constructor(desk) {
    super(desk, { id: "hours", title: t("hours") });
    this.chosen = CENTRE;
  }

  async read() {
    const found = await call("GET", "/hours");
    this.openings = found.openings.map((opening) => ({ ...opening, id: opening.team }));
    this.receipts = found.receipts;
    this.show();
  }

  choose(id) {
    this.chosen = id;
    this.show();
  }

  show() {
    this.draw(this.openings, (opening) => card(opening), "");
    const one = this.openings.find(({ id }) => id === this.chosen);
    anew(this.detail,
      h("div.row", null, h("h3", null, nameOf(one)), standing(one)),
      h("p.small", null, this.whose(one)),
      one.missing.map((year) => h("p.flag", null, t("hours.missing", { year, country: one.country }))),
      part(t("hours.told"), h("p.words", null, say(one.told)), h("p.small", null, this.receiptsOf())),
      part(t("hours.week"), h("table", null, h("tbody", null, one.week.map((periods, day) => h("tr", null, h("th", null, weekday(day)), h("td.plain", null, periodsText(periods))))))),
      part(t("hours.days"), one.days.length
        ? h("ul.plain", null, runs(one.days).map((run) => h("li", { "data-day": run.first.day }, h("span", null, dates(run)), " ",
            h(`span.tag${run.first.periods.length ? ".rules-published" : ""}`, null, run.first.periods.length ? t("hours.worked", { periods: periodsText(run.first.periods) }) : t("hours.closed")),
            " ", h("small", null, run.first.public ? t("hours.public", { country: one.country }) : t("hours.own")))))
        : h("p.small", null, t("hours.days.none"))),
      part(t("hours.where"), h("p.small", null, t("hours.where.text")), h("pre.words", null, SETTINGS)));
  }

  whose({ team, channels, accounts, domains, time_zone, country }) {
    const parts = [
      channels.length && t("hours.channels", { names: channels.map(channelName).join(t("mark.and")) }),
      accounts.length && t("hours.accounts", { names: accounts.join(t("mark.and")) }),
      domains.length && t("hours.domains", { names: domains.map((domain) => this.desk.className("domain", domain)).join(t("mark.and")) }),
    ].filter(Boolean);
    const tickets = team === CENTRE ? t(this.openings.length > 1 ? "hours.rest" : "hours.all") : parts.join(" · ");
    return [tickets, " · ", time_zone, " · ", country ? t("hours.country", { country }) : t("hours.country.none")];
  }

  receiptsOf() {
    const names = (sent) => this.receipts.filter((one) => one.sent === sent).map(({ channel }) => channelName(channel)).join(t("mark.and"));
    return [names(true) && t("hours.receipts", { names: names(true) }), names(true) && names(false) && " ", names(false) && t("hours.silent", { names: names(false) })].filter(Boolean);
  }
}

function nameOf({ team }) {
  return team === CENTRE ? t("hours.centre") : team;
}

/** By the clock on the team's wall, which is not always that of who looks. */
function standing({ open, until, time_zone }) {
  const form = { month: "numeric", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false, timeZone: time_zone };
  const when = until === null ? "" : [t(open ? "hours.until" : "hours.from"), " ", new Date(until * 1000).toLocaleString(locale(), form)];
  return [h(`span.tag.${open ? "run-done" : "run-failed"}`, null, t(open ? "hours.open" : "hours.shut")), h("span.small", null, when)];
}

function card(opening) {
  return h("span.card-top", null, h("b", null, nameOf(opening)), h("span.spread", null), standing(opening));
}

function periodsText(periods) {
  return periods.length ? periods.map((period) => period.replace("-", "–")).join(t("mark.and")) : t("hours.closed");
}

function weekday(day) {
  return new Date(MONDAY.getTime() + day * DAY_MS).toLocaleDateString(locale(), { weekday: "long", timeZone: "UTC" });
}

/** Days in a row that are alike. */
function runs(days) {
  const found = [];
  for (const one of days) {
    const run = found.at(-1);
    const next = run && Date.parse(run.last.day) + DAY_MS === Date.parse(one.day);
    const alike = run && run.first.public === one.public && String(run.first.periods) === String(one.periods);
    if (next && alike) run.last = one;
    else found.push({ first: one, last: one });
  }
  return found;
}

function dates({ first, last }) {
  const text = (day) => new Date(day).toLocaleDateString(locale(), { year: "numeric", month: "long", day: "numeric", weekday: "short", timeZone: "UTC" });
  return first.day === last.day ? text(first.day) : `${text(first.day)} – ${text(last.day)}`;
}
