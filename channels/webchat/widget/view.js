const TYPED_MS = 5_000; // how long we believe that the other side does
const MOST_FILES = 5; // what the server takes with one message
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"]; // as the server serves them
const MOST_SHOWN = 5 * 1048576; // bytes of a picture that is loaded unasked

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function icon(path) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(ns, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

const BUBBLE = "M4 4h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z";
const CROSS = "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z";
const CLIP = "M16.5 6v11.5a4 4 0 0 1-8 0V5a2.5 2.5 0 0 1 5 0v10.5a1 1 0 0 1-2 0V6H10v9.5a2.5 2.5 0 0 0 5 0V5a4 4 0 0 0-8 0v12.5a5.5 5.5 0 0 0 11 0V6z";
const PLANE = "M3 20.5v-6.2l9-2.3-9-2.3V3.5L22 12z";

/** What the visitor sees, in a shadow root that the page's styles do not reach. */
class View {
  constructor(chat) {
    this.chat = chat;
    this.title = script.dataset.title || LOOKS.title || t.title;
    this.files = []; // uploaded, to be sent with the next message
    this.waits = { position: 0, wait: null };
    this.live = new Map(); // client_id → list item of a message on its way
    const host = element("div", { lang: lang === "zh" ? "zh-CN" : "en" });
    if (LOOKS.colour) host.style.setProperty("--mine", LOOKS.colour);
    const shadow = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [sheet];
    this.build(shadow);
    document.body.append(host);
    document.addEventListener("visibilitychange", () => this.back());
    window.addEventListener("focus", () => this.back());
    window.addEventListener("online", () => this.chat.link.kick());
    window.addEventListener("offline", () => this.chat.link.reset());
    this.status("connecting");
  }

  build(shadow) {
    this.dot = element("span", { class: "badge", hidden: "" });
    this.launcher = element(
      "button",
      { class: "launcher", type: "button", "aria-label": t.open, "aria-expanded": "false", "aria-controls": "panel", onclick: () => this.toggle(true) },
      icon(BUBBLE), this.dot,
    );
    this.state = element("p", { class: "state", role: "status" });
    this.number = element("p", { class: "number", hidden: "" });
    this.list = element("ol", {}, element("li", { class: "note" }, LOOKS.greeting || t.greeting));
    this.log = element("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": this.title, tabindex: "0" }, this.list);
    // What comes to stand below takes room from the log: its end stays in sight if it was.
    this.atEnd = true;
    this.log.addEventListener("scroll", () => { this.atEnd = this.nearEnd(); });
    new ResizeObserver(() => this.atEnd && this.scroll()).observe(this.log);
    this.field = element("textarea", { id: "text", rows: "1", placeholder: t.placeholder, "aria-label": t.placeholder, "aria-describedby": "hint", enterkeyhint: "send" });
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.value = this.chat.memory.tab("draft") ?? "";
    this.field.addEventListener("input", () => {
      this.fit();
      this.chat.memory.tab("draft", this.field.value);
      if (this.field.value) this.chat.typing();
    });
    this.field.addEventListener("paste", (event) => this.attach(event.clipboardData?.files ?? []));
    this.warning = element("p", { class: "warning", role: "alert", hidden: "" });
    this.picker = element("input", { type: "file", multiple: "", hidden: "", onchange: () => {
      this.attach(this.picker.files);
      this.picker.value = "";
    } });
    this.clip = element("button", { class: "clip", type: "button", hidden: "", "aria-label": t.attach, title: t.attach, onclick: () => this.picker.click() }, icon(CLIP));
    this.chips = element("ul", { class: "chips", hidden: "" });
    this.writes = element("p", { class: "writes", "aria-live": "polite" });
    this.queue = element("p", { class: "queue", role: "status", hidden: "" });
    this.away = element("div", { class: "away", role: "status", hidden: "" }, element("p", {}, t.away), this.link(t.leave, () => this.askContact()));
    this.finish = this.link(t.end, () => this.chat.link.send({ type: "end" }));
    this.finish.hidden = true;
    this.sheet = element("div", { class: "sheet", hidden: "" });
    const form = element(
      "form", { class: "write" },
      this.picker, this.clip, this.field,
      element("button", { class: "send", type: "submit", "aria-label": t.send, title: t.send }, icon(PLANE)),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.panel = element(
      "section",
      { id: "panel", class: "panel", role: "dialog", "aria-label": this.title, hidden: "" },
      element(
        "header", {},
        element("div", {}, element("h2", {}, this.title), this.state, this.number),
        element("button", { class: "close", type: "button", "aria-label": t.close, title: t.close, onclick: () => this.toggle(false) }, icon(CROSS)),
      ),
      this.log, this.queue, this.writes, this.away, this.sheet, this.warning, this.chips, form,
      element("div", { class: "hint" }, element("p", { id: "hint" }, t.hint), this.finish),
    );
    this.panel.addEventListener("dragover", (event) => event.preventDefault());
    this.panel.addEventListener("drop", (event) => {
      event.preventDefault();
      this.attach(event.dataTransfer.files);
    });
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      if (this.sheet.hidden) this.toggle(false);
      else this.closeSheet();
    });
    shadow.append(this.panel, this.launcher);
  }

  link(text, onclick) {
    return element("button", { class: "link", type: "button", onclick }, text);
  }

  /** What the server says it can do just now. */
  service(frame) {
    this.clip.hidden = !frame.files;
    this.staffed(frame.online);
    this.mails = frame.mail;
    this.finish.hidden = !frame.last_seq;
  }

  // -- files ----------------------------------------------------------------------

  async attach(files) {
    // A browser empties its own list when the field is cleared or the event is over.
    for (const file of [...files]) {
      if (!this.chat.most) return;
      if (this.files.length >= MOST_FILES) return this.warn(t.many(MOST_FILES));
      if (file.size > this.chat.most) {
        this.warn(t.big(Math.floor(this.chat.most / 1048576)));
        continue;
      }
      const chip = element("li", {}, element("span", {}, t.file(file.name)));
      this.chips.append(chip);
      this.chips.hidden = false;
      const entry = { name: file.name };
      this.files.push(entry);
      try {
        Object.assign(entry, await this.chat.upload(file));
        const drop = element("button", { type: "button", "aria-label": t.drop(entry.name), onclick: () => this.unattach(entry, chip) }, icon(CROSS));
        chip.replaceChildren(element("span", {}, entry.name), drop);
      } catch (refusal) {
        this.unattach(entry, chip);
        this.warn(refusal.message === "file_empty" ? t.empty_file(file.name) : t.lost_file(file.name));
      }
    }
    this.field.focus({ preventScroll: true });
  }

  unattach(entry, chip) {
    this.files = this.files.filter((file) => file !== entry);
    chip.remove();
    this.chips.hidden = !this.chips.childElementCount;
    this.field.focus({ preventScroll: true });
  }

  // -- sheets: forms that lie over the end of the log -------------------------------

  /** Shows a small form; submit gets its values and says what is wrong and at which field, or nothing. */
  ask(title, fields, submit) {
    this.away.hidden = true;
    const inputs = fields.map(([name, type, words]) => [name, words, type === "area"
      ? element("textarea", { id: `ask-${name}`, rows: "2" })
      : element("input", { id: `ask-${name}`, type, autocomplete: type })]);
    const form = element(
      "form", { "aria-label": title },
      element("h3", {}, title),
      ...inputs.map(([name, words, input]) => element("div", { class: "ask" }, element("label", { for: `ask-${name}` }, words), input)),
      element("div", { class: "row" }, this.link(t.back, () => this.closeSheet()), element("button", { class: "go", type: "submit" }, t.submit)),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [mistaken] = inputs.filter(([, , input]) => !input.checkValidity());
      const values = Object.fromEntries(inputs.map(([name, , input]) => [name, input.value.trim()]));
      const { wrong, at } = mistaken ? { wrong: t.wrong(mistaken[1]), at: mistaken[0] } : submit(values) ?? {};
      this.warn(wrong || "");
      if (!wrong) return this.closeSheet();
      for (const [name, , input] of inputs) input.setAttribute("aria-invalid", String(name === at));
      inputs.find(([name]) => name === at)[2].focus();
    });
    form.noValidate = true;
    this.sheet.replaceChildren(form);
    this.sheet.hidden = false;
    inputs[0][2].focus();
  }

  closeSheet() {
    this.sheet.hidden = true;
    this.sheet.replaceChildren();
    this.warn("");
    this.field.focus({ preventScroll: true });
  }

  askContact() {
    const fields = [["phone", "tel", this.mails ? `${t.phone} (${t.or})` : t.phone], ["text", "area", t.what]];
    if (this.mails) fields.unshift(["email", "email", t.email]);
    this.ask(t.leave, fields, ({ email, phone, text }) => {
      if (!email && !phone) return this.mails ? { wrong: t.which, at: "email" } : { wrong: t.number, at: "phone" };
      if (phone && !/^[0-9+() -]{5,24}$/.test(phone)) return { wrong: t.wrong(t.phone), at: "phone" };
      this.chat.leave({ text, ...(email && { email }), ...(phone && { phone }) });
    });
  }

  ended() {
    this.finish.hidden = true;
    this.tell(t.ended);
    if (!this.mails) return;
    this.ask(t.mail, [["email", "email", t.email]], ({ email }) => {
      if (!email) return { wrong: t.wrong(t.email), at: "email" };
      this.chat.link.send({ type: "transcript", email, offset: new Date().getTimezoneOffset() });
    });
  }

  tell(text) {
    const note = element("li", { class: "note" }, text);
    this.place(note);
    this.scroll();
    return note;
  }

  /** Who writes to us or reads what we wrote is there, whatever the server said last. */
  here() {
    this.staffed(true);
  }

  /** Whether somebody is there to answer. */
  staffed(online) {
    this.online = online;
    this.away.hidden = online;
    this.queued();
  }

  typing() {
    this.here();
    this.writes.textContent = t.typing;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => (this.writes.textContent = ""), TYPED_MS);
  }

  seen(seq) {
    for (const item of this.list.querySelectorAll(".mine[data-seq]")) {
      if (Number(item.dataset.seq) <= seq) item.querySelector(".mark").textContent = `✓ ${t.read}`;
    }
  }

  toggle(open, focus = true) {
    this.panel.hidden = !open;
    this.launcher.setAttribute("aria-expanded", String(open));
    this.launcher.classList.toggle("opened", open);
    if (open) {
      this.fit();
      this.scroll();
      if (focus) this.field.focus({ preventScroll: true });
      this.chat.opened();
    } else if (focus) {
      this.launcher.focus();
    }
    this.chat.memory.tab("open", open ? "yes" : "no");
  }

  back() {
    if (document.visibilityState !== "visible") return;
    this.chat.link.kick();
    this.chat.seen();
  }

  inSight() {
    return !this.panel.hidden && document.visibilityState === "visible";
  }

  key(event) {
    // While an input method composes, Enter chooses a word (229: older Safari).
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    this.submit();
  }

  submit() {
    const text = this.field.value.trim();
    const long = [...text].length > this.chat.maxText;
    this.warn(long ? t.too_long(this.chat.maxText) : "");
    const ready = this.files.every((file) => file.id);
    if ((!text && !this.files.length) || long) return;
    if (!ready) return this.warn(t.unready);
    this.unwrite();
    const files = this.files.map(({ id, name, size }) => ({ id, name, size }));
    this.files = [];
    this.chips.replaceChildren();
    this.chips.hidden = true;
    this.chat.say(text, files);
    this.field.focus({ preventScroll: true });
  }

  unwrite() {
    this.field.value = "";
    this.chat.memory.tab("draft", "");
    this.fit();
  }

  warn(text) {
    this.warning.hidden = !text;
    this.warning.textContent = text;
  }

  fit() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 120)}px`;
  }

  status(name) {
    if (this.state.dataset.name === name) return;
    this.state.dataset.name = name;
    this.state.textContent = t[name];
    this.ticket(this.chat.ticket, false);
  }

  /** History is not read aloud when it comes back after a reload: only what is new. */
  history(until) {
    this.until = until;
    this.log.setAttribute("aria-live", until ? "off" : "polite");
    this.ticket(this.chat.ticket, false);
  }

  clear() {
    for (const item of [...this.list.querySelectorAll("[data-seq], [data-state=stored], .news")]) {
      this.live.delete(item.dataset.id);
      item.remove();
    }
  }

  /** Shows the messages on their way, below everything that has its number. */
  pending(out) {
    for (const [id, message] of out) {
      if (this.live.has(id) || message.contact) continue;
      const item = this.item("mine", t.me, message.text, message.at, message.files);
      item.dataset.id = id;
      this.live.set(id, item);
      this.list.append(item);
      this.mark(id, message.stored ? "stored" : "sending");
    }
    this.scroll();
  }

  mark(id, state) {
    const item = this.live.get(id);
    if (!item) return;
    item.dataset.state = state;
    item.querySelector(".mark").textContent = t[state];
  }

  fail(id, why) {
    const item = this.live.get(id);
    if (!item) return;
    this.live.delete(id);
    item.dataset.state = "failed";
    item.querySelector(".mark").textContent = why;
  }

  show(event) {
    const near = this.nearEnd();
    const mine = event.from === "customer";
    const who = mine ? t.me : event.kind === "reply" ? t.us : t.auto;
    const known = this.live.get(event.client_id);
    const item = this.item(mine ? "mine" : "us", who, event.text, event.at * 1000, event.files);
    // In the place of the one that was on its way: only this one has links to its files.
    if (known) known.replaceWith(item);
    this.live.delete(event.client_id);
    item.dataset.seq = event.seq;
    this.finish.hidden = false;
    if (mine) {
      item.dataset.state = "stored";
      item.querySelector(".mark").textContent = event.seq <= this.chat.shown ? `✓ ${t.read}` : t.stored;
    } else {
      this.writes.textContent = "";
    }
    this.offer(mine ? null : item, event.choices);
    this.place(item);
    if (near || mine) this.scroll();
    if (event.seq >= this.until) this.log.setAttribute("aria-live", "polite");
  }

  /** Answers that can be pressed stand under the last word only; who writes does without. */
  offer(item, choices = []) {
    this.choices?.remove();
    if (!item || !choices.length) return;
    const press = ({ value, label }) => {
      this.offer(null);
      this.chat.say(label, [], value);
      this.field.focus({ preventScroll: true });
    };
    this.choices = element("div", { class: "choices", role: "group", "aria-label": t.choices },
      ...choices.map((one) => element("button", { type: "button", onclick: () => press(one) }, one.label)));
    item.append(this.choices);
  }

  place(item) {
    const first = this.live.values().next().value ?? null;
    if (item.nextSibling !== first || !item.parentNode) this.list.insertBefore(item, first);
  }

  item(side, who, text, at, files = []) {
    const when = new Date(at);
    const clock = when.toLocaleTimeString(lang === "zh" ? "zh-CN" : "en-GB", { hour: "2-digit", minute: "2-digit" });
    const sameDay = when.toDateString() === new Date().toDateString();
    const day = sameDay ? "" : `${when.toLocaleDateString(lang === "zh" ? "zh-CN" : "en-GB")} `;
    return element(
      "li", { class: side },
      element("span", { class: "who" }, who),
      ...(text ? [element("p", { class: "text", dir: "auto" }, text)] : []),
      ...files.map((file) => this.file(file)),
      element("span", { class: "foot" }, element("time", { datetime: when.toISOString() }, day + clock), element("span", { class: "mark" })),
    );
  }

  file({ name, size, mime, url }) {
    const kb = `${size < 1048576 ? Math.max(1, Math.round(size / 1024)) + " KB" : (size / 1048576).toFixed(1) + " MB"}`;
    const named = [icon(CLIP), element("span", {}, name), element("small", {}, kb)];
    if (!url) return element("span", { class: "file" }, ...named);
    const link = element("a", { class: "file", href: root + url, download: name, rel: "noreferrer" }, ...named);
    if (PICTURES.includes(mime) && size <= MOST_SHOWN) this.picture(link, name, named);
    return link;
  }

  /** Shows what a link leads to; where the page around us forbids pictures, its name stays. */
  picture(link, name, named) {
    const shown = element("img", { src: link.href, alt: name, title: name });
    shown.addEventListener("load", () => this.atEnd && this.scroll());
    shown.addEventListener("error", () => {
      link.classList.remove("picture");
      link.replaceChildren(...named);
    });
    link.classList.add("picture");
    link.replaceChildren(shown);
  }

  /** Who is next while nobody is there would take it for soon. */
  turn(position, wait) {
    this.waits = { position, wait };
    this.queued();
  }

  queued() {
    const { position, wait } = this.waits;
    this.queue.hidden = !position || (!wait && !this.online);
    const place = position === 1 ? t.next : t.turn(position);
    this.queue.textContent = position ? place + t.wait(wait && wait / 60) : "";
  }

  ticket(number, news) {
    this.number.hidden = !number;
    this.number.textContent = number ? `${t.ticket} ${number}` : "";
    if (!news) return;
    const near = this.nearEnd();
    this.place(element("li", { class: "note news" }, t.accepted(number)));
    if (near) this.scroll();
  }

  badge(count) {
    this.dot.hidden = !count;
    this.dot.textContent = count > 9 ? "9+" : String(count || "");
    this.launcher.setAttribute("aria-label", t.open + (count ? t.unread(count) : ""));
  }

  nearEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
  }

  scroll() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}
