const TYPING_MS = 3_000; // how often we say that we write
const STORED_MS = 86_400_000; // a stored message is shown so long while its turn has not come

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
    if (!identity) this.view.unwrite(); // whoever signed out leaves nothing half written
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
    return `after=${this.last}${known}&queue=${this.turn}&online=${Number(this.view.online)}`;
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
      online: (told) => this.view.staffed(told.online),
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
      this.noted = { id, note: this.view.tell(t.left) };
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
    // What was left is stored before it is in the log: then it stands there, and what was said of it below.
    if (frame.client_id && frame.client_id === this.noted?.id) this.view.place(this.noted.note);
    this.seen();
  }

  wasSeen({ seq }) {
    if (seq <= this.shown) return;
    this.shown = seq;
    this.view.seen(seq);
    this.view.here();
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
