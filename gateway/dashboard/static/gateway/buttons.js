// The buttons under one message. A press waits for its answer.

import { element, note } from "./dom.js";
import { address } from "./text.js";

const ANSWER_WITHIN = 20_000;
const SHOWN_FOR = 8000;

export class Buttons {
  /** `press(number)` is called with a button's place over all rows; it returns the press's ref. */
  constructor(press) {
    this.press = press;
    this.pressed = new Map(); // what waits, by ref: {button, timer}
    this.rows = element("div", { className: "buttons", role: "group", "aria-label": "Buttons", hidden: true });
    this.note = note();
  }

  show(rows) {
    this.calm();
    let number = 0;
    const known = Array.isArray(rows) ? rows.filter(Array.isArray) : [];
    this.rows.replaceChildren(...known.map((row) => element("div", {}, ...row.map((button) => this.button(button, number++)))));
    this.rows.hidden = number === 0;
  }

  button({ text, url }, number) {
    const href = url === undefined ? null : address(String(url));
    if (href !== null) {
      return element("a", { className: "press", href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, element("bdi", {}, text), element("span", { "aria-hidden": "true" }, " ↗"));
    }
    const made = element("button", { type: "button", className: "press", disabled: url !== undefined }, element("bdi", {}, text));
    made.addEventListener("click", () => this.hit(made, number));
    return made;
  }

  hit(button, number) {
    if (button.getAttribute("aria-busy") === "true") return;
    const ref = this.press(String(number));
    button.setAttribute("aria-busy", "true");
    const timer = setTimeout(() => this.answer(ref, "No answer came."), ANSWER_WITHIN);
    this.pressed.set(ref, { button, timer });
  }

  /** Show the answer to a press, if it was one of these. */
  answer(ref, text) {
    const waiting = this.pressed.get(ref);
    if (waiting === undefined) return false;
    clearTimeout(waiting.timer);
    this.pressed.delete(ref);
    waiting.button.removeAttribute("aria-busy");
    if (text) this.note.say(text, SHOWN_FOR);
    return true;
  }

  calm() {
    for (const { timer } of this.pressed.values()) clearTimeout(timer);
    this.pressed.clear();
  }
}
