// The second factor of whoever is signed in: turning it on, and what may be done with it.
import { ask, h, notice, t } from "./dom.js";
import { call } from "./door.js";
import { drawDue } from "./due.js";

const NS = "http://www.w3.org/2000/svg";
const QUIET = 4; // dots of light around a QR code (ISO/IEC 18004)

/** A QR code of its lines, “1” for dark. Dark on light in either scheme: cameras want it so. */
function picture(lines) {
  const size = lines.length + 2 * QUIET;
  const draw = (tag, attributes, ...children) => {
    const element = document.createElementNS(NS, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const dots = lines.flatMap((line, y) => [...line].map((dot, x) => (dot === "1" ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")));
  return draw("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": t("factor.picture"), "shape-rendering": "crispEdges" }, draw("path", { d: dots.join("") }));
}

/** A box for a code; ``timed``: of the app alone, else also one to fall back on. */
export function codeBox({ timed = false } = {}) {
  return h("input.code-box", {
    name: "code", required: true, maxlength: "64", autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false",
    inputmode: timed ? "numeric" : undefined, pattern: timed ? "\\s*([0-9]\\s*){6}" : undefined, title: timed ? t("factor.six") : undefined, "data-anew": true,
  });
}

const passwordBox = () => h("input", { name: "password", type: "password", required: true, maxlength: "1024", autocomplete: "current-password" });

function proofs(timed, typed = null) {
  return [
    typed === null && h("label.field", null, t("factor.password"), passwordBox()),
    h("label.field", null, t(timed ? "factor.code.first" : "factor.code.either"), codeBox({ timed })),
  ];
}

const proof = (said) => ({ password: said.get("password"), code: said.get("code") });

function setUpFields({ key, picture: lines }, typed = null) {
  return [
    h("p", null, t("factor.scan")),
    picture(lines),
    h("details.by-hand", null, h("summary", null, t("factor.by_hand")), h("code.key-text", null, key.match(/.{1,4}/g).join(" "))),
    proofs(true, typed),
  ];
}

/** Turns it on; whether that was done. */
async function turnOn() {
  const begun = await call("POST", "/me/second-factor");
  let codes;
  const said = await ask({
    title: t("factor.on.title"), submit: t("factor.on"), fields: setUpFields(begun),
    send: async (said) => { codes = (await call("PUT", "/me/second-factor", proof(said))).recovery_codes; },
  });
  if (!said) return;
  await showCodes(codes);
  notice(t("factor.on.done"));
}

async function turnOff() {
  const said = await ask({
    title: t("factor.off.title"), text: t("factor.off.text"), submit: t("factor.off"), danger: true, fields: proofs(false),
    send: (said) => call("POST", "/me/second-factor/off", proof(said)),
  });
  if (said) notice(t("factor.off.done"));
}

async function renewCodes() {
  let codes;
  const said = await ask({
    title: t("factor.renew"), text: t("factor.renew.text"), submit: t("factor.renew"), fields: proofs(false),
    send: async (said) => { codes = (await call("POST", "/me/second-factor/recovery-codes", proof(said))).recovery_codes; },
  });
  if (said) await showCodes(codes);
}

/** The recovery codes, this once. */
function showCodes(codes) {
  const text = codes.join("\n");
  const save = () => {
    const url = URL.createObjectURL(new Blob([`${t("factor.codes.file")}\n\n${text}\n`], { type: "text/plain" }));
    h("a", { href: url, download: "shouli-recovery-codes.txt" }).click();
    URL.revokeObjectURL(url);
  };
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    notice(t("factor.codes.copied"));
  };
  return ask({
    title: t("factor.codes"), text: t("factor.codes.text"), submit: t("factor.codes.kept"), told: true,
    fields: [
      h("ul.recovery-codes", null, codes.map((code) => h("li", null, code))),
      h("div.row", null,
        h("button.quiet", { type: "button", onclick: save }, t("factor.codes.save")),
        navigator.clipboard && h("button.quiet", { type: "button", onclick: copy }, t("factor.codes.copy"))),
    ],
  });
}

/** How it stands, for the dialog of one's account; ``go`` leaves that for what is asked for. */
export function factorSection({ since, recovery_codes: left }, go) {
  const button = (words, work, kind = "button.quiet") => h(kind, { type: "button", onclick: () => go(work) }, t(words));
  return h("section.factor", null,
    h("h3", null, t("factor")),
    since === null
      ? [h("p.small", null, t("factor.none")), h("div.row", null, button("factor.on", turnOn))]
      : [
        h("p.small", null, t(left ? "factor.has" : "factor.has.no_codes", { n: left })),
        h("div.row", null, button("factor.renew", renewCodes), button("factor.off", turnOff)),
      ]);
}

/** The page of who must set it up before anything else; ``typed``: the password they have signed in with just now. */
export async function drawSetUp(app, enter, typed = null, begun = null) {
  begun ??= await call("POST", "/me/second-factor");
  drawDue(app, {
    title: t("factor.due"), text: t("factor.due.text"), fields: setUpFields(begun, typed), submit: t("factor.on"), enter,
    send: async (said) => {
      const { recovery_codes: codes } = await call("PUT", "/me/second-factor", { ...proof(said), ...(typed !== null && { password: typed }) });
      await showCodes(codes);
    },
    redraw: () => drawSetUp(app, enter, typed, begun),
  });
}
