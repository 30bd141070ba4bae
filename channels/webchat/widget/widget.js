/* Shouli webchat. Embed it with one line:
 * <script src="https://chat.example.com/webchat/widget.js" data-lang="zh" data-title="在线客服" async></script>
 * data-lang: zh (default) or en. data-title: the panel's heading. data-open: opened on wide screens.
 * data-identity: the token of a visitor who is signed in. widget.js?site=…: another of several sites.
 * Protocol: docs/channels/webchat.md. No cookies, nothing from third parties.
 */
(() => {
  "use strict";

  const STYLE = "@widget.css"; // the server puts the style sheet here
  const LOOKS = "@looks"; // … and the site's title, greeting and colour here
  const script = document.currentScript;
  const root = new URL(".", script.src).href;
  const site = new URL(script.src).searchParams.get("site");
  const lang = (script.dataset.lang || "zh").toLowerCase().startsWith("en") ? "en" : "zh";

  const TEXTS = {
    zh: {
      title: "在线客服", open: "打开在线客服", close: "收起", unread: (n) => `，${n} 条未读`,
      greeting: "您好！请直接描述您的问题，消息收到后会显示 ✓。",
      placeholder: "请输入消息", send: "发送", hint: "回车发送，Shift + 回车换行",
      connecting: "正在连接…", connected: "已连接", lost: "连接中断，正在重连…", idle: "已休眠，发消息即恢复",
      sending: "发送中…", waiting: "等待重发…", stored: "✓ 已收到", me: "我", us: "客服", auto: "自动消息",
      ticket: "工单号", accepted: (n) => `已受理，工单号 ${n}`,
      too_long: (n) => `最多 ${n} 字，请分几条发送`,
      failed: { too_long: "太长，未发送", empty: "没有内容，未发送", origin: "本网站未获准使用在线客服" },
      refused: "未发送，请重新输入",
      read: "已读", choices: "请选择", typing: "客服正在输入…", attach: "发送文件", file: (n) => `${n} 上传中…`, drop: (n) => `去掉 ${n}`,
      big: (n) => `文件最大 ${n} MB`, lost_file: (n) => `${n} 没有上传成功，请重试`, signed: "登录已过期，请刷新页面",
      away: "现在没有客服在线。您可以直接留言，也可以留下联系方式，我们会尽快答复。", leave: "留下联系方式",
      email: "邮箱", phone: "电话", or: "填一项即可", what: "您的问题", submit: "提交", back: "返回",
      left: "已记下，我们会尽快与您联系。", which: "请填写邮箱或电话", wrong: "请检查格式",
      next: "下一位就是您", turn: (n) => `排在第 ${n} 位`,
      wait: (n) => (n ? `，预计 ${n} 分钟左右` : "，等多久暂时说不准"),
      end: "结束对话", ended: "对话已结束。再发消息就会继续。", mail: "把对话记录寄给我",
      mailed: (n) => `对话记录将寄到 ${n}`, nothing: "客服答复之后才能寄出记录", rate: "今天寄的次数已满",
    },
    en: {
      title: "Chat with us", open: "Open the chat", close: "Close", unread: (n) => `, ${n} unread`,
      greeting: "Hello! Tell us what it is about. A ✓ shows that we have your message.",
      placeholder: "Write a message", send: "Send", hint: "Enter sends, Shift + Enter breaks the line",
      connecting: "Connecting…", connected: "Connected", lost: "Connection lost, reconnecting…",
      idle: "Asleep; write to wake it",
      sending: "Sending…", waiting: "Waiting to resend…", stored: "✓ Received", me: "Me", us: "Agent",
      auto: "Automatic",
      ticket: "Ticket", accepted: (n) => `We are on it: ticket ${n}`,
      too_long: (n) => `At most ${n} characters; send it in parts`,
      failed: { too_long: "Too long, not sent", empty: "Empty, not sent", origin: "This site may not use the chat" },
      refused: "Not sent; please write it again",
      read: "Read", choices: "Choose one", typing: "The agent is writing…", attach: "Send a file", file: (n) => `Uploading ${n}…`, drop: (n) => `Remove ${n}`,
      big: (n) => `Files are at most ${n} MB`, lost_file: (n) => `${n} was not uploaded; try again`, signed: "Your sign-in has expired; reload the page",
      away: "Nobody is online just now. Write anyway, or leave an address and we will get back to you.", leave: "Leave an address",
      email: "E-mail", phone: "Telephone", or: "One of them will do", what: "Your question", submit: "Submit", back: "Back",
      left: "Noted. We will get back to you.", which: "Give a mail address or a telephone number", wrong: "Please check it",
      next: "You are next", turn: (n) => `You are number ${n} in the queue`,
      wait: (n) => (n ? `, about ${n} min` : "; how long is not known yet"),
      end: "End the chat", ended: "The chat has ended. Write again to go on.", mail: "Mail me the transcript",
      mailed: (n) => `The transcript goes to ${n}`, nothing: "There is a transcript once an agent has answered", rate: "No more transcripts today",
    },
  };
  const t = TEXTS[lang];

  const IDLE = 4408; // close code: nothing happened for long; come back with the visitor
  const ANSWER_MS = 10_000; // the server answers within this, or the connection is dead
  const PING_MS = 40_000;
  const POLLS_BEFORE_SOCKET = 10;
  const TYPING_MS = 3_000; // how often we say that we write
  const TYPED_MS = 5_000; // how long we believe that the other side does
  const STORED_MS = 86_400_000; // a stored message is shown so long while its turn has not come

  /** What survives a reload. Without storage (private windows) it lives as long as the page. */
  class Memory {
    constructor() {
      this.prefix = `shouli ${root} ${site ? `${site} ` : ""}`;
      try {
        this.store = window.localStorage;
        this.store.getItem(this.prefix);
      } catch {
        this.store = null;
      }
      this.own = new Map();
    }
    get(name) {
      return this.own.get(name) ?? this.store?.getItem(this.prefix + name) ?? null;
    }
    set(name, value) {
      try {
        if (!this.store) throw new Error("no storage");
        this.store.setItem(this.prefix + name, value);
      } catch {
        this.own.set(name, value);
      }
    }
    remove(name) {
      this.own.delete(name);
      this.store?.removeItem(this.prefix + name);
    }
    /** What only this tab remembers; null without a value reads it. */
    tab(name, value = null) {
      try {
        if (value !== null) window.sessionStorage.setItem(this.prefix + name, value);
        return window.sessionStorage.getItem(this.prefix + name);
      } catch {
        return null;
      }
    }
    names(start) {
      const names = [...this.own.keys()];
      for (let i = 0; i < (this.store?.length ?? 0); i++) {
        const key = this.store.key(i);
        if (key.startsWith(this.prefix)) names.push(key.slice(this.prefix.length));
      }
      return names.filter((name) => name.startsWith(start));
    }
  }

  /** A random UUID; crypto.randomUUID exists on secure pages only. */
  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  /** The way to the server: a WebSocket, or long polling where none gets through. */
  class Link {
    constructor(chat) {
      this.chat = chat;
      this.failures = 0; // attempts in a row that brought no welcome
      this.run = 0; // grows with every attempt, so that late callbacks know they are late
      this.up = false;
    }

    start() {
      if (!this.run) this.open();
    }

    /** Tries again at once: the network or the visitor is back. */
    kick() {
      if (this.run && !this.up && !this.busy) this.open();
    }

    /** Gives up a connection that does not answer. */
    reset() {
      if (this.up) this.lost(this.run);
    }

    open() {
      clearTimeout(this.timer);
      const run = ++this.run;
      this.busy = true;
      if (this.failures >= 2 && this.failures % 2 === 0) this.poll(run);
      else this.socket(run);
    }

    socket(run) {
      let ws;
      try {
        ws = new WebSocket(root.replace(/^http/, "ws") + "ws");
      } catch {
        this.lost(run);
        return;
      }
      this.ws = ws;
      this.expect(run);
      ws.onopen = () => ws.send(JSON.stringify(this.chat.hello()));
      ws.onmessage = (message) => run === this.run && this.hear(run, JSON.parse(message.data));
      ws.onclose = (event) => (event.code === IDLE ? this.sleep(run) : this.lost(run));
    }

    hear(run, frame) {
      clearTimeout(this.dead);
      clearTimeout(this.quiet);
      if (frame.type === "welcome") this.welcome();
      this.chat.hear(frame);
      if (!this.up || !this.ws) return;
      if (this.chat.flying.size) this.expect(run);
      else this.quiet = setTimeout(() => this.ping(run), PING_MS);
    }

    welcome() {
      this.busy = false;
      this.up = true;
      if (this.ws) this.failures = 0;
    }

    ping(run) {
      if (run !== this.run || !this.ws) return;
      this.ws.send('{"type":"ping"}');
      this.expect(run);
    }

    expect(run) {
      clearTimeout(this.dead);
      this.dead = setTimeout(() => this.lost(run), ANSWER_MS);
    }

    sleep(run) {
      if (run !== this.run) return;
      this.drop();
      this.chat.state("idle");
      this.timer = setTimeout(() => this.open(), 240_000 + Math.random() * 120_000);
    }

    lost(run) {
      if (run !== this.run) return;
      if (!this.up) this.failures++;
      this.drop();
      this.chat.state("lost");
      // Full jitter: when the server restarts, all visitors come back, but not at once.
      const most = Math.min(30_000, 2_000 * 2 ** Math.min(this.failures, 5));
      this.timer = setTimeout(() => this.open(), 200 + Math.random() * most);
    }

    drop() {
      this.run++;
      this.up = this.busy = false;
      clearTimeout(this.dead);
      clearTimeout(this.quiet);
      this.ws?.close();
      this.ws = null;
      this.abort?.abort();
    }

    async poll(run) {
      this.abort = new AbortController();
      try {
        this.take(run, await this.request("session", this.chat.hello()));
        for (let polls = 0; run === this.run && polls < POLLS_BEFORE_SOCKET; polls++) {
          this.take(run, await this.request(`messages?${this.chat.wants()}`));
        }
        if (run !== this.run) return;
        this.drop();
        this.failures = 1; // Sockets may pass by now; if not, the next attempt polls again.
        this.open();
      } catch {
        this.lost(run);
      }
    }

    take(run, answer) {
      if (run !== this.run) return;
      if (answer.type === "events") {
        for (const event of answer.events) this.hear(run, event);
        if (answer.ticket) this.hear(run, { type: "ticket", number: answer.ticket });
        if (answer.seen) this.hear(run, { type: "seen", seq: answer.seen });
        if (answer.queue) this.hear(run, { type: "queue", ...answer.queue });
      } else {
        this.hear(run, answer);
      }
      if (answer.type === "error") throw new Error(answer.code);
    }

    async request(path, frame) {
      const type = frame && "application/json";
      const response = await this.fetch(path, frame && JSON.stringify(frame), type, this.abort.signal);
      return response.status === 204 ? {} : response.json();
    }

    fetch(path, body, type, signal) {
      const token = this.chat.identity ?? this.chat.token;
      const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(type && { "Content-Type": type }) };
      const where = site ? `${path}${path.includes("?") ? "&" : "?"}site=${encodeURIComponent(site)}` : path;
      return fetch(root + where, {
        method: body === undefined ? "GET" : "POST", body, headers, signal, credentials: "omit", cache: "no-store",
      });
    }

    /** Says no more until the page brings another identity. */
    stop() {
      clearTimeout(this.timer);
      this.drop();
      clearTimeout(this.timer);
    }

    send(frame) {
      if (!this.up) return this.kick();
      if (this.ws) {
        this.ws.send(JSON.stringify(frame));
        if (frame.client_id) this.expect(this.run);
        return;
      }
      if (frame.type === "typing") return; // not worth a request
      const run = this.run;
      const path = frame.client_id ? "messages" : frame.type === "read" ? "read" : "wish";
      this.request(path, frame).then(
        (answer) => {
          const client_id = answer.client_id ?? frame.client_id;
          if (run === this.run && answer.type) this.hear(run, { ...answer, client_id });
        },
        () => this.lost(run),
      );
    }
  }

  /** The conversation: what is shown, what is on its way, and what was seen. */
  class Chat {
    constructor() {
      this.memory = new Memory();
      this.token = this.memory.get("token");
      this.identity = script.dataset.identity || null;
      this.last = 0;
      this.shown = 0; // the last seq of ours that an agent has seen
      this.most = 0; // bytes of a file
      this.read = Number(this.memory.get("read") || 0);
      this.told = 0; // the last seq that the server knows we have seen
      this.unread = 0;
      this.ticket = null;
      this.turn = "0-0"; // position and expected seconds
      this.maxText = 4000;
      this.out = new Map(); // client_id → message that is not in the log yet
      this.flying = new Set(); // those of them that the server owes an answer
      this.view = new View(this);
      this.link = new Link(this);
      for (const name of this.memory.names("out ")) this.restore(name);
      if (this.token || this.identity || this.out.size) this.link.start();
    }

    /** The page signs its visitor in (a token), or out (null). */
    identify(identity) {
      if (identity === this.identity) return;
      this.identity = identity;
      this.link.stop();
      this.forget(this.token);
      this.link.open();
    }

    restore(name) {
      try {
        const saved = JSON.parse(this.memory.get(name));
        if (saved.stored && Date.now() - saved.at > STORED_MS) throw new Error("old");
        this.out.set(name.slice(4), saved);
      } catch {
        this.memory.remove(name);
        return;
      }
      const ordered = [...this.out].sort((a, b) => a[1].at - b[1].at);
      this.out = new Map(ordered);
      this.view.pending(this.out);
    }

    opened() {
      this.link.start();
      this.seen();
    }

    hello() {
      const token = this.memory.get("token");
      if (token !== this.token) this.forget(token); // another tab has begun a new session
      const page = /^https?:/.test(location.href) ? location.origin + location.pathname : null;
      return {
        type: "hello", version: 1, last_seq: this.last, lang,
        ...(this.token && { token: this.token }), ...(site && { site }),
        ...(this.identity && { identity: this.identity }),
        ...(page ? { page: page.slice(0, 500) } : {}),
      };
    }

    wants() {
      const known = this.ticket ? `&ticket=${this.ticket}` : "";
      return `after=${this.last}${known}&queue=${this.turn}`;
    }

    forget(token) {
      this.token = token;
      this.last = this.read = this.told = this.shown = 0;
      this.ticket = null;
      this.memory.remove("read");
      this.view.clear();
      for (const [id, message] of this.out) if (message.stored) this.settle(id);
    }

    state(name) {
      this.view.status(name);
    }

    turned({ position, wait }) {
      this.turn = `${position}-${wait ?? 0}`;
      this.view.turn(position, wait);
    }

    say(text, files = [], choice = null) {
      const id = uuid();
      const message = { text, at: Date.now(), stored: false, files, ...(choice && { choice }) };
      this.out.set(id, message);
      this.keep(id, message);
      this.view.pending(this.out);
      this.send(id);
    }

    settle(id) {
      this.flying.delete(id);
      this.memory.remove(`out ${id}`);
      return this.out.delete(id);
    }

    keep(id, message) {
      this.memory.set(`out ${id}`, JSON.stringify(message));
    }

    send(id) {
      const message = this.out.get(id);
      if (!message || message.stored) return;
      this.view.mark(id, "sending");
      if (this.link.up) this.flying.add(id);
      if (message.contact) return this.link.send({ ...message.contact, client_id: id });
      const files = (message.files ?? []).map((file) => file.id);
      const { text, choice } = message;
      this.link.send({ type: "msg", client_id: id, text, ...(files.length && { files }), ...(choice && { choice }) });
    }

    /** Leaves an address or a number: stored like a message, and resent like one. */
    leave(contact) {
      const id = uuid();
      const message = { text: contact.text, at: Date.now(), stored: false, contact: { type: "contact", ...contact } };
      this.out.set(id, message);
      this.keep(id, message);
      this.send(id);
    }

    async upload(file) {
      const path = `files?name=${encodeURIComponent(file.name)}`;
      const answer = await (await this.link.fetch(path, file, file.type || "application/octet-stream")).json();
      if (answer.type !== "file") throw new Error(answer.code);
      return answer;
    }

    typing() {
      const now = Date.now();
      if (!this.link.up || now - (this.typed ?? 0) < TYPING_MS) return;
      this.typed = now;
      this.link.send({ type: "typing" });
    }

    hear(frame) {
      this.flying.delete(frame.client_id);
      const handler = {
        welcome: this.welcome, ack: this.acknowledged, retry: this.retry, error: this.error,
        event: this.event, ticket: this.queued, seen: this.wasSeen, queue: this.turned,
        typing: () => this.view.typing(), ended: () => this.view.ended(),
        transcript: () => this.view.tell(t.mailed(frame.email)),
      }[frame.type];
      handler?.call(this, frame);
    }

    welcome(frame) {
      if (frame.token !== this.token) {
        this.token = frame.token;
        this.memory.set("token", frame.token);
      }
      this.maxText = frame.max_text;
      this.most = frame.files;
      this.shown = frame.seen;
      this.view.service(frame);
      this.last = Math.min(this.last, frame.last_seq);
      this.ticket = frame.ticket ?? null;
      this.turned({ position: 0, wait: null }); // what is so now is told after this
      this.view.history(this.last ? 0 : frame.last_seq);
      this.view.status("connected");
      this.flying.clear();
      for (const id of this.out.keys()) this.send(id);
    }

    acknowledged({ client_id: id }) {
      const message = this.out.get(id);
      if (!message) return;
      if (message.contact) {
        this.settle(id);
        this.view.tell(t.left);
        return;
      }
      message.stored = true;
      this.keep(id, message);
      this.view.mark(id, "stored");
    }

    retry({ client_id: id, after }) {
      this.view.mark(id, "waiting");
      setTimeout(() => this.send(id), after * 1000 + Math.random() * 500);
    }

    error(frame) {
      const { code, client_id: id, retry_after: after } = frame;
      if (code === "identity" || code === "expired") {
        this.link.stop();
        this.view.tell(t.signed);
        document.dispatchEvent(new CustomEvent("shouli:expired", { detail: code }));
      } else if (code === "nothing" || (code === "rate" && after > 600)) {
        this.view.tell(t[code]);
      } else if (code === "session") {
        this.memory.remove("token");
        this.forget(null);
        this.link.reset();
      } else if (id && after) {
        this.retry({ client_id: id, after });
      } else if (id) {
        if (this.out.get(id)?.contact) this.view.tell(t.wrong);
        this.settle(id);
        this.view.fail(id, t.failed[code] ?? t.refused);
      } else if (after) {
        setTimeout(() => this.seen(), after * 1000);
      }
    }

    event(frame) {
      if (frame.seq <= this.last) return; // shown before
      this.last = frame.seq;
      if (frame.client_id) this.settle(frame.client_id);
      if (frame.from === "us" && frame.seq > this.read) this.unread++;
      this.view.show(frame);
      this.seen();
    }

    wasSeen({ seq }) {
      this.shown = Math.max(this.shown, seq);
      this.view.seen(this.shown);
    }

    queued({ number }) {
      const news = number !== this.ticket;
      this.ticket = number;
      this.view.ticket(number, news);
    }

    /** Tells that the answers have been shown, once they really are in sight. */
    seen() {
      if (!this.view.inSight()) return this.view.badge(this.unread);
      this.view.badge((this.unread = 0));
      if (this.last > this.read) {
        this.read = this.last;
        this.memory.set("read", String(this.read));
      }
      if (this.read > this.told && this.link.up) {
        clearTimeout(this.telling);
        this.telling = setTimeout(() => {
          this.told = this.read;
          this.link.send({ type: "read", seq: this.told });
        }, 300);
      }
    }
  }

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
      this.field = element("textarea", { id: "text", rows: "1", placeholder: t.placeholder, "aria-label": t.placeholder, "aria-describedby": "hint", enterkeyhint: "send" });
      this.field.addEventListener("keydown", (event) => this.key(event));
      this.field.addEventListener("input", () => {
        this.fit();
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
      this.away = element("div", { class: "away", hidden: "" }, element("p", {}, t.away), this.link(t.leave, () => this.askContact()));
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
      this.away.hidden = frame.online;
      this.mails = frame.mail;
      this.finish.hidden = !frame.last_seq;
    }

    // -- files ----------------------------------------------------------------------

    async attach(files) {
      for (const file of files) {
        if (!this.chat.most || this.files.length >= 5) return;
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
        } catch {
          this.unattach(entry, chip);
          this.warn(t.lost_file(file.name));
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

    /** Shows a small form; submit gets its values and says what is wrong, or nothing. */
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
        const values = Object.fromEntries(inputs.map(([name, , input]) => [name, input.value.trim()]));
        const wrong = form.checkValidity() ? submit(values) : t.wrong;
        this.warn(wrong || "");
        if (!wrong) this.closeSheet();
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
      const fields = [["phone", "tel", `${t.phone} (${t.or})`], ["text", "area", t.what]];
      if (this.mails) fields.unshift(["email", "email", t.email]);
      this.ask(t.leave, fields, ({ email, phone, text }) => {
        if (!email && !phone) return t.which;
        if (phone && !/^[0-9+() -]{5,24}$/.test(phone)) return t.wrong;
        this.chat.leave({ text, ...(email && { email }), ...(phone && { phone }) });
      });
    }

    ended() {
      this.tell(t.ended);
      if (!this.mails) return;
      this.ask(t.mail, [["email", "email", t.email]], ({ email }) => {
        if (!email) return t.wrong;
        this.chat.link.send({ type: "transcript", email, offset: new Date().getTimezoneOffset() });
      });
    }

    tell(text) {
      this.place(element("li", { class: "note" }, text));
      this.scroll();
    }

    typing() {
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
      if ((!text && !this.files.length) || long || !ready) return;
      this.field.value = "";
      this.fit();
      const files = this.files.map(({ id, name, size }) => ({ id, name, size }));
      this.files = [];
      this.chips.replaceChildren();
      this.chips.hidden = true;
      this.chat.say(text, files);
      this.field.focus({ preventScroll: true });
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

    file({ name, size, url }) {
      const kb = `${size < 1048576 ? Math.max(1, Math.round(size / 1024)) + " KB" : (size / 1048576).toFixed(1) + " MB"}`;
      const content = [icon(CLIP), element("span", {}, name), element("small", {}, kb)];
      return url
        ? element("a", { class: "file", href: root + url, download: name, rel: "noreferrer" }, ...content)
        : element("span", { class: "file" }, ...content);
    }

    turn(position, wait) {
      this.queue.hidden = !position;
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

  function begin() {
    const chat = new Chat();
    window.ShouliChat = Object.freeze({ identify: (token) => chat.identify(token), open: () => chat.view.toggle(true) });
    const left = chat.memory.tab("open");
    const inviting = left === null && "open" in script.dataset && window.innerWidth > 900;
    if (left === "yes" || inviting) chat.view.toggle(true, false);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
