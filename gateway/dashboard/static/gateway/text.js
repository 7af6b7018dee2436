// Texts as people write them, cut into plain parts and links. Nothing here touches the page.

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

function address(link) {
  try {
    const url = new URL(link);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
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
