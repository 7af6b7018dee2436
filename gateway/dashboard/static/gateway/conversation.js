// One conversation: what the server says goes into the log, what the log says goes onto the page.

import { Connection, socketAddress } from "./connection.js";
import { Log } from "./log.js";
import { View } from "./view.js";

const TYPING_EVERY = 3000;
const ANSWER_WITHIN = 10_000;
const LOOK_EVERY = 2000;
const NEWS = ["message", "join", "leave"];
const CHANGES = ["edit", "delete", "reaction"];
const PASSING = ["too_fast", "unavailable"]; // refusals that are over in a moment

export class Conversation {
  /**
   * `query()` gives what to ask beside the log's own, `place()` what to say beside a file; `on` has
   * `hello(you)` and `news(entry)`.
   */
  constructor(panel, path, words, { query, place }, on) {
    this.on = on;
    this.log = new Log(crypto.getRandomValues(new Uint32Array(3)).join("-"));
    this.view = new View(panel, words, place, this);
    this.typed = 0;
    this.flying = null; // what was sent and is not answered
    this.refusal = "";
    this.connection = new Connection(() => socketAddress(path, { ...query(), ...this.log.query() }), {
      frame: (frame) => this.take(frame),
      state: (name, detail) => this.state(name, detail),
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
    if (frame.type === "sent") return this.settled(this.log.sent(frame.ref), frame.ref);
    if (frame.type === "failed") return this.failed(frame);
    if (frame.type === "typing") return this.log.isYou(frame.author) || this.view.typists.add(frame.author);
    if (frame.type === "answer") return frame.client === this.log.client && this.view.answer(frame);
    return Number.isInteger(frame.seq) ? this.logged(frame) : undefined;
  }

  state(name, detail) {
    if (name === "connecting") this.refusal = "";
    if (name !== "connected") this.flying = null;
    this.view.state(name, name === "refused" ? this.refusal || detail : detail);
  }

  hello(frame) {
    const goesOn = this.log.hello(frame);
    if (!goesOn) this.view.clear(this.log.waiting);
    this.connection.greeted();
    this.pump();
    this.on.hello(frame.you);
  }

  logged(frame) {
    const entry = this.log.take(frame);
    if (entry === null) return;
    if (entry.here) this.landed(entry.ref);
    if (CHANGES.includes(entry.type)) return this.view[entry.type](entry);
    if (!NEWS.includes(entry.type)) return;
    this.view.show(entry);
    this.on.news(entry);
  }

  failed(frame) {
    if (frame.ref == null) return this.view.tell((this.refusal = frame.detail || frame.code));
    if (PASSING.includes(frame.code)) return this.later(frame);
    const entry = this.log.failed(frame);
    if (entry && entry.type !== "message") {
      this.log.discard(frame.ref);
      this.view.refuse(entry);
    }
    this.settled(entry, frame.ref);
  }

  /** It is not refused for good: the same message, under the same ref, in a moment. */
  later(frame) {
    const entry = this.log.change(frame.ref, { detail: frame.detail });
    if (entry) this.view.waiting.fate(entry);
    setTimeout(() => this.landed(frame.ref), 1000 * (frame.retry_after ?? 1));
  }

  settled(entry, ref) {
    if (entry) this.view.waiting.fate(entry);
    this.landed(ref);
  }

  /** Say or do something, now or as soon as there is a connection; its ref. */
  say(frame) {
    const entry = this.log.write(frame);
    if (frame.type === "message") {
      this.view.wait(entry);
      this.typed = 0;
    }
    this.pump();
    return entry.ref;
  }

  /** Edit or delete a message. */
  change(message, frame) {
    message.busy(true);
    this.say(frame);
  }

  /** Add a reaction of yours, or take it back. */
  react(message, emoji) {
    const wanted = message.reactions.with(emoji);
    message.reactions.want(wanted);
    this.say({ type: "reaction", id: message.id, emoji: wanted });
  }

  /** Send what was written, one after the other is answered: so the order holds over any cut. */
  pump() {
    const [entry] = this.log.unsent();
    if (entry === undefined || this.flying || !this.connection.ready) return;
    this.flying = { ref: entry.ref, at: Date.now() };
    this.connection.send(entry.frame);
  }

  landed(ref) {
    if (this.flying?.ref !== ref) return;
    this.flying = null;
    this.pump();
  }

  typing() {
    if (Date.now() - this.typed < TYPING_EVERY) return;
    this.typed = Date.now();
    this.connection.send({ type: "typing" });
  }

  /** A new ref, because the server may have the old one on record as refused. */
  retry(ref) {
    const { type, text, spans, attachments, reply_to } = this.log.waiting.get(ref)?.frame ?? {};
    this.discard(ref);
    if (type !== undefined) this.say({ type, text, spans, attachments, reply_to });
  }

  discard(ref) {
    this.log.discard(ref);
    this.view.waiting.remove(ref);
  }

  /** A connection on which nothing is answered is dead, whatever the browser believes. */
  look() {
    if (this.flying && this.flying.at < Date.now() - ANSWER_WITHIN) this.connection.restart();
  }
}
