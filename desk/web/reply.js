// The reply box: an answer, its files, and what becomes of the ticket with it.
import { anew, h, notice, once, sizeText, t } from "./dom.js";
import { call, newId, put, Refused } from "./door.js";
import { draftOf, keep } from "./drafts.js";
import { wayBack } from "./slips.js";
import { makeSuggestions } from "./suggest.js";

const TYPING_MS = 3000; // how often the customer is told that we write
const MOST_FILES = 10; // of one answer, as the server has it
export const TOUCH = matchMedia("(hover: none) and (pointer: coarse)"); // a keyboard comes up over what is read

/** Up to where the messages on the screen go: what the customer has said since is not passed over. */
export function readUpTo(desk) {
  const { view } = desk.state;
  const last = (log) => log?.at(-1)?.seq ?? 0;
  const parts = view?.links.parts ?? [];
  return { seen: last(view?.messages), seen_parts: Object.fromEntries(parts.map((part) => [part.id, last(part.messages)])) };
}

let toldAt = 0;

/** Lets the customer know; nothing is lost when it does not arrive. */
function sayTyping(ticketId) {
  if (Date.now() - toldAt < TYPING_MS) return;
  toldAt = Date.now();
  call("POST", `/tickets/${ticketId}/typing`).catch(() => {});
}

/** The files of an answer: put on the server at once, sent with it. */
function makeFiles(ticketId, draft) {
  let under = 0; // uploads under way
  const list = h("ul.chips", { hidden: true });
  const draw = () => {
    list.hidden = !draft.files.length && !under;
    list.replaceChildren(
      ...draft.files.map((file) => h("li.file", null, h("span.file-name", null, file.name), h("small", null, sizeText(file.size)),
        h("button.link", { type: "button", "aria-label": t("reply.unfile", { name: file.name }), onclick: () => {
          draft.files = draft.files.filter((other) => other !== file);
          keep();
          draw();
        } }, "×"))),
      ...(under ? [h("li.file", null, t("reply.uploading"))] : []));
  };
  const add = async (chosen) => {
    for (const file of chosen) {
      if (draft.files.length + under >= MOST_FILES) {
        notice(t("reply.most", { n: MOST_FILES }), "bad");
        return;
      }
      under += 1;
      draw();
      try {
        draft.files.push(await put(`/tickets/${ticketId}/uploads?name=${encodeURIComponent(file.name)}`, file));
        keep();
      } catch (refused) {
        notice(`${file.name}: ${refused.message}`, "bad");
      }
      under -= 1;
      draw();
    }
  };
  const input = h("input.unseen", { type: "file", multiple: true, tabindex: "-1", "aria-hidden": "true", onchange: async () => {
    await add([...input.files]);
    input.value = "";
  } });
  const button = h("span", null, input, h("button.quiet", { type: "button", onclick: () => input.click() }, t("reply.file")));
  draw();
  return { list, button, draw, add, busy: () => under > 0 };
}

/** Whom the customer put in copy, to be ticked: nobody is written to whom nobody has chosen. */
export function makeCc(draft) {
  let offered = [];
  const place = h("fieldset.cc", { hidden: true });
  const isChosen = (one) => draft.cc?.includes(one.number) ?? one.chosen;
  const chosen = () => offered.filter(isChosen).map((one) => one.number);
  const choose = (numbers) => {
    draft.cc = numbers;
    keep();
    draw();
  };
  const tick = ({ number }, ticked) => choose(ticked ? [...chosen(), number] : chosen().filter((other) => other !== number));
  const row = (one) => h("label.check", { title: one.address },
    h("input", { type: "checkbox", value: one.number, checked: isChosen(one), onchange: (event) => tick(one, event.target.checked) }),
    h("span.file-name", null, one.name || one.address), one.name && h("small", null, one.address));
  const draw = () => {
    place.hidden = !offered.length;
    const held = place.contains(document.activeElement) && document.activeElement.value;
    const rest = offered.length > 1 && chosen().length < offered.length;
    anew(place, [
      h("legend", null, t("reply.cc")),
      offered.map(row),
      rest && h("button.link", { type: "button", onclick: () => choose(offered.map((one) => one.number)) }, t("reply.cc.all")),
    ]);
    if (held) place.querySelector(`input[value="${held}"]`)?.focus();
  };
  return { place, chosen, draw, show: (cc) => {
    if (JSON.stringify(cc) === JSON.stringify(offered)) return;
    offered = cc;
    draw();
  } };
}

/** ``follow``: is called when an answer is stored, so that its writer sees it in the log. */
export function makeReply(desk, ticketId, follow) {
  const blank = () => ({ text: "", id: newId(), then: "active", files: [] });
  const draft = draftOf(`reply/${ticketId}`, blank, () => {
    text.value = draft.text;
    then.value = draft.then;
    files.draw();
    cc.draw();
  });
  const text = h("textarea", {
    id: "reply-text", rows: "3", maxlength: "20000", value: draft.text, placeholder: t(TOUCH.matches ? "reply.placeholder.touch" : "reply.placeholder"),
    oninput: () => {
      draft.text = text.value;
      keep();
      if (text.value) sayTyping(ticketId);
    },
    onkeydown: (key) => {
      if (key.key === "Enter" && (key.ctrlKey || key.metaKey) && !key.isComposing) {
        key.preventDefault();
        submit(key.shiftKey ? "resolved" : then.value);
      }
    },
    // A picture from the clipboard. Text that brings one along (a cell of a sheet) stays text.
    onpaste: (event) => {
      const { files: pasted, types } = event.clipboardData;
      if (!pasted.length || types.includes("text/plain")) return;
      event.preventDefault();
      files.add([...pasted]);
    },
  });
  const then = h("select", { "aria-label": t("reply.then"), onchange: () => {
    draft.then = then.value;
    keep();
  } },
    ["active", "pending", "resolved"].map((value) =>
      h("option", { value, selected: draft.then === value }, t(`reply.then.${value}`))));
  const send = h("button.primary", { type: "submit", title: "Ctrl+Enter" }, t("reply.send"));
  const finish = h("button.quiet", { type: "button", title: "Ctrl+Shift+Enter", onclick: () => submit("resolved") }, t("reply.finish"));
  const files = makeFiles(ticketId, draft);
  const cc = makeCc(draft);
  const suggestions = makeSuggestions(desk, ticketId, (said) => {
    text.value = text.value.trim() ? `${text.value.trimEnd()}\n${said}` : said;
    draft.text = text.value;
    keep();
    text.focus();
  });
  /** Sends what is written; ``after`` is what becomes of the ticket with it. */
  const submit = once(async (after) => {
    if (files.busy()) return notice(t("reply.busy"), "bad");
    if (!text.value.trim() && !draft.files.length) return text.focus();
    send.disabled = finish.disabled = true;
    // The same client_id until it is stored: trying again never sends twice.
    await desk.act(async () => {
      const stored = await call("POST", `/tickets/${ticketId}/reply`, {
        text: text.value, client_id: draft.id, then: after, files: draft.files.map((file) => file.id),
        cc: cc.chosen(), ...readUpTo(desk),
      }).catch((refused) => {
        if (refused.code !== "conflict" || !refused.message.includes("client_id")) throw refused;
        // What was sent before under this id did arrive, and the log shows it now: this is another answer.
        draft.id = newId();
        throw new Refused(refused.status, { code: refused.code, message: t("reply.other") });
      });
      follow();
      Object.assign(draft, blank());
      keep();
      text.value = "";
      then.value = draft.then;
      files.draw();
      cc.draw();
      const ended = after === "resolved";
      const told = stored.delivery_problem ? (ended ? "reply.kept.finished" : "reply.kept") : ended ? "reply.finished" : "reply.sent";
      notice(t(told), "good", ended && wayBack(desk, ticketId));
      if (after !== "active") await desk.next(ticketId);
    });
    send.disabled = finish.disabled = false;
    if (form.isConnected) text.focus();
  });
  const form = h("form.reply", {
    onsubmit: (event) => {
      event.preventDefault();
      submit(then.value);
    },
    ondragover: (event) => event.preventDefault(),
    ondrop: (event) => {
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      files.add([...event.dataTransfer.files]);
    },
  },
  suggestions.panel,
  h("label.unseen", { htmlFor: "reply-text" }, t("reply.label")),
  text,
  cc.place,
  files.list,
  h("div.row", null, files.button, suggestions.button,
    h("span.spread", null), then, finish, send));
  form.draw = (view) => cc.show(view.cc);
  return form;
}
