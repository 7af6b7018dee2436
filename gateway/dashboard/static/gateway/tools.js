// What can be done with a message: one small bar, which goes to the row that is pointed at.

import { element } from "./dom.js";

const PALETTE = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "🔥", "👀", "✅", "👎", "🤔"];

export class Tools {
  /** `on` has `react(message, emoji)`, `reply(message)`, `edit(message)` and `remove(message)`. */
  constructor(log, find, on) {
    this.log = log;
    this.find = find;
    this.message = null;
    this.palette = element("div", { className: "palette", role: "group", "aria-label": "Reactions", hidden: true });
    this.palette.append(...PALETTE.map((emoji) => this.button(emoji, `React with ${emoji}`, () => on.react(this.message, emoji))));
    this.more = this.button("☺", "React", () => this.unfold(this.palette.hidden));
    this.changes = [this.button("✎", "Edit", () => on.edit(this.message)), this.button("🗑", "Delete", () => on.remove(this.message))];
    const reply = this.button("↩", "Reply", () => on.reply(this.message));
    const row = element("div", { className: "tool-row" }, this.more, reply, ...this.changes);
    this.bar = element("div", { className: "tools", role: "toolbar", "aria-label": "This message", "aria-live": "off" }, row, this.palette);
    this.keys = { r: () => on.reply(this.message), e: () => this.own() && on.edit(this.message), "+": () => this.unfold(true), Delete: () => this.own() && on.remove(this.message) };
    this.listen();
  }

  listen() {
    this.log.addEventListener("pointerover", (event) => event.pointerType === "mouse" && this.palette.hidden && this.goto(event.target));
    this.log.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !this.held() && this.leave());
    this.log.addEventListener("focusin", (event) => this.goto(event.target));
    this.log.addEventListener("click", (event) => event.target.closest("a, button, video, audio, .tools, .spoiler") || this.goto(event.target));
    this.log.addEventListener("keydown", (event) => this.key(event));
  }

  button(glyph, label, act) {
    const made = element("button", { type: "button", title: label, "aria-label": label }, element("span", { className: "emoji" }, glyph));
    made.addEventListener("click", () => {
      act();
      if (made !== this.more) this.unfold(false);
    });
    return made;
  }

  goto(target) {
    const row = target.closest(".message[data-id]");
    const message = row && this.find(row.dataset.id);
    if (!message || message === this.message) return;
    this.leave();
    this.message = message;
    for (const button of this.changes) button.hidden = !this.own();
    row.append(this.bar);
  }

  leave() {
    this.unfold(false);
    this.bar.remove();
    this.message = null;
  }

  held() {
    return !this.palette.hidden || this.message?.row.contains(document.activeElement);
  }

  own() {
    return this.message.entry.own && !this.message.leaving;
  }

  unfold(open) {
    this.palette.hidden = !open;
    this.more.setAttribute("aria-expanded", String(open));
    if (open) this.palette.firstElementChild.focus();
  }

  /** The arrow keys go from message to message; a few letters act on the one that is focused. */
  key(event) {
    if (event.key === "Escape") return this.escape();
    if (["ArrowUp", "ArrowDown"].includes(event.key)) return this.step(event, event.key === "ArrowUp" ? -1 : 1);
    const acts = event.target === this.message?.row && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!acts || !Object.hasOwn(this.keys, event.key)) return undefined;
    event.preventDefault();
    return this.keys[event.key]();
  }

  escape() {
    const { message } = this;
    if (message === null || this.palette.hidden) return;
    this.unfold(false);
    this.more.focus();
  }

  step(event, way) {
    if (event.target !== this.log && !event.target.matches(".message")) return;
    const rows = [...this.log.querySelectorAll(".message[data-id]")];
    const next = event.target === this.log ? rows.at(-1) : rows[rows.indexOf(event.target) + way];
    if (next === undefined || (event.target === this.log && way > 0)) return;
    event.preventDefault();
    next.focus();
  }
}
