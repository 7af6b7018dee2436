// What a message answers, in one line.

import { element, named } from "./dom.js";
import { inWords } from "./files.js";
import { covered } from "./text.js";

const LENGTH = 140;

/** The line above an answer: of the message on the page, else of what came with the answer. */
export function answered(entry, find, jump) {
  if (entry.reply_to == null && !entry.quoted) return null;
  const target = entry.reply_to == null ? undefined : find(entry.reply_to);
  if (target === undefined) return element("div", { className: "answered" }, ...quoted(entry.quoted));
  const line = element("button", { type: "button", className: "answered", title: "Go to this message" }, ...excerpt(target.entry));
  line.addEventListener("click", () => jump(entry.reply_to));
  return line;
}

/** Who said it and how it begins. */
export function excerpt(entry) {
  const words = covered((entry.text ?? "").slice(0, 8 * LENGTH), entry.spans).replace(/\s+/gu, " ").trim();
  const file = (entry.attachments ?? []).map(inWords)[0];
  return [
    entry.own ? element("span", { className: "name" }, "You") : named(entry.author),
    element("span", { className: "excerpt", dir: "auto" }, cut(words) || file || "a message"),
  ];
}

function quoted(quote) {
  if (!quote) return [element("span", { className: "excerpt" }, "An earlier message")];
  return [
    element("bdi", { className: "name" }, String(quote.author ?? "")),
    element("span", { className: "excerpt", dir: "auto" }, cut(String(quote.text ?? "")) || "a message"),
  ];
}

function cut(text) {
  const points = [...text];
  return points.length > LENGTH ? `${points.slice(0, LENGTH).join("")}…` : text;
}
