// One conversation: what the server says goes into the log, what the log says goes onto the page.

import { Connection, socketAddress } from "./connection.js";
import { Log } from "./log.js";
import { View } from "./view.js";

const TYPING_EVERY = 3000;
const ANSWER_WITHIN = 10_000;
const LOOK_EVERY = 2000;

export class Conversation {
  /** `query` gives what to ask beside the log's own; `on` has `hello(you)` and `news(entry)`. */
  constructor(panel, path, words, query, on) {
    this.on = on;
    this.log = new Log(crypto.getRandomValues(new Uint32Array(3)).join("-"));
    this.view = new View(panel, words, this);
    this.typed = 0;
    this.connection = new Connection(() => socketAddress(path, { ...query(), ...this.log.query() }), {
      frame: (frame) => this.take(frame),
      state: (name, detail) => this.view.state(name, detail),
      stable: () => this.log.settle(),
    });
    setInterval(() => this.look(), LOOK_EVERY);
  }

  start() {
    this.started ??= (this.connection.open(), true);
  }

  /** Connect again, under another name. */
  restart() {
    if (this.started) this.connection.restart();
  }

  take(frame) {
    if (frame.type === "hello") return this.hello(frame);
    if (frame.type === "sent") return this.fate(this.log.sent(frame.ref));
    if (frame.type === "failed") return this.failed(frame);
    if (frame.type === "typing") return this.log.isYou(frame.author) || this.view.types(frame.author);
    return Number.isInteger(frame.seq) ? this.logged(frame) : undefined;
  }

  hello(frame) {
    const goesOn = this.log.hello(frame);
    if (!goesOn) this.view.clear(this.log.waiting);
    this.connection.greeted();
    for (const entry of this.log.unsent()) this.send(entry);
    this.on.hello(frame.you);
  }

  logged(frame) {
    const entry = this.log.take(frame);
    if (entry === null || !["message", "join", "leave"].includes(entry.type)) return;
    this.view.show(entry);
    this.on.news(entry);
  }

  failed(frame) {
    const entry = frame.ref == null ? null : this.log.failed(frame);
    if (entry) this.fate(entry);
    else this.view.tell(frame.detail || frame.code);
  }

  fate(entry) {
    if (entry) this.view.fate(entry);
  }

  /** Say something, now or as soon as there is a connection. */
  write(text) {
    const entry = this.log.write(text);
    this.view.wait(entry);
    this.send(entry);
    this.typed = 0;
  }

  send(entry) {
    if (!this.connection.up || this.log.you === null) return;
    entry.sentAt = Date.now();
    this.connection.send({ type: "message", text: entry.text, ref: entry.ref });
  }

  typing() {
    if (Date.now() - this.typed < TYPING_EVERY) return;
    this.typed = Date.now();
    this.connection.send({ type: "typing" });
  }

  /** A new ref, because the server may have the old one on record as refused. */
  retry(ref) {
    const text = this.log.waiting.get(ref)?.text;
    this.discard(ref);
    if (text !== undefined) this.write(text);
  }

  discard(ref) {
    this.log.discard(ref);
    this.view.remove(ref);
  }

  /** A connection on which nothing is answered is dead, whatever the browser believes. */
  look() {
    const late = Date.now() - ANSWER_WITHIN;
    if (this.connection.up && this.log.unsent().some((entry) => entry.sentAt < late)) {
      this.connection.restart();
    }
  }
}
