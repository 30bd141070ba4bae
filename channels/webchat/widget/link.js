const IDLE = 4408; // close code: nothing happened for long; come back with the visitor
const ANSWER_MS = 10_000; // the server answers within this, or the connection is dead
const PING_MS = 40_000;
const POLLS_BEFORE_SOCKET = 10;

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
      if (answer.online !== undefined) this.hear(run, { type: "online", online: answer.online });
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
