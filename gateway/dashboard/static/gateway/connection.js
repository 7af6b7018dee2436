// A WebSocket that comes back. It reports its state and its frames, and knows nothing of either.

const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;
const STABLE_AFTER = 2_000;
const HELLO_WITHIN = 10_000;

/** Milliseconds before the next try: twice as long each time, within bounds, never in step. */
export function delay(tries, random = Math.random) {
  const full = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** tries);
  return full / 2 + (full / 2) * random();
}

export class Connection {
  /**
   * `address` gives the URL for each try. `on` has `frame(object)`, `stable()` and
   * `state(name, detail)`: connecting, connected, waiting (detail: seconds), refused (a sentence).
   */
  constructor(address, on) {
    this.address = address;
    this.on = on;
    this.tries = 0;
    this.socket = null;
    this.ready = false; // greeted, and not closed since
    this.paused = false;
    this.timers = new Set();
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  open() {
    this.drop();
    this.on.state("connecting");
    const socket = new WebSocket(this.address());
    this.socket = socket;
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.closed(event);
    this.later(HELLO_WITHIN, () => this.closed({ code: 1006, reason: "" }));
  }

  /** The server has greeted: the connection is up. */
  greeted() {
    this.clear();
    this.ready = true;
    this.on.state("connected");
    this.later(STABLE_AFTER, () => {
      this.tries = 0;
      this.on.stable?.();
    });
  }

  send(frame) {
    if (this.ready) this.socket.send(JSON.stringify(frame));
  }

  /** Connect anew at once, on purpose or because the connection looks dead. */
  restart() {
    this.tries = 0;
    this.open();
  }

  /** Do not wait out a pause when something says that it may work now. */
  hurry() {
    if (this.paused) this.restart();
  }

  receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame !== null && typeof frame === "object") this.on.frame(frame);
  }

  closed({ code, reason }) {
    this.drop();
    // 4000 to 4999 are the application's own: it said no, and asking again would not help.
    if (code >= 4000 && code < 5000) return this.on.state("refused", reason);
    this.pause(delay(this.tries));
    this.tries += 1;
  }

  pause(milliseconds) {
    this.paused = true;
    const until = Date.now() + milliseconds;
    const tell = () => {
      const left = until - Date.now();
      if (left <= 0) return this.open();
      this.on.state("waiting", Math.ceil(left / 1000));
      this.later(Math.min(left, 1000), tell);
    };
    tell();
  }

  drop() {
    this.clear();
    this.paused = this.ready = false;
    if (this.socket === null) return;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  later(milliseconds, act) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, milliseconds);
    this.timers.add(timer);
  }

  clear() {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }
}

/** The address of a socket on the page's own host. */
export function socketAddress(path, query = {}) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}
