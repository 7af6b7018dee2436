// One place on the page: its messages, what waits to be sent, who types, how the connection is.

import { attachments, avatar, clock, compose, day, element, marks, named, rich } from "./dom.js";

const SHOWN = 1000; // messages kept on the page
const LONG = 3000; // characters shown of a text before one asks for the rest
const FOLLOWS_WITHIN = 300; // seconds in which a second message needs no second name
const TYPES_FOR = 6000; // milliseconds

export class View {
  /** `on` has `write(text)`, `typing()`, `retry(ref)` and `discard(ref)`. */
  constructor(panel, { placeholder, empty }, on) {
    this.on = on;
    this.panel = panel;
    panel.append(document.getElementById("panel").content.cloneNode(true));
    for (const name of ["log", "empty", "messages", "newer", "typing", "connection", "composer"]) {
      this[name] = panel.querySelector(`.${name}`);
    }
    this.field = panel.querySelector("textarea");
    this.field.placeholder = placeholder;
    this.empty.append(document.getElementById(empty).content.cloneNode(true));
    this.typists = new Map();
    this.waiting = new Map();
    this.last = null;
    this.unread = 0;
    this.listen();
  }

  listen() {
    compose(this.composer, this.field, (text) => this.on.write(text));
    this.field.addEventListener("input", () => this.field.value && this.on.typing());
    this.newer.addEventListener("click", () => this.toEnd());
    this.log.addEventListener("scroll", () => this.atEnd() && this.read());
    for (const link of this.empty.querySelectorAll("a")) link.href = location.href;
    for (const button of this.empty.querySelectorAll(".say")) {
      button.addEventListener("click", () => this.on.write(button.value));
    }
    new ResizeObserver(() => this.stuck && this.toEnd()).observe(this.log);
    this.stuck = true;
  }

  /** Show an entry of the log at its place: after all others, before what waits. */
  show(entry) {
    const stuck = this.atEnd();
    if (entry.here && entry.ref != null) this.remove(entry.ref);
    this.untype(entry.author);
    this.divide(entry);
    const row = entry.type === "message" ? this.message(entry) : this.notice(entry);
    this.place(row);
    this.last = entry;
    this.trim();
    this.after(stuck, entry.own);
  }

  place(row) {
    const first = this.waiting.values().next().value ?? null;
    this.messages.insertBefore(row, first);
    this.empty.hidden = true;
  }

  after(stuck, own) {
    if (stuck || own) return this.toEnd();
    this.unread += 1;
    this.newer.textContent = this.unread === 1 ? "1 new message ↓" : `${this.unread} new messages ↓`;
    this.newer.hidden = false;
  }

  divide(entry) {
    const date = day(entry.at);
    if (this.last !== null && day(this.last.at) === date) return;
    this.place(element("li", { className: "day" }, element("span", {}, date)));
    this.last = null;
  }

  message(entry) {
    const row = element("li", { className: "message" });
    row.classList.toggle("mine", entry.own);
    row.classList.toggle("follows", this.follows(entry));
    row.dataset.seq = entry.seq;
    const name = entry.own ? element("span", { className: "name" }, "You") : named(entry.author);
    const head = element("div", { className: "head" }, name, ...marks(entry.author, entry.origin), clock(entry.at));
    if (entry.own) head.querySelector(".badge-web")?.remove();
    row.append(avatar(entry.author), element("div", { className: "body" }, head, ...this.said(entry)));
    return row;
  }

  said(entry) {
    const extras = attachments(entry);
    const text = entry.text ?? "";
    if (text === "" && extras.length) return [element("p", { className: "bubble" }, ...extras)];
    const bubble = element("div", { className: "bubble", dir: "auto" }, ...extras, ...rich(text.slice(0, LONG), entry.spans));
    if (text.length <= LONG) return [bubble];
    return [bubble, this.rest(bubble, text, entry.spans)];
  }

  rest(bubble, text, spans) {
    const more = element("button", { type: "button", className: "more" }, "Show all of it");
    more.addEventListener("click", () => {
      bubble.replaceChildren(...rich(text, spans));
      more.remove();
    });
    return more;
  }

  notice(entry) {
    const what = { join: "joined", leave: "left" }[entry.type] ?? entry.type;
    return element("li", { className: "notice" }, named(entry.author), ` ${what} `, ...marks(entry.author, entry.origin));
  }

  follows(entry) {
    const last = this.last;
    return last?.type === "message" && last.author.id === entry.author.id
      && last.author.name === entry.author.name && entry.at - last.at < FOLLOWS_WITHIN;
  }

  /** Show what was written here and is not in the log yet. */
  wait(entry) {
    const row = element("li", { className: "message mine waiting" });
    const bubble = element("p", { className: "bubble", dir: "auto" }, ...rich(entry.text));
    row.append(element("div", { className: "body" }, bubble, element("div", { className: "fate" })));
    this.waiting.set(entry.ref, row);
    this.messages.append(row);
    this.empty.hidden = true;
    this.fate(entry);
    this.toEnd();
  }

  /** Show what became of it so far. */
  fate(entry) {
    const row = this.waiting.get(entry.ref);
    if (row === undefined) return;
    row.dataset.fate = entry.fate;
    row.querySelector(".fate").replaceChildren(...this.words(entry));
    if (entry.fate === "failed") this.toEnd();
  }

  words(entry) {
    if (entry.fate === "waiting") return [entry.detail ? `${entry.detail}; trying again…` : "sending…"];
    if (entry.fate === "sent") return ["sent"];
    return [
      element("span", { role: "alert" }, `Not sent: ${entry.detail}`),
      this.choice("Try again", () => this.on.retry(entry.ref), entry.retryAfter),
      this.choice("Discard", () => this.on.discard(entry.ref)),
    ];
  }

  choice(label, act, seconds = 0) {
    const button = element("button", { type: "button", onclick: act, disabled: seconds > 0 }, label);
    if (seconds > 0) setTimeout(() => (button.disabled = false), seconds * 1000);
    return button;
  }

  remove(ref) {
    this.waiting.get(ref)?.remove();
    this.waiting.delete(ref);
  }

  /** Begin anew: the log is another one, or the part of it that was missed is too long. */
  clear(kept) {
    for (const row of [...this.messages.children]) if (!row.dataset.fate) row.remove();
    for (const ref of [...this.waiting.keys()]) if (!kept.has(ref)) this.remove(ref);
    this.last = null;
    this.read();
    this.empty.hidden = this.waiting.size > 0;
  }

  trim() {
    const gone = this.messages.children.length - SHOWN;
    for (let index = 0; index < gone; index += 1) this.messages.firstElementChild.remove();
  }

  atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
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

  types(author) {
    clearTimeout(this.typists.get(author.name));
    this.typists.set(author.name, setTimeout(() => this.untype(author), TYPES_FOR));
    this.tellTypists();
  }

  untype(author) {
    if (!this.typists.has(author.name)) return;
    clearTimeout(this.typists.get(author.name));
    this.typists.delete(author.name);
    this.tellTypists();
  }

  tellTypists() {
    const names = [...this.typists.keys()];
    if (names.length === 0) return this.typing.replaceChildren();
    const who = names.length > 3 ? ["Several people"] : [element("bdi", {}, names.join(", "))];
    this.typing.replaceChildren(...who, names.length > 1 ? " are typing" : " is typing", element("span", { className: "dots" }));
  }

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
    this.connection.textContent = text;
  }
}
