// Who writes just now.

import { element } from "./dom.js";

const WRITES_FOR = 6000; // milliseconds after the last sign of it

export class Typists {
  constructor(line) {
    this.line = line;
    this.people = new Map(); // by id: {name, timer}
  }

  add({ id, name }) {
    this.forget(id);
    this.people.set(id, { name, timer: setTimeout(() => this.remove({ id }), WRITES_FOR) });
    this.tell();
  }

  /** They write no more, or have said it. */
  remove({ id }) {
    if (this.forget(id)) this.tell();
  }

  forget(id) {
    clearTimeout(this.people.get(id)?.timer);
    return this.people.delete(id);
  }

  tell() {
    const names = [...this.people.values()].map((one) => one.name);
    if (names.length === 0) return this.line.replaceChildren();
    const who = names.length > 3 ? ["Several people"] : names.flatMap((name, at) => [at > 0 ? ", " : "", element("bdi", {}, name)]);
    this.line.replaceChildren(...who, names.length > 1 ? " are writing" : " is writing", element("span", { className: "dots" }));
  }
}
