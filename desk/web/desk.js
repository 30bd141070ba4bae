// The desk: what is known, and what happens when something new becomes known.
import { makeAudit } from "./audit.js";
import { makeBoard } from "./board.js";
import { makeBundles } from "./bundles.js";
import { h, has, lang, languageName, notice, say, setNow, show, speak, switchLanguage, t, tick } from "./dom.js";
import { call, Line, whole } from "./door.js";
import { makeFacts } from "./facts.js";
import { makeFigures } from "./figures.js";
import { countWords } from "./finding.js";
import { unmask } from "./keys.js";
import { makeLedger } from "./ledger.js";
import { changePassword } from "./password.js";
import { goTo, leaveFor, place } from "./place.js";
import { drawQueue, makeQueue, nextOf, readList, stepFrom, title } from "./queue.js";
import { drawShift, makeShift } from "./shift.js";
import { keysButton } from "./shortcuts.js";
import { makeTalk } from "./talk.js";
import { makeTraffic } from "./traffic.js";
import { drawWays, makeWays } from "./ways.js";

const app = document.getElementById("app");

/** Pages beside the tickets, by their names in the address. */
const PAGES = { board: makeBoard, figures: makeFigures, models: makeBundles, traffic: makeTraffic, audit: makeAudit, ledger: makeLedger };

/** Presences that nobody is in for long by their own wish while the desk is open. */
const AWAY = new Set(["offline", "not_responding"]);

/** Where a page says that it is reading, or could not: it has nothing else to show. */
const UNREAD = ":scope > .empty[role=status], .panel > .empty[role=status]:only-child";

const PATIENCE_MS = 250; // doubled each time that the clocks are still behind
const MOST_PATIENCE_MS = 16000;
const RENEW_MS = 3000; // from a change in what was found until it is asked for again
const MOST_FOUND = 100; // of one question, as the server has it

/** What a person is told of at once, by the kind of event that is addressed to them. */
const ALERTS = {
  "incident.alert": (event) => (event.data.drill ? ["incidents.alert.drill", "good"] : ["incidents.alert", "bad"]),
  "follow_up.assigned": () => ["followups.assigned", "good"],
};

export class Desk {
  /** ``signedOut`` is told when the session has ended; ``{ended: false}``: by their own wish. */
  constructor(me, names, signedOut) {
    this.signedOut = (how) => signedOut(this, how);
    this.state = {
      me, names, mine: [], listed: [], waiting: { total: 0, oldest: null },
      tab: "mine", found: null, pages: 1, more: false, unread: true, openId: null, view: null, fresh: new Set(), live: false,
    };
    this.open = this.open.bind(this);
    this.dirty = { queue: false, ticket: false };
    this.line = new Line({
      onEvents: (events) => this.hear(events),
      onSnapshot: () => this.refresh({ queue: true, ticket: true }),
      onWaiting: (waiting) => {
        this.state.waiting = waiting;
        if (this.state.tab !== "mine") this.refresh({ queue: true });
        this.draw();
      },
      onTyping: (conversation) => {
        if (this.state.view?.ticket.conversation_id === conversation) this.talk.typing?.();
      },
      onState: (live) => {
        if (live && !this.state.live && this.state.unread) this.refresh({ queue: true });
        if (live && !this.state.live && this.page?.querySelector(UNREAD)) this.openPage(this.page.shouliName);
        this.state.live = live;
        this.draw();
      },
      onSignedOut: () => this.signedOut(),
    });
    this.build();
    this.line.start();
    this.refresh({ queue: true });
  }

  // -- the frame --------------------------------------------------------------------

  build() {
    const { me, names } = this.state;
    document.documentElement.lang = lang() === "zh" ? "zh-CN" : "en";
    const settable = Object.keys(names.presences).filter((key) => key !== "not_responding");
    this.presence = h("select.presence", {
      "aria-label": t("presence"),
      onchange: () => this.act(async () => {
        this.state.me = await call("PUT", "/me/presence", { presence: this.presence.value });
      }),
    }, settable.map((key) => h("option", { value: key }, say(names.presences[key]))),
    h("option", { value: "not_responding", disabled: true, hidden: true }, say(names.presences.not_responding)));
    this.shift = makeShift(this);
    this.lamp = h("span.lamp", { role: "status" });
    this.load = h("span.load", null);
    this.ways = makeWays(this);
    this.queuePane = makeQueue(this);
    this.rooms = h("main.rooms", { "data-look": this.main?.dataset.look ?? "list" });
    this.main = this.rooms;
    app.replaceChildren(
      h("a.skip", { href: "#talk", onclick: (event) => this.skip(event) }, t("skip")),
      h("header.top", null,
        h("span.brand", null, h("img", { src: "/desk/icon.svg", alt: "", width: "24", height: "24" }), t("brand")),
        this.lamp, this.ways, h("span.spread", null), this.load, this.presence, this.shift, keysButton(),
        h("button.quiet.language", { type: "button", lang: lang() === "zh" ? "en" : "zh-CN", onclick: () => this.translate() }, t("language")),
        h("button.quiet.me", { type: "button", title: t("account.title"), onclick: () => this.act(() => this.changePassword()) }, me.name, h("small", null, say(names.roles[me.role]))),
        h("button.quiet", { type: "button", onclick: () => this.leave() }, t("logout"))),
      this.rooms);
    this.seat();
    if (this.page) this.openPage(this.page.shouliName);
  }

  // -- pages beside the tickets: the board, classifier models --------------------------

  openPage(name) {
    goTo(name);
    this.page?.leave();
    const page = PAGES[name](this);
    page.shouliName = name;
    (this.page?.isConnected ? this.page : this.rooms).replaceWith(page);
    this.page = page;
    drawWays(this.ways, name);
  }

  /** Back to the tickets, to the one that was open. */
  closePage() {
    this.shut();
    goTo(...(this.state.openId ? ["ticket", this.state.openId] : []));
  }

  shut() {
    this.page.leave();
    this.page.replaceWith(this.rooms);
    this.page = null;
    drawWays(this.ways, null);
  }

  /** Puts the panes of the open ticket in their places. */
  seat() {
    if (this.state.openId) {
      this.talk = makeTalk(this, this.state.openId);
      this.facts = makeFacts(this);
    } else {
      this.talk = h("section.talk.nothing", { id: "talk", tabindex: "-1" }, h("p", null, t("empty.talk")));
      this.facts = null;
    }
    const heading = !this.state.openId && h("h1.unseen", null, t("empty.heading"));
    this.rooms.replaceChildren(...[heading, this.queuePane, this.talk, this.facts].filter(Boolean));
    this.draw();
  }

  draw() {
    const { state } = this;
    show(this.lamp, state.live, () => [t(state.live ? "line.on" : "line.off")]);
    this.lamp.classList.toggle("on", state.live);
    this.load.textContent = t("load", state.me);
    this.presence.value = state.me.presence;
    this.presence.dataset.presence = state.me.presence;
    drawShift(this.shift, this);
    drawQueue(this.queuePane, this);
    if (state.view && this.facts) {
      this.talk.draw(state.view);
      this.facts.draw(state.view);
    }
    const offers = state.mine.filter((ticket) => ticket.state === "offered").length;
    document.title = (offers + state.fresh.size ? `(${offers + state.fresh.size}) ` : "") + t("title");
  }

  /** What a narrow page shows: the list, the conversation or the facts. */
  look(room) {
    goTo(...(room === "list" ? [] : ["ticket", this.state.openId, room === "facts" && room]));
    this.turnTo(room);
  }

  turnTo(room) {
    this.rooms.dataset.look = room;
    this.facts?.headed();
    if (room !== "list") this[room]?.querySelector("h1")?.focus();
  }

  /** Past the frame and the list. The address is no place for it: it says which ticket is open. */
  skip(event) {
    event.preventDefault();
    (this.page ?? this.talk.querySelector("h1") ?? this.talk).focus();
  }

  translate() {
    switchLanguage();
    this.build();
  }

  // -- what happens -----------------------------------------------------------------

  hear(events) {
    const { state } = this;
    const conversation = state.view?.ticket.conversation_id;
    const about = (event) => event.ticket_id === state.openId || (conversation && event.conversation_id === conversation);
    for (const event of events) {
      const foreign = event.ticket_id !== state.openId || document.hidden;
      const mine = state.mine.find((ticket) => ticket.id === event.ticket_id);
      if (event.kind === "message.in" && mine && foreign) {
        state.fresh.add(event.ticket_id);
        speak(t("new.message"));
      }
      if (event.kind === "envelope.parked" && state.me.role === "admin") {
        notice(t("parked.alert"), "bad");
        speak(t("parked.alert"));
      }
      if (event.kind === "conversation.ended" && mine) notice(t(event.data.silent ? "chat.ended.silent" : "chat.ended", { title: title(mine) }));
      if (event.kind === "agent.overstayed" && event.agent_id === state.me.id) notice(t("presence.overstayed"));
      if (event.agent_id === state.me.id && ALERTS[event.kind]) {
        const [words, kind] = ALERTS[event.kind](event);
        notice(t(words), kind);
        speak(t(words));
      }
      if (event.kind === "ticket.assigned" && event.data.owner === state.me.id && !event.data.retaken) {
        this.arriving = event.data.state === "offered" ? "new.offer" : "new.ticket";
        this.arrived = event.ticket_id;
      }
    }
    this.renewFound(events);
    this.page?.hear?.(events);
    this.refresh({ queue: true, ticket: events.some(about) });
  }

  /** Reads again what may have changed; many wishes within a moment are one request. */
  refresh(wanted) {
    for (const part in wanted) this.dirty[part] ||= wanted[part];
    this.timer ??= setTimeout(async () => {
      const dirty = this.dirty;
      this.dirty = { queue: false, ticket: false };
      try {
        await Promise.all([dirty.queue && this.readQueue(), dirty.ticket && this.readTicket()]);
      } catch (error) {
        this.complain(error);
      } finally {
        this.timer = undefined;
      }
      this.draw();
      if (this.dirty.queue || this.dirty.ticket) this.refresh({});
    }, 60);
  }

  async readQueue() {
    const { state } = this;
    const before = state.waiting;
    const [queue, me] = await Promise.all([call("GET", "/queue"), call("GET", "/me")]);
    setNow(queue.now);
    this.tellIfAway(me);
    Object.assign(state, { mine: queue.tickets, me, counted: true });
    // What the live line said meanwhile is newer than this answer.
    if (state.waiting === before) state.waiting = queue.waiting;
    const { tab } = state;
    const list = await readList(state);
    if (state.tab === tab) Object.assign(state, list, { unread: false }); // else another one was asked for since
    this.announce();
  }

  /** Whom the system set aside while the line was cut, or an offer ran out, waits in vain: they are told. */
  tellIfAway({ presence }) {
    if (presence === this.presence.value || !AWAY.has(presence)) return;
    const text = t("presence.away", { presence: say(this.state.names.presences[presence]) });
    notice(text, "bad");
    speak(text);
  }

  announce() {
    const arrived = this.state.mine.find((ticket) => ticket.id === this.arrived);
    if (!arrived) return;
    const text = t(this.arriving, { title: title(arrived) });
    notice(text);
    speak(text);
    if (arrived.id !== this.state.openId) this.state.fresh.add(arrived.id);
    this.arrived = null;
  }

  async readTicket() {
    const { openId } = this.state;
    if (!openId) return;
    const view = await whole(`/tickets/${openId}`);
    view.messages = view.messages.map(unmask);
    if (this.state.openId !== openId) return;
    this.state.view = view;
    this.renew(view.ticket);
    this.waitForClocks(view.clocks_behind);
  }

  /** What was found says of this ticket what is so now; words of it that stand in a list stay as they are. */
  renew(ticket) {
    const { state } = this;
    const { opening, preview, customer, unanswered_since, next_answer_due_at, ...now } = ticket;
    if (state.tab === "found") state.listed = state.listed.map((each) => (each.id === ticket.id ? { ...each, ...now } : each));
  }

  /** What other people do with tickets that were found is asked for again, not with each event. */
  renewFound(events) {
    const { state } = this;
    const concerned = (event) => event.ticket_id !== state.openId && state.listed.some((each) => each.id === event.ticket_id);
    if (state.tab !== "found" || this.renewing || !events.some(concerned)) return;
    this.renewing = setTimeout(() => {
      this.renewing = null;
      this.act(() => this.findAgain(), { quiet: true });
    }, RENEW_MS);
  }

  /** The same tickets in the same order, as they are now. */
  async findAgain() {
    const { state } = this;
    const asked = state.found;
    if (!asked || asked.looks) return;
    const { found } = await call("POST", "/search", { text: asked.text, limit: Math.min(Math.max(state.listed.length, 1), MOST_FOUND) });
    if (state.found !== asked) return;
    found.forEach(({ ticket }) => this.renew(ticket));
    this.draw();
  }

  /** The clocks follow what has happened a moment later, and nobody is told: asks again until they have. */
  waitForClocks(behind) {
    clearTimeout(this.clocks);
    this.patience = behind ? Math.min(2 * (this.patience || PATIENCE_MS), MOST_PATIENCE_MS) : 0;
    if (behind) this.clocks = setTimeout(() => this.refresh({ ticket: true }), this.patience);
  }

  /** Opens a ticket, whatever page is open; ``room``: what a narrow page shows of it. */
  open(ticketId, room = "talk") {
    return (this.opening = this.bring(ticketId, room));
  }

  async bring(ticketId, room) {
    if (this.page) this.shut();
    goTo("ticket", ticketId, room === "facts" && room);
    this.state.fresh.delete(ticketId);
    this.put(ticketId);
    this.turnTo(room);
    await this.act(() => this.readTicket(), { quiet: true });
    this.draw();
    if (this.state.openId !== ticketId) return;
    if (!this.state.view) this.talk.unread();
    if (this.rooms.dataset.look === room) this.turnTo(room); // else they went back to the list meanwhile
  }

  /** On to what is to be answered next; ``done`` is a ticket that was. Stays where nothing is. */
  next(done = null) {
    const ticket = nextOf(this.state, done);
    if (ticket) return this.open(ticket.id);
  }

  /** To the next ticket (1) of the list that is shown, or to the one before (-1). */
  step(by) {
    const ticket = stepFrom(this.state, by);
    if (ticket) return this.open(ticket.id);
  }

  /** This ticket is open from now on; null for none. */
  put(ticketId) {
    if (!ticketId && !this.state.openId) return;
    Object.assign(this.state, { openId: ticketId, view: null });
    this.seat();
  }

  /** Goes to where the address says: at the beginning, and by Back and Forward. */
  arrive() {
    const { page, ticket, room } = place();
    if (Object.hasOwn(PAGES, page)) return this.openPage(page);
    if (this.page) this.shut();
    if (ticket && ticket !== this.state.openId) return this.open(ticket, room);
    if (!ticket) this.put(null);
    this.turnTo(room);
  }

  /** The tab is looked at again: what is in sight is not new, and a line that fell asleep is woken. */
  cameBack() {
    this.state.fresh.delete(this.state.openId);
    this.line.hurry();
    tick();
    this.refresh({ queue: true, ticket: true });
    this.draw();
  }

  chooseTab(tab) {
    Object.assign(this.state, { tab, listed: [], found: null, pages: 1, more: false, unread: true });
    this.draw();
    this.refresh({ queue: true });
  }

  showMore() {
    if (this.state.tab === "found") return this.find(this.state.found.before);
    this.state.pages += 1;
    this.refresh({ queue: true });
  }

  /** Lists what is found by ``text``; nothing asked is the list of before again. */
  search(text) {
    const { tab, found } = this.state;
    const back = tab === "found" ? found.back : tab;
    if (!text) return tab === "found" && this.chooseTab(back);
    Object.assign(this.state, { tab: "found", listed: [], more: false, found: { text, back, looks: true } });
    return this.find();
  }

  /** Looks once, and not again with everything that happens: the list stays where it is read. */
  async find(before = null) {
    const { state } = this;
    const { text } = state.found;
    state.found = { ...state.found, looks: true };
    this.draw();
    const asked = state.found;
    try {
      const { found, ...told } = await call("POST", "/search", { text, before });
      if (state.found !== asked) return; // another one was asked for since
      state.listed = [...state.listed, ...found.map(({ ticket, ...how }) => ({ ...ticket, ...how }))];
      Object.assign(state, { more: told.before !== null, found: { ...asked, ...told, looks: false } });
      if (state.listed.length) speak(countWords(state)); // the focus stays in the box
    } catch (error) {
      if (state.found === asked) state.found = { ...asked, looks: false, trouble: error.message };
      if (error.status === 401) this.complain(error);
      if (error.status === undefined) throw error;
    } finally {
      this.draw();
    }
  }

  /** Does something, shows what went wrong, and reads again what may have changed. */
  async act(work, { quiet = false } = {}) {
    try {
      await work();
    } catch (error) {
      this.complain(error);
    }
    if (!quiet) this.refresh({ queue: true, ticket: true });
  }

  complain(error) {
    if (error.status === 401) this.signedOut();
    else if (error.code === "second_factor_due" || error.code === "password_due") location.reload(); // their role has changed, or the house asks for it now
    else if (error.status === 404 && error.code === "not_found" && this.state.openId) this.close(error);
    else notice(error.message, "bad");
    if (error.status === undefined) throw error;
  }

  /** The open ticket is none of ours any more. */
  close(error) {
    notice(error.message, "bad");
    leaveFor();
    this.put(null);
    this.turnTo("list");
  }

  skillName(skill) {
    const [facet, value] = skill.split(/:(.*)/s);
    if (value === undefined) return has(`skill.${skill}`) ? t(`skill.${skill}`) : skill;
    if (facet === "lang") return t("skill.lang", { name: languageName(value) });
    if (facet === "dept") return t("skill.dept", { name: this.departmentName(value) });
    if (has(`skill.${facet}`)) return t(`skill.${facet}`, { name: value });
    const spec = this.state.names.facets.find((found) => found.facet === facet);
    const named = spec?.classes.find((choice) => choice.value === value);
    return named ? t("skill.named", { facet: say(spec.name), name: say(named.name) }) : skill;
  }

  departmentName(department) {
    const found = this.state.names.departments.find((one) => one.department === department);
    return found ? say(found.name) : department;
  }

  className(facet, value) {
    const spec = this.state.names.facets.find((found) => found.facet === facet);
    const found = spec?.classes.find((choice) => choice.value === value);
    return found ? say(found.name) : value;
  }

  async changePassword() {
    if (await changePassword(this)) this.signedOut();
  }

  /** Nothing of it goes on by itself. */
  stop() {
    this.line.stop();
    clearTimeout(this.clocks);
    this.page?.leave();
  }

  async leave() {
    this.line.stop();
    await call("POST", "/logout").catch(() => {});
    leaveFor();
    this.signedOut({ ended: false });
  }
}
