// The way to the server: requests, and the live line that resumes where it stopped.
import { say, t } from "./dom.js";

export class Refused extends Error {
  constructor(status, problem) {
    super(say(problem.message));
    this.status = status;
    this.code = problem.code;
    this.field = problem.field;
  }
}

/** One request; resolves to its JSON (null for none), or throws Refused. ``signal`` ends it early. */
export function call(method, path, body, signal) {
  return body === undefined
    ? asked(method, path)
    : asked(method, path, JSON.stringify(body), "application/json", signal);
}

/** What was said in a conversation, all of it, however many pages that are; with what the first one tells. */
export async function whole(path) {
  const told = await call("GET", path);
  for (let next = told.next_after; next !== null;) {
    const more = await call("GET", `${path}?after=${next}`);
    told.messages.push(...more.messages);
    next = more.next_after;
  }
  return told;
}

/** A file as it is; resolves and throws as call does. */
export function put(path, file) {
  return asked("POST", path, file, file.type || "application/octet-stream");
}

async function asked(method, path, body, type, signal) {
  const options = { method, headers: { "X-Shouli-Desk": "1" }, credentials: "same-origin", body, signal };
  if (type) options.headers["Content-Type"] = type;
  let response;
  try {
    response = await fetch(`/api/v1${path}`, options);
  } catch {
    throw new Refused(0, { code: "offline", message: t("error.offline") });
  }
  const text = await response.text();
  let content = null;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    // A proxy in between answered with a page of its own.
  }
  if (!response.ok) {
    throw new Refused(response.status, content?.message ? content : { code: "offline", message: t("error.offline") });
  }
  return content;
}

/** An idempotency key; crypto.randomUUID exists only on secure origins. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/**
 * Posts what people would see twice if it were made twice. ``key`` is an object that the caller keeps
 * with what is being written: until it is stored, trying again makes no second.
 */
export async function make(path, body, key) {
  key.id ??= newId();
  try {
    const made = await call("POST", path, { ...body, client_id: key.id });
    key.id = newId();
    return made;
  } catch (refused) {
    if (refused.code !== "conflict" || !refused.message.includes("client_id")) throw refused;
    // What was sent before did arrive, and its answer was lost; this one was written anew since.
    key.id = newId();
    throw new Refused(refused.status, { code: refused.code, message: t("make.other") });
  }
}

const SILENT = 60_000; // The server pings every 25 s.
const LONGEST = 15_000;

/** The live line. Tells onEvents each event once, onSnapshot when everything must be read. */
export class Line {
  constructor(heard) {
    Object.assign(this, heard); // onEvents, onSnapshot, onWaiting, onTyping, onState, onSignedOut
    this.lastSeq = 0;
    this.failures = 0;
    this.stopped = false;
    this.cut = () => {
      this.onState(false); // the socket would seem alive for a minute yet, and closes when it likes
      this.socket?.close();
    };
    this.hurry = () => this.socket?.readyState !== WebSocket.OPEN && this.open();
  }

  start() {
    window.addEventListener("online", this.hurry);
    window.addEventListener("offline", this.cut);
    this.open();
  }

  stop() {
    this.stopped = true;
    window.removeEventListener("online", this.hurry);
    window.removeEventListener("offline", this.cut);
    clearTimeout(this.again);
    clearTimeout(this.watch);
    this.socket?.close();
  }

  open() {
    clearTimeout(this.again);
    if (this.stopped || this.socket?.readyState === WebSocket.CONNECTING) return;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/ws`);
    this.socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "hello", last_seq: this.lastSeq }));
      this.listenFor(socket);
    };
    socket.onmessage = (message) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      this.listenFor(socket);
      this.hear(socket, JSON.parse(message.data));
    };
    socket.onclose = (closing) => this.closed(socket, closing.code);
  }

  listenFor(socket) {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => socket.close(), SILENT);
  }

  hear(socket, frame) {
    this.failures = 0;
    this.onState(true);
    if (frame.type === "snapshot") {
      this.lastSeq = frame.last_seq;
      this.onSnapshot();
    } else if (frame.type === "events") {
      const fresh = frame.events.filter((event) => event.seq > this.lastSeq);
      if (!fresh.length) return;
      this.lastSeq = fresh[fresh.length - 1].seq;
      this.onEvents(fresh);
    } else if (frame.type === "waiting") {
      this.onWaiting(frame.waiting);
    } else if (frame.type === "typing") {
      this.onTyping(frame.conversation_id);
    } else if (frame.type === "ping") {
      this.lastSeq = Math.max(this.lastSeq, frame.last_seq);
      socket.send('{"type":"pong"}');
    }
  }

  closed(socket, code) {
    if (socket !== this.socket || this.stopped) return;
    clearTimeout(this.watch);
    this.onState(false);
    if (code === 4401) {
      this.onSignedOut();
      return;
    }
    const pause = Math.min(LONGEST, 500 * 2 ** this.failures++) * (0.5 + Math.random() / 2);
    this.again = setTimeout(() => this.open(), pause);
    // A session that ended meanwhile refuses the socket without saying why: ask.
    if (this.failures > 1) call("GET", "/me").catch((error) => error.status === 401 && this.onSignedOut());
  }
}
