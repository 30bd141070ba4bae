// Lines of business: tickets of certain channels, accounts and domains, chosen in a form.
import { h, has, say, t } from "./dom.js";

/** The parts that tickets are picked by; where nothing is picked, it is all tickets. */
export function lineFields(desk, channels) {
  const choices = (name, pairs) => pairs.length > 0 && h("fieldset.picks", null, h("legend", null, t(`rules.line.${name}`)),
    pairs.map(([value, words]) => h("label.row", null, h("input", { type: "checkbox", name, value }), words)));
  return [
    h("p.small", null, t("rules.line")),
    choices("domains", domains(desk).map((found) => [found.value, say(found.name)])),
    choices("channels", channels.map((channel) => [channel, channelName(channel)])),
    h("label.field", null, t("rules.line.accounts"), h("input", { name: "accounts", placeholder: t("rules.all"), autocomplete: "off" })),
  ];
}

export function lineOf(answer) {
  return {
    domains: answer.getAll("domains"), channels: answer.getAll("channels"),
    accounts: answer.get("accounts").split(/[\s,，、]+/).filter(Boolean),
  };
}

/** Whether rules for this line are the general ones. */
export function isEverything({ channels, accounts, domains }) {
  return !channels.length && !accounts.length && !domains.length;
}

/** One of the lines that rules are in force for. */
export function lineChoice(desk, lines) {
  return h("label.field", null, t("rules.line.which"), h("select", { name: "line" },
    lines.map((line, n) => h("option", { value: String(n) }, lineName(desk, line)))));
}

export function lineName(desk, line) {
  const named = (value) => say(domains(desk).find((found) => found.value === value)?.name) || value;
  return [...line.channels.map(channelName), ...line.accounts, ...line.domains.map(named)].join(" + ") || t("rules.all");
}

function domains(desk) {
  return desk.state.names.facets.find((facet) => facet.facet === "domain")?.classes ?? [];
}

function channelName(channel) {
  return has(`channel.${channel}`) ? t(`channel.${channel}`) : channel;
}
