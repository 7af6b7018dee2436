// How people reacted to one message, and the chips that show it.

import { element } from "./dom.js";

const NAMES = 20; // people who are named beside one emoji

export class Reactions {
  /** `toggle(emoji)` is called when a chip is pressed. */
  constructor(toggle) {
    this.toggle = toggle;
    this.said = new Map(); // what people said here, by id: {name, emoji}
    this.counted = []; // what the room counted elsewhere
    this.you = null;
    this.wanted = null; // what was pressed here and is not in the log yet
    this.row = element("ul", { className: "reactions", "aria-label": "Reactions", "aria-live": "off", hidden: true });
  }

  /** Take a frame of the log. It says all that its author shows, or all that everybody does. */
  take({ author, emoji, reactions }) {
    if (Array.isArray(reactions)) this.counted = reactions;
    else this.said.set(author.id, { name: author.name, emoji: strings(emoji) });
    this.draw();
  }

  /** What you show: as it is wanted, or as it is. */
  mine() {
    if (this.wanted) return this.wanted;
    if (this.said.has(this.you?.id)) return this.said.get(this.you.id).emoji;
    return this.counted.filter((one) => one.author === this.you?.id).map((one) => one.emoji);
  }

  /** What you would show with one more, or one less. */
  with(emoji) {
    const mine = this.mine();
    return mine.includes(emoji) ? mine.filter((other) => other !== emoji) : [...mine, emoji];
  }

  /** Show what is wanted until the log says how it is; null: it will not. */
  want(emoji) {
    this.wanted = emoji;
    this.draw();
  }

  /** Who shows what: names by emoji, in the order in which they came. */
  all() {
    const found = new Map();
    const add = (emoji, name) => found.set(emoji, [...(found.get(emoji) ?? []), name]);
    const others = this.counted.filter((one) => !this.said.has(one.author) && one.author !== this.you?.id);
    for (const one of others) add(String(one.emoji), String(one.name || one.author));
    for (const [id, one] of this.said) if (id !== this.you?.id) for (const emoji of one.emoji) add(emoji, one.name);
    for (const emoji of this.mine()) add(emoji, "You");
    return found;
  }

  draw() {
    const held = document.activeElement?.closest(".reactions") === this.row ? document.activeElement.dataset.emoji : null;
    const mine = this.mine();
    this.row.replaceChildren(...[...this.all()].map(([emoji, names]) => this.chip(emoji, names, mine.includes(emoji))));
    this.row.hidden = this.row.childElementCount === 0;
    if (held !== null) [...this.row.querySelectorAll("button")].find((chip) => chip.dataset.emoji === held)?.focus();
  }

  chip(emoji, names, pressed) {
    const more = names.length > NAMES ? [`and ${names.length - NAMES} more`] : [];
    const who = [...names.slice(0, NAMES), ...more].join(", ");
    const chip = element(
      "button",
      { type: "button", className: "chip", title: who, "aria-pressed": String(pressed), "aria-label": `${emoji} ${names.length}: ${who}` },
      element("span", { className: "emoji" }, emoji),
      element("span", { className: "count" }, String(names.length)),
    );
    chip.dataset.emoji = emoji;
    chip.addEventListener("click", () => this.toggle(emoji));
    return element("li", {}, chip);
  }
}

function strings(values) {
  return Array.isArray(values) ? values.filter((value) => typeof value === "string") : [];
}
