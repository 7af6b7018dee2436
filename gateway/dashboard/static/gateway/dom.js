// Making elements. Texts become text nodes: nothing here, and nothing else, parses HTML.

import { badges, hue, initial, tree } from "./text.js";

/** An element with properties (`className`, `onclick`, ...), attributes (`aria-label`) and children. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A drawing of one line, 24 by 24. */
export function icon(line) {
  const make = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const drawing = make("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" });
  drawing.append(make("path", { d: line }));
  return drawing;
}

/** A text with its links and styles; line breaks are the style sheet's matter. */
export function rich(text, spans) {
  return tree(text, spans).map(shown);
}

const TAGS = { bold: "strong", italic: "em", underline: "u", strike: "s", code: "code", quote: "blockquote" };

function shown(part) {
  if (part.parts === undefined) return part.href ? link(part.href, part.text) : document.createTextNode(part.text);
  const inner = part.parts.map(shown);
  if (part.style === "link" && part.href) return link(part.href, ...inner);
  if (part.style === "spoiler") return spoiler(inner);
  if (part.style === "pre") return block(part.language, inner);
  return element(TAGS[part.style] ?? "span", { className: part.style }, ...inner);
}

function link(href, ...inner) {
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, ...inner);
}

function block(language, inner) {
  const pre = element("pre", {}, element("code", {}, ...inner));
  if (language) pre.dataset.language = language;
  return pre;
}

/** What nobody sees, hears or follows before they ask for it, by pointer or keyboard. */
function spoiler(inner) {
  const hidden = element("span", { inert: true, "aria-hidden": "true" }, ...inner);
  const cover = element("span", { className: "spoiler", role: "button", tabIndex: 0, "aria-label": "Show hidden text" }, hidden);
  const reveal = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    cover.replaceWith(element("span", { className: "spoiler-shown" }, ...hidden.childNodes));
  };
  cover.addEventListener("click", reveal);
  cover.addEventListener("keydown", reveal);
  return cover;
}

/** A name that cannot turn the text around it. */
export function named(author) {
  const name = element("bdi", { className: `name hue-${hue(author)}` }, author.name || author.id);
  if (author.handle) name.title = author.handle;
  return name;
}

export function avatar(author) {
  const letter = initial(author.name || author.id || "?");
  return element("span", { className: `avatar back-${hue(author)}`, "aria-hidden": "true" }, letter);
}

export function marks(author, origin) {
  return badges(author, origin).map((word) => badge(word));
}

export function badge(word) {
  return element("span", { className: `badge badge-${word.replace(/\W/g, "")}` }, word);
}

/** A line that says something for a while, to those who cannot see it too. */
export function note() {
  const line = element("p", { className: "note", role: "status" });
  let timer = 0;
  line.say = (text, milliseconds = 0) => {
    clearTimeout(timer);
    line.textContent = text;
    if (milliseconds > 0) timer = setTimeout(() => (line.textContent = ""), milliseconds);
  };
  return line;
}

export function clock(at) {
  const date = new Date(at * 1000);
  return element(
    "time",
    { dateTime: date.toISOString(), title: date.toLocaleString() },
    date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
  );
}

/** The day of a message as people call it. */
export function day(at) {
  const date = new Date(at * 1000);
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Let a text field grow with what is written in it; the function to call after changing it. */
export function growing(field) {
  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  };
  field.addEventListener("input", fit);
  return fit;
}

/** Enter sends, Shift+Enter breaks the line, and so does the button of the form. */
export function submits(form, field, submit) {
  field.addEventListener("keydown", (event) => {
    // An input method uses Enter to choose a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
    field.focus();
  });
}
