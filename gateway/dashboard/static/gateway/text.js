// Texts as people write them, cut into plain parts, links and styled parts. Nothing here touches the page.

// Control characters that turn the direction of writing could make a link look like another.
const LINK = /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;
const TRAILING = /[.,;:!?*_~]+$/u;

/** The parts of a text in order: `{text}` or `{text, href}`, http and https alone. */
export function parts(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const link = trimmed(match[0]);
    const href = address(link);
    if (href === null) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: link, href });
    end = match.index + link.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** A link without the punctuation of the sentence around it. */
function trimmed(link) {
  for (;;) {
    const shorter = link.replace(TRAILING, "");
    const open = unopened(shorter) ? shorter.slice(0, -1) : shorter;
    if (open === link) return link;
    link = open;
  }
}

function unopened(link) {
  const closing = link.at(-1);
  const opening = { ")": "(", "]": "[", "}": "{" }[closing];
  return opening !== undefined && link.split(opening).length < link.split(closing).length;
}

const PAGES = ["http:", "https:"];
const ADDRESSES = [...PAGES, "mailto:", "tel:", "xmpp:"];

/** An address that may be opened, whole; null if it is none. */
export function address(link, schemes = PAGES) {
  try {
    const url = new URL(link);
    return schemes.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const STYLES = ["quote", "pre", "bold", "italic", "underline", "strike", "spoiler", "code", "link", "mention", "emoji"];
const BLOCKS = ["quote", "pre"];
const DEEPEST = 8; // quotes in each other
const VERBATIM = ["code", "pre", "link"]; // what looks like a link in these is none of its own

/**
 * The parts of a text with spans, in order: `{text}`, `{text, href}` or `{style, parts}`, the last
 * with `href` (of a link) or `language` (of a block of code). Spans count code points; one that
 * crosses another's end is cut there, and blocks are not cut by what is in a line.
 */
export function tree(text, spans) {
  if (!Array.isArray(spans) || spans.length === 0) return parts(text);
  const points = [...text];
  const known = spans.filter((span) => STYLES.includes(span?.style) && Number.isInteger(span.start) && Number.isInteger(span.end));
  const sorted = within(known, 0, points.length).sort((one, other) => one.start - other.start || other.end - one.end);
  return branches(points, sorted, 0, points.length, []);
}

function within(spans, start, end) {
  return spans
    .map((span) => ({ ...span, start: Math.max(span.start, start), end: Math.min(span.end, end) }))
    .filter((span) => span.start < span.end);
}

function branches(points, spans, start, end, around) {
  const found = [];
  let rest = spans.filter((span) => allowed(span, around));
  let at = start;
  while (rest.length > 0 && at < end) {
    const block = rest.find((span) => BLOCKS.includes(span.style));
    const first = block ?? rest[0];
    const others = rest.filter((span) => span !== first);
    if (block) found.push(...branches(points, within(others, at, first.start), at, first.start, around));
    else found.push(...leaves(points, at, first.start, around));
    found.push(branch(points, others, first, around));
    // What stands behind a block is on a line of its own already.
    at = first.end + (block && points[first.end] === "\n" ? 1 : 0);
    rest = within(others, at, end);
  }
  return [...found, ...leaves(points, at, end, around)];
}

function branch(points, others, span, around) {
  const { style, start, end } = span;
  const made = { style, parts: branches(points, within(others, start, end), start, end, [...around, style]) };
  if (style === "link") made.href = address(String(span.url), ADDRESSES);
  if (style === "pre" && typeof span.language === "string") made.language = span.language;
  return made;
}

/** Whether a span says something that those around it do not. */
function allowed(span, around) {
  if (span.style === "quote") return around.filter((style) => style === "quote").length < DEEPEST;
  return !around.includes(span.style) && !(span.style === "code" && around.includes("pre"));
}

function leaves(points, start, end, around) {
  if (start >= end) return [];
  const text = points.slice(start, end).join("");
  return VERBATIM.some((style) => around.includes(style)) ? [{ text }] : parts(text);
}

/** A text in which nothing is read that a spoiler hides. */
export function covered(text, spans) {
  const hidden = (Array.isArray(spans) ? spans : []).filter((span) => span?.style === "spoiler");
  return [...text].map((point, at) => (hidden.some(({ start, end }) => start <= at && at < end) && /\S/u.test(point) ? "▒" : point)).join("");
}

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** How large a file is, in the unit that people would use. */
export function size(bytes) {
  let unit = 0;
  for (; bytes >= 1000 && unit < UNITS.length - 1; unit += 1) bytes /= 1000;
  return `${unit > 0 && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${UNITS[unit]}`;
}

const NO_NETWORKS = ["", "room", "gateway"];

/** The networks an author speaks from, as short words for badges. */
export function badges(author, origin) {
  const own = network(author.id);
  const words = [own === "user" ? "team" : own || network(origin)];
  // A bot on the web is our own, which is at home on every network.
  if (author.kind === "bot" && words[0] === "web") return ["bot"];
  if (author.kind === "bot") words.push("bot");
  return [...new Set(words)].filter((word) => word !== "");
}

/** The protocol of an author's id or a conversation's key; "" if it is none. */
function network(name) {
  const [protocol, ...rest] = String(name ?? "").split(":");
  return rest.length === 0 || NO_NETWORKS.includes(protocol) ? "" : protocol;
}

/** One of eight colours for an author, the same on every page. */
export function hue(author) {
  let sum = 0;
  for (const character of String(author.id ?? author.name)) {
    sum = (sum * 31 + character.codePointAt(0)) % 4093;
  }
  return sum % 8;
}

/** The first letter of a name, as people see letters. */
export function initial(name) {
  const letters = [...new Intl.Segmenter().segment(name.trim())].map((part) => part.segment);
  return (letters.find((letter) => /[\p{L}\p{N}]/u.test(letter)) ?? letters[0] ?? "?").toUpperCase();
}
