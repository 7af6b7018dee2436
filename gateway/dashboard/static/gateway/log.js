// What was said in one place, as far as this page knows. Nothing here touches the page.
//
// A message has one place in the order: its `seq`. Frames arrive in that order; after a cut the
// page asks for what is newer than the last one it has seen, and drops what it has seen. What was
// typed here waits under its `ref` until its own frame arrives, and is sent again with the same
// `ref` after a cut: the server knows it by (visitor, client, ref).

export class Log {
  constructor(client) {
    this.client = client;
    this.epoch = null;
    this.seen = null; // the last seq shown, or null before the first
    this.head = null; // where the log stood at the last hello
    this.settled = false; // whether all that was before that hello would have come by now
    this.you = null;
    this.waiting = new Map();
    this.count = 0;
  }

  /** What to ask the server when connecting. */
  query() {
    const query = { client: this.client };
    const since = this.since();
    if (since !== null) {
      query.since = String(since);
      query.epoch = this.epoch;
    }
    return query;
  }

  /** From where to go on: a newcomer who was shown nothing of the past has seen all of it. */
  since() {
    return this.seen ?? (this.settled ? this.head : null);
  }

  /** Take the server's first frame; returns whether what is shown goes on without a gap. */
  hello(frame) {
    const since = this.since();
    const goesOn = since !== null && frame.epoch === this.epoch && frame.resumed !== false;
    this.you = frame.you;
    this.epoch = frame.epoch;
    this.head = frame.seq;
    if (goesOn) this.seen = since;
    else this.forget();
    return goesOn;
  }

  /** The connection held for a while. */
  settle() {
    this.settled = true;
  }

  forget() {
    this.seen = this.head === 0 ? 0 : null;
    this.settled = false;
    // These are on the server's disk already; they come with the log or are older than it shows.
    for (const [ref, entry] of this.waiting) if (entry.fate === "sent") this.waiting.delete(ref);
  }

  /** Say or do something: the entry that stands for it until its own frame arrives. */
  write(frame) {
    const ref = `${(this.count += 1)}`;
    const entry = { ...frame, frame: { ...frame, ref }, ref, at: Date.now() / 1000, fate: "waiting", own: true };
    this.waiting.set(ref, entry);
    return entry;
  }

  /** What has not reached the server, in the order it was written. */
  unsent() {
    return [...this.waiting.values()].filter((entry) => entry.fate === "waiting");
  }

  /** Whether something of a kind that is about a message is on its way. */
  pending(type, id) {
    return [...this.waiting.values()].some((entry) => entry.type === type && entry.id === id && entry.fate !== "failed");
  }

  /** Take a frame of the log: the entry to show, or null if it was shown before. */
  take(frame) {
    if (this.seen !== null && frame.seq <= this.seen) return null;
    this.seen = frame.seq;
    const here = frame.client === this.client;
    if (here && frame.ref != null) this.waiting.delete(frame.ref);
    return { ...frame, here, own: here || this.isYou(frame.author) };
  }

  /** The server has it: the entry that changed, if it still waits. A press comes with no log. */
  sent(ref) {
    const entry = this.change(ref, { fate: "sent" });
    if (entry?.type === "action") this.waiting.delete(ref);
    return entry;
  }

  /** The server will not have it: the entry that changed, if it still waits. */
  failed(frame) {
    const detail = frame.detail || frame.code || "not sent";
    return this.change(frame.ref, { fate: "failed", detail, retryAfter: frame.retry_after ?? 0 });
  }

  /** Give up an entry that failed. */
  discard(ref) {
    this.waiting.delete(ref);
  }

  change(ref, news) {
    const entry = this.waiting.get(ref);
    return entry ? Object.assign(entry, news) : null;
  }

  isYou(author) {
    return this.you !== null && author?.id === this.you.id;
  }
}
