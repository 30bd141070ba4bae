// The form of the routing rules: every setting with its control, in the order in which people think of them.
import { anew, h, has, say, t } from "./dom.js";
import { adder, choiceBox, durationBox, field, group, numberBox, picks, removal } from "./fields.js";
import { channelName } from "./queue.js";

export const SECTIONS = ["targets", "who", "tiers", "load", "departments", "order"];
const LANES = ["live", "mail"];
const LEVELS = [1, 2, 3, 4, 5].map((level) => [level, String(level)]);
const ORDER = [
  ["late_factor"], ["give_way_factor"], ["late_aim"], ["late_gives_way"], ["last_deadline_seconds", "time"],
  ["mean_handle_seconds", "time"], ["scarcity"], ["scarcity_of_few"], ["last_scarcity"],
];

export class RuleForm {
  /** ``channels``: those that are open; ``logins``: [login, name] of the people, as far as one may see them. */
  constructor(desk, sheet, { channels, logins }) {
    Object.assign(this, { desk, sheet, channels, logins });
    this.element = h("div.rule-form", null, SECTIONS.map((name) => h("section.panel", { id: `rule-${name}`, "aria-labelledby": `rule-${name}-title` })));
    this.findings = [];
    this.changes = [];
    this.draw();
  }

  draw() {
    SECTIONS.forEach((name) => this.redraw(name));
  }

  /** Draws one section again; the focus goes to what stands at ``focus``. */
  redraw(name, focus = null) {
    const section = this.element.querySelector(`#rule-${name}`);
    const open = section.querySelector("details")?.open;
    anew(section, h("h3", { id: `rule-${name}-title`, tabindex: "-1" }, t(`draft.section.${name}`)), h("p.small", null, t(`draft.about.${name}`)), this[name]());
    if (open) section.querySelector("details").open = true;
    this.mark();
    if (focus) this.go(focus.join("."), name);
  }

  // -- what was found ---------------------------------------------------------------

  show(findings, changes) {
    Object.assign(this, { findings, changes });
    this.mark();
  }

  /** Says what was found beside the field it is about, and shows which fields differ. */
  mark() {
    const fields = [...this.element.querySelectorAll("[data-where]")];
    const found = new Map(fields.map((each) => [each, []]));
    for (const finding of this.findings) found.get(nearest(fields, finding.where))?.push(finding);
    const changed = new Set(this.changes.map((change) => nearest(fields, change.where)));
    for (const [each, findings] of found) {
      const words = findings.map((finding) => h(`p.flag${finding.level === "error" ? ".bad" : ""}`, null, say(finding.text)));
      each.querySelector(":scope > .said").replaceChildren(...words);
      each.classList.toggle("changed", changed.has(each));
      const wrong = findings.some((finding) => finding.level === "error");
      if (each.matches("fieldset")) continue;
      for (const control of each.querySelectorAll("input, select")) control[wrong ? "setAttribute" : "removeAttribute"]("aria-invalid", "true");
    }
  }

  /** What the field of a place is called; “” where it has no name, null where there is none. */
  nameOf(where) {
    const at = nearest([...this.element.querySelectorAll("[data-where]")], where);
    return at ? (at.querySelector(":scope > :is(label, legend)")?.textContent ?? "") : null;
  }

  /** Brings the focus to the field that is nearest to a place; else to the heading of the section. */
  go(where, section = null) {
    const at = nearest([...this.element.querySelectorAll("[data-where]")], where);
    const control = at?.querySelector("input, select") ?? at?.querySelector("button") ?? this.element.querySelector(`#rule-${section ?? "targets"}-title`);
    at?.closest("details")?.setAttribute("open", "");
    control.focus({ preventScroll: true });
    control.select?.(); // what is typed takes the place of what stands there
    (at ?? control).scrollIntoView({ block: "center" });
  }

  // -- what people call things --------------------------------------------------------

  get facets() {
    return this.desk.state.names.facets;
  }

  classes(facet) {
    return (this.facets.find((each) => each.facet === facet)?.classes ?? []).map(({ value, name }) => [value, say(name)]);
  }

  get skills() {
    return this.desk.state.names.skills.map((skill) => [skill, this.desk.skillName(skill)]);
  }

  tierName(tier) {
    return has(`tier.${tier}`) ? t(`tier.${tier}`) : tier;
  }

  /** The tiers that are named anywhere, and the usual ones. */
  get known() {
    const { sheet } = this;
    const named = [sheet.table(["tier_factor"]), sheet.table(["tier_first"]), ...Object.values(sheet.table(["targets"])).map((targets) => targets?.by_tier ?? {})];
    return [...new Set(["standard", "silver", "gold", ...named.flatMap(Object.keys)])].map((tier) => [tier, this.tierName(tier)]);
  }

  laneName(lane) {
    return t(`draft.lane.${lane}`);
  }

  label(name) {
    return { label: t(`draft.f.${name}`), hint: has(`draft.h.${name}`) ? t(`draft.h.${name}`) : "" };
  }

  // -- shapes that come again ---------------------------------------------------------

  number(path, options = {}) {
    return field(path, this.label(path.at(-1)), numberBox(this.sheet.at(path), { ...options, onchange: (value) => this.sheet.put(path, value) }));
  }

  time(path, label = this.label(path.at(-1)), options = {}) {
    return field(path, label, durationBox(this.sheet.at(path), { ...options, name: label.label, onchange: (value) => this.sheet.put(path, value) }));
  }

  pick(path, choices, label = this.label(path.at(-1))) {
    return group(path, label, picks(this.sheet.list(path), choices, (values) => this.sheet.put(path, values)));
  }

  /** A table of names: a row each, its control, and the way to add and to take out. */
  rows(section, path, { named, control, first, choices, free = false, label = this.label(path.at(-1)) }) {
    const table = this.sheet.table(path);
    const change = (key, value) => {
      this.sheet.put([...path, key], value);
      this.redraw(section, value === undefined ? path : [...path, key]);
    };
    const row = (key) => field([...path, key], { label: named(key), tools: removal(named(key), () => change(key, undefined)) }, control(key, [...path, key]));
    return group(path, label,
      h("div.rule-rows", null, Object.keys(table).map(row)),
      adder({ label: t("draft.add.to", { name: label.label }), choices, free, taken: Object.keys(table), add: (key) => change(key, first) }));
  }

  /** A list of names as chips. */
  chips(section, path, { named, choices, free, label = this.label(path.at(-1)), tools }) {
    const values = this.sheet.list(path);
    const change = (list) => {
      this.sheet.put(path, list);
      this.redraw(section, path);
    };
    return group(path, { ...label, tools },
      h("ul.row.picked-list", null, values.map((value, at) => h("li.chip", null, named(value), removal(named(value), () => change(values.filter((_, n) => n !== at)))))),
      adder({ label: t("draft.add.to", { name: label.label }), choices, free, taken: values, add: (value) => change([...values, value]) }));
  }

  // -- the sections -------------------------------------------------------------------

  targets() {
    const table = this.sheet.table(["targets"]);
    const places = [...new Set([...LANES, ...Object.keys(table)])];
    const open = this.channels.map((channel) => [channel, channelName(channel)]);
    const add = (channel) => {
      this.sheet.put(["targets", channel], { hours: "natural", default: 300, by_urgency: {}, by_tier: {} });
      this.redraw("targets", ["targets", channel]);
    };
    return [
      h("div.rule-places", null, places.map((place) => this.place(place))),
      adder({ label: t("draft.add.channel"), choices: open, taken: places, add }),
      this.rows("targets", ["natural_limit"], {
        named: (name) => this.desk.skillName(name), first: 86400,
        choices: this.facets.flatMap(({ facet, name, classes }) => classes.map((each) => [`${facet}:${each.value}`, t("skill.named", { facet: say(name), name: say(each.name) })])),
        control: (name, path) => durationBox(this.sheet.at(path), { name: this.desk.skillName(name), onchange: (value) => this.sheet.put(path, value) }),
      }),
    ];
  }

  place(place) {
    const path = ["targets", place];
    const urgencies = this.classes("urgency");
    const known = new Set(urgencies.map(([value]) => value));
    const strange = Object.keys(this.sheet.table([...path, "by_urgency"])).filter((value) => !known.has(value));
    const name = LANES.includes(place) ? this.laneName(place) : channelName(place);
    const cell = (value, words) => this.time([...path, "by_urgency", value], { label: words }, { optional: true, placeholder: t("draft.as.default") });
    const remove = () => {
      this.sheet.put(path, undefined);
      this.redraw("targets", ["targets", LANES[0]]);
    };
    return group(path, { label: name, tools: !LANES.includes(place) && removal(name, remove) },
      field([...path, "hours"], this.label("hours"), choiceBox(this.sheet.at([...path, "hours"]) ?? "natural", ["business", "natural"].map((each) => [each, t(`draft.hours.${each}`)]), (value) => this.sheet.put([...path, "hours"], value))),
      h("div.rule-grid", null,
        [...urgencies, ...strange.map((value) => [value, value])].map(([value, words]) => cell(value, words)),
        this.time([...path, "default"], { label: t("draft.f.default") })),
      this.rows("targets", [...path, "by_tier"], {
        named: (tier) => this.tierName(tier), first: 1, choices: this.known, free: t("draft.tier.new"),
        control: (_, at) => numberBox(this.sheet.at(at), { min: "0", onchange: (value) => this.sheet.put(at, value) }),
      }));
  }

  who() {
    const facets = this.facets.map(({ facet, name }) => [facet, say(name)]);
    const prefixes = [["lang:", t("draft.prefix.lang")], ["dept:", t("draft.prefix.dept")], ...facets.map(([facet, words]) => [`${facet}:`, words])];
    const prefixName = (prefix) => prefixes.find(([each]) => each === prefix)?.[1] ?? prefix;
    const skillName = (skill) => this.desk.skillName(skill);
    return [
      h("div.rule-field", { "data-where": "class" }, h("div.said", null)),
      this.pick(["required_facets"], facets),
      this.rows("who", ["levels"], {
        named: skillName, first: 2, choices: this.skills, free: t("draft.skill.new"),
        control: (_, path) => choiceBox(this.sheet.at(path), LEVELS, (value) => this.sheet.put(path, value)),
      }),
      this.pick(["preferred_facets"], facets),
      field(["preferred_level"], this.label("preferred_level"), choiceBox(this.sheet.at(["preferred_level"]), LEVELS, (value) => this.sheet.put(["preferred_level"], value))),
      this.chips("who", ["never_drop"], { named: prefixName, choices: prefixes, free: t("draft.prefix.new") }),
      this.steps(),
      this.rows("who", ["overflow"], {
        named: skillName, first: "group:", choices: this.skills, free: t("draft.skill.new"),
        control: (_, path) => {
          const box = h("input", { list: "rule-skills", autocomplete: "off", maxlength: "64", value: String(this.sheet.at(path) ?? ""), oninput: () => this.sheet.put(path, box.value.trim()) });
          return box;
        },
      }),
      h("datalist", { id: "rule-skills" }, this.skills.map(([skill, words]) => h("option", { value: skill }, words))),
    ];
  }

  steps() {
    const path = ["relax_at"];
    const steps = this.sheet.list(path);
    const change = (list, focus) => {
      this.sheet.put(path, list);
      this.redraw("who", focus);
    };
    const box = (value, at) => numberBox(Number.isFinite(value) ? Math.round(value * 1e4) / 100 : NaN, {
      min: "1", max: "99", onchange: (percent) => this.sheet.put(path, this.sheet.list(path).map((each, n) => (n === at ? (percent === null ? null : percent / 100) : each))),
    });
    const step = (value, at) => {
      const name = t("draft.step", { n: at + 1 });
      return field([...path, String(at)], { label: name, tools: ["%", removal(name, () => change(steps.filter((_, n) => n !== at), path))] }, box(value, at));
    };
    const next = steps.length ? Math.min(0.95, (steps.at(-1) || 0) + 0.25) : 0.25;
    return group(path, this.label("relax_at"),
      h("div.rule-rows", null, steps.map(step)),
      h("div.row.adder", null, h("button.quiet", { type: "button", onclick: () => change([...steps, next], [...path, String(steps.length)]) }, t("draft.step.add"))));
  }

  tiers() {
    const login = (value) => this.logins.find(([each]) => each === value)?.[1] ?? value;
    const first = this.sheet.table(["tier_first"]);
    const change = (tier, value) => {
      this.sheet.put(["tier_first", tier], value);
      this.redraw("tiers", value === undefined ? ["tier_first"] : ["tier_first", tier]);
    };
    const factor = (_, path) => numberBox(this.sheet.at(path), { min: "0", onchange: (value) => this.sheet.put(path, value) });
    return [
      this.rows("tiers", ["tier_factor"], { named: (tier) => this.tierName(tier), first: 1, choices: this.known, free: t("draft.tier.new"), control: factor }),
      group(["tier_first"], this.label("tier_first"),
        h("div.rule-places", null, Object.keys(first).map((tier) => this.chips("tiers", ["tier_first", tier], {
          named: login, choices: this.logins, free: t("draft.login.new"), label: { label: this.tierName(tier) }, tools: removal(this.tierName(tier), () => change(tier, undefined)),
        }))),
        adder({ label: t("draft.add.to", { name: t("draft.f.tier_first") }), choices: this.known, free: t("draft.tier.new"), taken: Object.keys(first), add: (tier) => change(tier, []) })),
    ];
  }

  load() {
    const urgencies = this.classes("urgency");
    const lanes = LANES.map((lane) => [lane, this.laneName(lane)]);
    const units = (lane) => field(["units", lane], { label: t("draft.units.of", { name: this.laneName(lane) }) },
      numberBox(this.sheet.at(["units", lane]), { whole: true, min: "1", onchange: (value) => this.sheet.put(["units", lane], value) }));
    return [
      group(["units"], this.label("units"), h("div.rule-grid", null, LANES.map(units))),
      this.number(["helper_units"], { whole: true, min: "0" }),
      group(["offer_seconds"], this.label("offer_seconds"), h("div.rule-grid", null, LANES.map((lane) =>
        this.time(["offer_seconds", lane], { label: this.laneName(lane) }, { optional: true, placeholder: t("draft.at.once") })))),
      this.pick(["interrupting"], urgencies),
      this.pick(["interruptible"], lanes),
    ];
  }

  departments() {
    const path = ["departments"];
    const names = Object.keys(this.sheet.table(path));
    const add = (name) => {
      this.sheet.put([...path, name], { en: name, seconds: 86400, domains: [], takes: false });
      this.redraw("departments", [...path, name, "en"]);
    };
    return [
      h("div.rule-places", null, names.map((name, at) => this.department(name, at, names))),
      adder({ label: t("draft.add.department"), free: t("draft.department.new"), taken: names, add }),
      this.number(["repeat_days"], { min: "0" }),
    ];
  }

  department(name, at, names) {
    const path = ["departments", name];
    const move = (by) => {
      const order = names.toSpliced(at, 1).toSpliced(at + by, 0, name);
      const table = this.sheet.table(["departments"]);
      this.sheet.put(["departments"], Object.fromEntries(order.map((each) => [each, table[each]])));
      this.redraw("departments");
      this.element.querySelector(`[data-where="${CSS.escape(path.join("."))}"] [data-by="${by}"]:not(:disabled)`)?.focus();
    };
    const remove = () => {
      this.sheet.put(path, undefined);
      this.redraw("departments", ["repeat_days"]);
    };
    const english = h("input", { required: true, maxlength: "64", autocomplete: "off", value: String(this.sheet.at([...path, "en"]) ?? ""), oninput: () => this.sheet.put([...path, "en"], english.value) });
    const takes = h("input", { type: "checkbox", checked: this.sheet.at([...path, "takes"]) === true, onchange: () => this.sheet.put([...path, "takes"], takes.checked) });
    const step = (by, words, whole, end) => h("button.link", { type: "button", "data-by": by, disabled: at === end, "aria-label": whole, onclick: () => move(by) }, words);
    return group(path, { label: name, tools: [step(-1, t("draft.up"), t("draft.up.one", { name }), 0), step(1, t("draft.down"), t("draft.down.one", { name }), names.length - 1), removal(name, remove)] },
      h("div.rule-grid", null, field([...path, "en"], this.label("en"), english), this.time([...path, "seconds"], this.label("department_seconds"))),
      this.pick([...path, "domains"], this.classes("domain"), this.label("domains")),
      h("div.rule-field", { "data-where": [...path, "takes"].join(".") }, h("label.check", null, takes, t("draft.f.takes")), h("p.small", null, t("draft.h.takes")), h("div.said", null)));
  }

  order() {
    return h("details", null, h("summary", null, t("draft.order.open")),
      h("div.rule-grid", null, ORDER.map(([name, kind]) => (kind === "time" ? this.time([name]) : this.number([name], { min: "0" })))));
  }
}

/** The innermost of the fields that a place lies in. */
function nearest(fields, where) {
  const around = fields.filter(({ dataset }) => where === dataset.where || where.startsWith(`${dataset.where}.`));
  return around.sort((one, other) => other.dataset.where.length - one.dataset.where.length)[0];
}
