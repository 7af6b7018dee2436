// One place on the page: its messages, what waits to be sent, who writes, how the connection is.

import { Composer } from "./composer.js";
import { day, element, marks, named } from "./dom.js";
import { Message } from "./message.js";
import { Tools } from "./tools.js";
import { Typists } from "./typists.js";
import { Waiting } from "./waiting.js";

const SHOWN = 1000; // rows kept on the page
const FOLLOWS_WITHIN = 300; // seconds in which a second message needs no second name
const UNDO_WITHIN = 5000;
const TOLD_FOR = 6000;

export class View {
  /** `on` is a conversation; `query()` gives the place that files are for. */
  constructor(panel, { placeholder, empty }, query, on) {
    this.on = on;
    this.panel = panel;
    panel.append(document.getElementById("panel").content.cloneNode(true));
    for (const name of ["log", "empty", "messages", "newer", "connection", "told"]) {
      this[name] = panel.querySelector(`.${name}`);
    }
    this.empty.append(document.getElementById(empty).content.cloneNode(true));
    this.shown = new Map(); // messages by id
    this.leaving = new Map(); // messages that are about to be taken away: what does it at once
    this.typists = new Typists(panel.querySelector(".typing"));
    this.waiting = new Waiting(on);
    this.composer = new Composer(panel, query, this.writing());
    this.field = this.composer.field;
    this.field.placeholder = placeholder;
    this.tools = new Tools(this.log, (id) => this.shown.get(id), this.doing());
    this.last = null;
    this.unread = 0;
    this.stuck = true; // at the end, and to be kept there
    this.top = 0;
    this.listen();
  }

  writing() {
    return {
      write: (body) => this.on.say({ type: "message", ...body }),
      edit: (message, { text, spans }) => this.on.change(message, { type: "edit", id: message.id, text, spans }),
      typing: () => this.on.typing(),
      last: () => [...this.shown.values()].findLast((message) => message.entry.own && !message.leaving),
      tell: (text) => this.tell(text),
    };
  }

  doing() {
    return {
      react: (message, emoji) => this.on.react(message, emoji),
      reply: (message) => this.composer.reply(message),
      edit: (message) => this.composer.edit(message),
      remove: (message) => this.leave(message),
    };
  }

  listen() {
    this.newer.addEventListener("click", () => this.toEnd());
    this.log.addEventListener("scroll", () => this.scrolled());
    for (const link of this.empty.querySelectorAll("a")) link.href = location.href;
    for (const button of this.empty.querySelectorAll(".say")) {
      button.addEventListener("click", () => this.on.say({ type: "message", text: button.value }));
    }
    // Pictures come late, and the field grows: who was at the end stays there.
    const grown = new ResizeObserver(() => this.stuck && this.toEnd());
    for (const part of [this.log, this.messages]) grown.observe(part);
    addEventListener("pagehide", () => this.hurry());
  }

  // What the log says

  /** Show an entry of the log at its place: after all others, before what waits. */
  show(entry) {
    if (entry.here && entry.ref != null) this.waiting.remove(entry.ref);
    this.typists.remove(entry.author);
    this.divide(entry);
    this.place(entry.type === "message" ? this.message(entry) : notice(entry));
    this.last = entry;
    this.trim();
    this.after(entry.own);
  }

  message(entry) {
    const message = new Message(entry, this.follows(entry), {
      find: (id) => this.shown.get(id),
      jump: (id) => this.jump(id),
      press: (id, button) => this.on.say({ type: "action", id, button }),
      react: (message, emoji) => this.on.react(message, emoji),
      you: () => this.on.log.you,
    });
    this.shown.set(message.id, message);
    return message.row;
  }

  /** A message is different now. One that is not on the page is nobody's concern. */
  edit(entry) {
    const message = this.shown.get(entry.id);
    this.typists.remove(entry.author);
    message?.change(entry);
    message?.busy(this.on.log.pending("edit", entry.id));
  }

  /** A message is gone; what answers it says so no more than the page did. */
  delete(entry) {
    const message = this.shown.get(entry.id);
    if (message === undefined) return;
    this.composer.forget(message);
    if (this.tools.message === message) this.tools.leave();
    this.drop(message);
    const who = entry.own ? element("span", { className: "name" }, "You") : named(entry.author);
    const trace = element("li", { className: "notice trace" }, who, " deleted a message");
    message.row.replaceWith(trace);
    trace.nextElementSibling?.classList.remove("follows");
    if (this.last?.id === entry.id) this.last = null;
  }

  /** Somebody reacts. */
  reaction(entry) {
    const message = this.shown.get(entry.id);
    if (message === undefined) return;
    message.reactions.you = this.on.log.you;
    message.reactions.take(entry);
    if (!this.on.log.pending("reaction", entry.id)) message.reactions.want(null);
  }

  /** Somebody's press is answered. */
  answer(frame) {
    for (const message of this.shown.values()) if (message.buttons.answer(frame.ref, frame.text)) return;
  }

  /** The server will not do what was asked about a message. */
  refuse(entry) {
    const message = this.shown.get(entry.id);
    if (message === undefined) return this.tell(entry.detail);
    message.busy(false);
    message.reactions.want(null);
    message.buttons.answer(entry.ref, "");
    return message.note.say(`Not done: ${entry.detail}`, TOLD_FOR);
  }

  // The order of rows

  place(row) {
    this.messages.insertBefore(row, this.waiting.first());
    this.empty.hidden = true;
  }

  after(own) {
    if (this.stuck || own) return this.toEnd();
    this.unread += 1;
    this.newer.textContent = this.unread === 1 ? "1 new message ↓" : `${this.unread} new messages ↓`;
    this.newer.hidden = false;
  }

  divide(entry) {
    const date = day(entry.at);
    if (this.lastDay === date) return;
    this.lastDay = date;
    this.place(element("li", { className: "day" }, element("span", {}, date)));
    this.last = null;
  }

  follows(entry) {
    const { last } = this;
    return last?.type === "message" && last.author.id === entry.author.id && !entry.quoted && entry.reply_to == null
      && last.author.name === entry.author.name && entry.at - last.at < FOLLOWS_WITHIN;
  }

  /** Show what was written here and is not in the log yet. */
  wait(entry) {
    this.messages.append(this.waiting.add(entry));
    this.empty.hidden = true;
    this.toEnd();
  }

  /** Begin anew: the log is another one, or the part of it that was missed is too long. */
  clear(kept) {
    for (const row of [...this.messages.children]) if (!row.dataset.fate) row.remove();
    this.tools.leave();
    this.shown.clear();
    this.waiting.keep(kept);
    this.last = this.lastDay = null;
    this.read();
    this.empty.hidden = this.waiting.first() !== null;
  }

  trim() {
    while (this.messages.children.length > SHOWN) {
      const row = this.messages.firstElementChild;
      const message = this.shown.get(row.dataset.id);
      if (message) this.drop(message);
      row.remove();
    }
  }

  drop(message) {
    this.leaving.delete(message);
    message.buttons.calm();
    this.shown.delete(message.id);
  }

  // Where one looks

  /** Go to a message, and show which one it is. */
  jump(id) {
    const row = this.shown.get(id)?.row;
    if (row === undefined) return this.tell("That message is not on this page any more.");
    this.stuck = false;
    row.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    row.focus({ preventScroll: true });
    row.classList.remove("found");
    requestAnimationFrame(() => row.classList.add("found"));
  }

  /** Only who scrolls up leaves the end: what grows below moves nobody. */
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    if (scrollHeight - scrollTop - clientHeight < 60) this.read();
    else if (scrollTop < this.top) this.stuck = false;
    this.top = scrollTop;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
    this.read();
  }

  read() {
    this.stuck = true;
    this.unread = 0;
    this.newer.hidden = true;
  }

  // What is about to go

  /** Take a message away, unless one thinks better of it. */
  leave(message) {
    const act = () => {
      clearTimeout(timer);
      this.leaving.delete(message);
      question.remove();
      this.on.change(message, { type: "delete", id: message.id });
    };
    const timer = setTimeout(act, UNDO_WITHIN);
    const undo = element("button", { type: "button" }, "Undo");
    const question = element("p", { className: "question", role: "status" }, "Deleted. ", undo);
    undo.addEventListener("click", () => {
      clearTimeout(timer);
      this.stay(message, question);
    });
    message.leaving = true;
    message.row.classList.add("leaving");
    message.row.append(question);
    this.leaving.set(message, act);
    this.tools.leave();
    undo.focus({ preventScroll: true });
  }

  stay(message, question) {
    this.leaving.delete(message);
    message.leaving = false;
    message.row.classList.remove("leaving");
    question.remove();
    message.row.focus({ preventScroll: true });
  }

  /** The page goes: what is about to be taken away is taken away now. */
  hurry() {
    for (const act of this.leaving.values()) act();
  }

  // Beside the messages

  /** Say how the connection is. */
  state(name, detail) {
    this.panel.dataset.state = name;
    this.connection.textContent = {
      connecting: "connecting…",
      connected: "connected",
      waiting: `no connection; trying again in ${detail} s`,
      refused: detail || "You cannot come in here. Ask for an invitation link.",
    }[name];
  }

  /** Say something that belongs to no message. */
  tell(text) {
    clearTimeout(this.untold);
    this.told.textContent = text;
    this.untold = setTimeout(() => (this.told.textContent = ""), TOLD_FOR);
  }
}

function notice(entry) {
  const what = { join: "joined", leave: "left" }[entry.type] ?? entry.type;
  return element("li", { className: "notice" }, named(entry.author), ` ${what} `, ...marks(entry.author, entry.origin));
}
