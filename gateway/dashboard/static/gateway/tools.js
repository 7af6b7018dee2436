// What can be done with a message: one small bar, which goes to the row that is pointed at.

import { element, icon } from "./dom.js";

const ICONS = {
  react: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 9.5v.5m7-.5v.5m-7.5 4c2 3 6 3 8 0",
  reply: "M10 8V4l-7 7 7 7v-4c5 0 8 1.5 11 5-1-6-4-10.5-11-11z",
  edit: "M4 20h4L19 9l-4-4L4 16z",
  remove: "M5 7h14M10 7V5h4v2M7 7l1 13h8l1-13",
};
const PALETTE = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "🔥", "👀", "✅", "👎", "🤔"];

export class Tools {
  /** `on` has `react(message, emoji)`, `reply(message)`, `edit(message)` and `remove(message)`. */
  constructor(log, find, on) {
    this.log = log;
    this.find = find;
    this.message = null;
    this.palette = element("div", { className: "palette", role: "group", "aria-label": "Reactions", hidden: true });
    this.palette.append(...PALETTE.map((emoji) => this.button(element("span", { className: "emoji" }, emoji), `React with ${emoji}`, () => on.react(this.message, emoji))));
    this.more = this.button(icon(ICONS.react), "React", () => this.unfold(this.palette.hidden));
    this.changes = [this.button(icon(ICONS.edit), "Edit", () => on.edit(this.message)), this.button(icon(ICONS.remove), "Delete", () => on.remove(this.message))];
    const reply = this.button(icon(ICONS.reply), "Reply", () => on.reply(this.message));
    const row = element("div", { className: "tool-row" }, this.more, reply, ...this.changes);
    this.bar = element("div", { className: "tools", role: "toolbar", "aria-label": "This message", "aria-live": "off" }, row, this.palette);
    this.keys = { r: () => on.reply(this.message), e: () => this.own() && on.edit(this.message), "+": () => this.unfold(true), Delete: () => this.own() && on.remove(this.message) };
    this.listen();
  }

  listen() {
    this.log.addEventListener("pointerover", (event) => this.moved(event) && this.palette.hidden && this.goto(event.target));
    this.log.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !this.held() && this.leave());
    this.log.addEventListener("focusin", (event) => this.goto(event.target));
    this.log.addEventListener("click", (event) => event.target.closest("a, button, video, audio, .tools, .spoiler") || this.goto(event.target));
    this.log.addEventListener("keydown", (event) => this.key(event));
  }

  button(glyph, label, act) {
    const made = element("button", { type: "button", title: label, "aria-label": label }, glyph);
    made.addEventListener("click", () => {
      act();
      if (made !== this.more) this.unfold(false);
    });
    return made;
  }

  /** Whether it is the mouse that moved, and not the page below it. */
  moved({ pointerType, clientX, clientY }) {
    const place = `${clientX} ${clientY}`;
    const same = place === this.pointer;
    this.pointer = place;
    return pointerType === "mouse" && !same;
  }

  goto(target) {
    const row = target.closest(".message[data-id]");
    const message = row && this.find(row.dataset.id);
    if (!message || message === this.message) return;
    this.leave();
    this.message = message;
    for (const button of this.changes) button.hidden = !this.own();
    message.body.append(this.bar);
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
    if (!open) return;
    this.fit();
    this.palette.firstElementChild.focus();
  }

  /** Keep the palette within what is seen. */
  fit() {
    this.palette.style.translate = "none";
    const { left, right } = this.palette.getBoundingClientRect();
    const seen = this.log.getBoundingClientRect();
    const over = Math.max(0, right - seen.right + 8);
    this.palette.style.translate = `${Math.max(seen.left + 8 - left, -over)}px`;
    this.palette.scrollIntoView({ block: "nearest" });
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
