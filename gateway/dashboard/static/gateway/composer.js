// Where one writes: the text with its marks, the files with it, and what it answers or changes.

import { excerpt } from "./answered.js";
import { element, growing, submits } from "./dom.js";
import { read, typed } from "./marks.js";
import { Tray } from "./tray.js";

const WRAPS = { b: "**", i: "_" };

export class Composer {
  /** `on` has `write(body)`, `edit(message, body)`, `typing()`, `last()` and `tell(sentence)`. */
  constructor(panel, query, on) {
    this.on = on;
    this.panel = panel;
    this.form = panel.querySelector(".composer");
    this.field = panel.querySelector("textarea");
    this.about = panel.querySelector(".about");
    this.picker = panel.querySelector("input[type=file]");
    this.tray = new Tray(panel.querySelector(".tray"), query, { change: () => this.changed(), tell: on.tell });
    this.answers = this.changes = null; // the message that is answered, or changed
    this.draft = "";
    this.going = false; // it goes as soon as its files are there
    this.fit = growing(this.field);
    this.listen();
  }

  listen() {
    submits(this.form, this.field, () => this.submit());
    this.field.addEventListener("input", () => this.field.value && this.changes === null && this.on.typing());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("paste", (event) => this.receive(event, event.clipboardData));
    this.form.querySelector(".attach").addEventListener("click", () => this.picker.click());
    this.picker.addEventListener("change", () => {
      this.tray.add(this.picker.files);
      this.picker.value = "";
      this.field.focus();
    });
    this.drops();
  }

  drops() {
    let depth = 0;
    const over = (step) => this.panel.classList.toggle("dropping", (depth = Math.max(0, depth + step)) > 0);
    const files = (event) => event.dataTransfer?.types.includes("Files");
    this.panel.addEventListener("dragenter", (event) => files(event) && over(1));
    this.panel.addEventListener("dragleave", (event) => files(event) && over(-1));
    this.panel.addEventListener("dragover", (event) => files(event) && event.preventDefault());
    this.panel.addEventListener("drop", (event) => {
      over(-depth);
      this.receive(event, event.dataTransfer);
    });
  }

  /** Take the files of a drop or a paste; without files it is the browser's own matter. */
  receive(event, data) {
    if (!data || data.files.length === 0) return;
    event.preventDefault();
    if (this.changes !== null) return this.on.tell("The files of a message do not change.");
    this.tray.add(data.files);
    this.field.focus();
  }

  key(event) {
    if (event.isComposing) return;
    if (event.key === "Escape" && (this.answers || this.changes)) this.leave();
    else if (event.key === "ArrowUp" && this.field.value === "" && this.tray.empty) this.editLast(event);
    else if ((event.ctrlKey || event.metaKey) && Object.hasOwn(WRAPS, event.key)) this.wrap(event, WRAPS[event.key]);
  }

  /** Put marks around what is selected. */
  wrap(event, mark) {
    event.preventDefault();
    const { selectionStart: start, selectionEnd: end, value } = this.field;
    this.field.setRangeText(mark + value.slice(start, end) + mark, start, end);
    this.field.setSelectionRange(start + mark.length, end + mark.length);
    this.fit();
  }

  editLast(event) {
    const message = this.on.last();
    if (message === undefined) return;
    event.preventDefault();
    this.edit(message);
  }

  submit() {
    const body = read(this.field.value);
    const words = body.text.trim() !== "" ? body : { text: this.field.value, spans: [] };
    if (this.changes !== null) return this.change(words);
    if (words.text.trim() === "" && this.tray.empty) return undefined;
    if (this.tray.broken) return this.on.tell("Leave out the file that could not be sent, or add it again.");
    this.wait(this.tray.busy);
    return this.going ? undefined : this.send(words);
  }

  change(words) {
    if (words.text.trim() === "") return this.on.tell("A message needs some text; to take it away, delete it.");
    this.on.edit(this.changes, words);
    return this.leave();
  }

  send(words) {
    const body = { ...words };
    if (!this.tray.empty) body.attachments = this.tray.take();
    if (this.answers !== null) body.reply_to = this.answers.id;
    this.leave();
    this.write("");
    this.on.write(body);
  }

  /** Hold what is written until its files are there. */
  wait(going) {
    this.going = going;
    this.field.readOnly = going;
    this.form.classList.toggle("going", going);
  }

  /** The files in the tray are others, or further. */
  changed() {
    this.form.classList.toggle("laden", !this.tray.empty);
    if (!this.going || this.tray.busy) return;
    this.wait(false);
    if (!this.tray.broken) this.submit();
  }

  reply(message) {
    if (this.changes !== null) this.leave();
    this.answers = message;
    this.say("Reply to ", message);
  }

  edit(message) {
    if (this.changes === null) this.draft = this.field.value;
    this.changes = message;
    this.answers = null;
    this.write(typed(message.entry.text ?? "", message.entry.spans));
    this.say("Edit ", message);
  }

  say(what, message) {
    const close = element("button", { type: "button", className: "cancel", "aria-label": "Cancel", title: "Cancel (Esc)", onclick: () => this.leave() }, "×");
    const line = element("span", { className: "about-words" }, element("b", {}, what), ...excerpt(message.entry));
    this.about.replaceChildren(line, close);
    this.about.hidden = false;
    this.field.focus();
  }

  /** Answer nothing and change nothing; what was being written before comes back. */
  leave() {
    if (this.changes !== null) this.write(this.draft);
    this.answers = this.changes = null;
    this.about.hidden = true;
    this.about.replaceChildren();
  }

  /** The message is gone. */
  forget(message) {
    if (this.answers === message || this.changes === message) this.leave();
  }

  write(text) {
    this.field.value = text;
    this.fit();
  }
}
