// What was written here and is not in the log yet: its rows, after all others.

import { element } from "./dom.js";
import { files } from "./files.js";
import { bubble } from "./message.js";

export class Waiting {
  /** `on` has `retry(ref)` and `discard(ref)`. */
  constructor(on) {
    this.on = on;
    this.rows = new Map();
  }

  /** The first row of all that wait, or null. */
  first() {
    return this.rows.values().next().value ?? null;
  }

  /** Make the row of an entry. */
  add(entry) {
    const given = (entry.attachments ?? []).map(({ url, ...attachment }) => attachment);
    const parts = [files(given), ...bubble(entry), element("div", { className: "fate" })];
    const row = element("li", { className: "message mine waiting" }, element("div", { className: "body" }, ...parts));
    this.rows.set(entry.ref, row);
    this.fate(entry);
    return row;
  }

  /** Show what became of it so far. */
  fate(entry) {
    const row = this.rows.get(entry.ref);
    if (row === undefined) return;
    row.dataset.fate = entry.fate;
    row.querySelector(".fate").replaceChildren(...this.words(entry));
  }

  words(entry) {
    if (entry.fate === "waiting") return [entry.detail ? `${entry.detail}; trying again…` : "sending…"];
    if (entry.fate === "sent") return ["sent"];
    return [
      element("span", { role: "alert" }, `Not sent: ${entry.detail}`),
      choice("Try again", () => this.on.retry(entry.ref), entry.retryAfter),
      choice("Discard", () => this.on.discard(entry.ref)),
    ];
  }

  remove(ref) {
    this.rows.get(ref)?.remove();
    this.rows.delete(ref);
  }

  /** Keep the rows of these entries, and no others. */
  keep(kept) {
    for (const ref of [...this.rows.keys()]) if (!kept.has(ref)) this.remove(ref);
  }
}

function choice(label, act, seconds = 0) {
  const button = element("button", { type: "button", onclick: act, disabled: seconds > 0 }, label);
  if (seconds > 0) setTimeout(() => (button.disabled = false), seconds * 1000);
  return button;
}
