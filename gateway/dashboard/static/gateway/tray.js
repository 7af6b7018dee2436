// The files that go with what is being written: each is sent ahead, to be named by the message.

import { element } from "./dom.js";
import { inWords } from "./files.js";
import { size } from "./text.js";
import { upload } from "./upload.js";

const MOST = 10;
const AT_ONCE = 3;
const GLYPHS = /^(image|video|audio)\//u;

export class Tray {
  /** `query()` gives the place that the files are for; `on` has `change()` and `tell(sentence)`. */
  constructor(list, query, on) {
    this.list = list;
    this.query = query;
    this.on = on;
    this.files = new Set(); // {file, row, state, attachment, stop}
  }

  get empty() {
    return this.files.size === 0;
  }

  /** Whether some are still on their way. */
  get busy() {
    return [...this.files].some((one) => one.state === "queued" || one.state === "moving");
  }

  get broken() {
    return [...this.files].some((one) => one.state === "failed");
  }

  add(files) {
    const room = MOST - this.files.size;
    if (files.length > room) this.on.tell(`A message takes ${MOST} files; ${files.length - room} left out.`);
    for (const file of [...files].slice(0, room)) this.put(file);
    this.pump();
  }

  put(file) {
    const one = { file, state: "queued", attachment: null, stop: () => {} };
    one.bar = element("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
    one.facts = element("span", { className: "file-facts" }, size(file.size));
    const words = element("span", { className: "file-words" }, element("bdi", { className: "file-name" }, file.name), one.facts, one.bar);
    const cancel = element("button", { type: "button", className: "cancel", "aria-label": `Leave ${file.name} out`, title: "Leave out" }, "×");
    cancel.addEventListener("click", () => this.remove(one));
    one.row = element("li", { className: "file" }, sight(one), words, cancel);
    this.files.add(one);
    this.list.append(one.row);
    this.changed();
  }

  pump() {
    const all = [...this.files];
    const free = AT_ONCE - all.filter((one) => one.state === "moving").length;
    for (const one of all.filter((one) => one.state === "queued").slice(0, Math.max(0, free))) this.send(one);
  }

  send(one) {
    one.state = "moving";
    one.stop = upload(one.file, this.query(), {
      progress: (part) => (one.bar.value = part),
      done: (attachment) => this.settle(one, "done", attachment),
      failed: (detail) => this.settle(one, "failed", null, detail),
    });
  }

  settle(one, state, attachment, detail) {
    Object.assign(one, { state, attachment });
    one.row.dataset.state = state;
    one.bar.remove();
    if (detail) {
      one.facts.textContent = detail;
      one.facts.setAttribute("role", "alert");
    }
    this.pump();
    this.changed();
  }

  remove(one) {
    one.stop();
    this.files.delete(one);
    one.row.remove();
    if (one.sight) URL.revokeObjectURL(one.sight);
    this.pump();
    this.changed();
  }

  /** Give the files to a message, and be empty. */
  take() {
    const attachments = [...this.files].map((one) => one.attachment).filter((attachment) => attachment !== null);
    for (const one of [...this.files]) this.remove(one);
    return attachments;
  }

  changed() {
    this.list.hidden = this.empty;
    this.on.change();
  }
}

/** What it looks like: a small picture, if it is one. */
function sight(one) {
  const kind = one.file.type.match(GLYPHS)?.[1];
  if (kind !== "image") return element("span", { className: "glyph", "aria-hidden": "true" }, inWords({ kind }).split(" ")[0]);
  one.sight = URL.createObjectURL(one.file);
  return element("img", { className: "sight", src: one.sight, alt: "" });
}
