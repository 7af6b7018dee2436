// One message of the log on the page, and what becomes of it.

import { answered } from "./answered.js";
import { Buttons } from "./buttons.js";
import { avatar, clock, element, marks, named, note, rich } from "./dom.js";
import { files } from "./files.js";
import { Reactions } from "./reactions.js";

const LONG = 3000; // characters shown of a text before one asks for the rest

export class Message {
  /** `on` has `find(id)`, `jump(id)`, `press(id, number)` and `react(message, emoji)`. */
  constructor(entry, follows, on) {
    this.entry = entry;
    this.on = on;
    this.id = entry.id;
    this.reactions = new Reactions((emoji) => on.react(this, emoji));
    this.reactions.you = on.you();
    this.buttons = new Buttons((number) => on.press(this.id, number));
    this.note = note();
    this.files = files(entry.attachments);
    this.body = element("div", { className: "body" });
    this.row = element("li", { className: "message", tabIndex: -1 }, avatar(entry.author), this.body);
    this.row.classList.toggle("mine", entry.own);
    this.row.classList.toggle("follows", follows);
    this.row.dataset.seq = entry.seq;
    this.row.dataset.id = entry.id;
    this.draw();
  }

  draw() {
    const { entry } = this;
    this.buttons.show(entry.buttons);
    const parts = [
      head(entry),
      answered(entry, this.on.find, this.on.jump),
      this.files,
      ...bubble(entry),
      entry.edited ? element("p", { className: "edited" }, "edited") : null,
      this.buttons.rows,
      this.reactions.row,
      this.buttons.note,
      this.note,
      this.body.querySelector(".tools"),
    ];
    this.body.replaceChildren(...parts.filter((part) => part !== null));
  }

  /** Take an edit: its words and buttons are all there is now, its files stay. */
  change(entry) {
    const { text, spans, buttons, seq } = entry;
    Object.assign(this.entry, { text, spans, buttons, edited: seq });
    this.files ??= files(entry.attachments);
    this.draw();
  }

  /** Show that a change of it is on its way, or is not any more. */
  busy(is) {
    this.row.classList.toggle("busy", is);
  }
}

function head(entry) {
  const name = entry.own ? element("span", { className: "name" }, "You") : named(entry.author);
  const shown = element("div", { className: "head" }, name, ...marks(entry.author, entry.origin), clock(entry.at));
  if (entry.own) shown.querySelector(".badge-web")?.remove();
  return shown;
}

/** The text, if there is one; a long one in two steps. */
export function bubble({ text = "", spans }) {
  if (text === "") return [];
  const shown = element("div", { className: "bubble", dir: "auto" }, ...rich(text.slice(0, LONG), spans));
  shown.classList.toggle("huge", [...text].length <= 12 && /^(?:\p{Extended_Pictographic}[\p{Emoji_Modifier}\ufe0f]?(?:\u200d\p{Extended_Pictographic}\ufe0f?)*\s*){1,3}$/u.test(text));
  if (text.length <= LONG) return [shown];
  const more = element("button", { type: "button", className: "more" }, "Show all of it");
  more.addEventListener("click", () => {
    shown.replaceChildren(...rich(text, spans));
    more.remove();
  });
  return [shown, more];
}
