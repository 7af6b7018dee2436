// What is not text in a message: pictures and films where they are, anything else as a card.

import { element } from "./dom.js";
import { enlarge } from "./overlay.js";
import { size } from "./text.js";

const WIDEST = 352; // pixels
const HIGHEST = 320;
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
const GLYPHS = { photo: "🖼", video: "🎬", animation: "🎬", audio: "🎵", voice: "🎤", location: "📍", contact: "👤", poll: "📊", sticker: "🏷" };
const WORDS = { photo: "Picture", video: "Video", animation: "Animation", audio: "Sound", voice: "Voice message", location: "Location", contact: "Contact", poll: "Poll", sticker: "Sticker" };

/** The element that shows the files of a message, or null if it has none. */
export function files(attachments) {
  if (!Array.isArray(attachments) || attachments.length === 0) return null;
  const shown = element("div", { className: "files" }, ...attachments.filter((one) => one !== null && typeof one === "object").map(file));
  shown.classList.toggle("album", shown.querySelectorAll(".picture").length > 1);
  return shown;
}

/** A file in a few words, for where it cannot be shown. */
export function inWords(attachment) {
  const glyph = GLYPHS[attachment.kind] ?? "📎";
  return `${glyph} ${attachment.name || attachment.text || WORDS[attachment.kind] || "File"}`;
}

function file(attachment) {
  if (attachment.kind === "location") return place(attachment);
  const href = here(attachment.url);
  if (href === null) return card(attachment, null);
  const make = MAKERS[form(attachment)];
  return make ? make(attachment, href) : card(attachment, href);
}

function form({ type = "", kind }) {
  if (PICTURES.includes(type) || (type === "" && kind === "photo")) return "picture";
  if (type.startsWith("video/")) return kind === "animation" || kind === "sticker" ? "animation" : "video";
  return type.startsWith("audio/") ? "audio" : "card";
}

const MAKERS = { picture, video, audio, animation };

function picture(attachment, href) {
  const alt = attachment.text || attachment.name || WORDS[attachment.kind] || "Picture";
  const image = element("img", { loading: "lazy", decoding: "async", alt, ...dimensions(attachment) });
  const open = element("a", { className: `picture ${attachment.kind === "sticker" ? "sticker" : ""}`, href, target: "_blank", rel: "noopener noreferrer" }, image);
  open.setAttribute("aria-label", `Open ${alt}`);
  open.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    enlarge(open, alt);
  });
  image.addEventListener("load", () => {
    Object.assign(image, dimensions({ width: image.naturalWidth, height: image.naturalHeight }));
    open.classList.add("loaded");
  });
  image.addEventListener("error", () => open.replaceWith(card(attachment, href)));
  image.src = href;
  return open;
}

function video(attachment, href) {
  const player = element("video", { controls: true, preload: "metadata", playsInline: true, ...dimensions(attachment) });
  return played(player, "film", attachment, href);
}

function animation(attachment, href) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const player = element("video", { loop: true, muted: true, autoplay: !still, controls: still, playsInline: true, ...dimensions(attachment) });
  return played(player, "film", attachment, href);
}

function audio(attachment, href) {
  const player = element("audio", { controls: true, preload: "metadata" });
  return played(player, "sound", attachment, href);
}

function played(player, className, attachment, href) {
  const label = attachment.name || WORDS[attachment.kind] || "File";
  player.setAttribute("aria-label", label);
  const shown = element("div", { className }, player);
  if (className === "sound" && attachment.name) shown.prepend(element("bdi", { className: "file-name" }, attachment.name));
  player.addEventListener("loadedmetadata", () => Object.assign(player, dimensions({ width: player.videoWidth, height: player.videoHeight })));
  player.addEventListener("error", () => shown.replaceWith(card(attachment, href)));
  player.src = href;
  return shown;
}

/** How large it is shown: as it is, within bounds. */
function dimensions({ width, height }) {
  if (!(width > 0 && height > 0)) return {};
  const scale = Math.min(1, WIDEST / width, HIGHEST / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function card(attachment, href) {
  const facts = [
    WORDS[attachment.kind] && attachment.name ? WORDS[attachment.kind] : "",
    Number.isInteger(attachment.size) ? size(attachment.size) : "",
    attachment.url === null ? "not to be had here" : "",
  ];
  const name = attachment.name || attachment.text || WORDS[attachment.kind] || "File";
  const said = attachment.text && attachment.text !== name ? element("span", { className: "file-text", dir: "auto" }, attachment.text) : null;
  const words = element(
    "span",
    { className: "file-words" },
    element("bdi", { className: "file-name" }, name),
    said,
    element("span", { className: "file-facts" }, facts.filter(Boolean).join(" · ")),
  );
  const glyph = element("span", { className: "glyph", "aria-hidden": "true" }, GLYPHS[attachment.kind] ?? "📄");
  if (href === null) return element("div", { className: `file ${attachment.url === null ? "missing" : ""}` }, glyph, words);
  const load = element("span", { className: "load", "aria-hidden": "true" }, "↓");
  return element("a", { className: "file", href, download: attachment.name ?? "", title: `Download ${name}` }, glyph, words, load);
}

function place(attachment) {
  const { latitude, longitude } = attachment;
  const spot = [latitude, longitude].map((degrees) => Number(degrees).toFixed(5));
  if (!Number.isFinite(latitude) || !Number.isFinite(longitude)) return card(attachment, null);
  const [north, east] = spot;
  const href = `https://www.openstreetmap.org/?mlat=${north}&mlon=${east}#map=16/${north}/${east}`;
  return element(
    "a",
    { className: "file place-on-map", href, target: "_blank", rel: "noopener noreferrer nofollow" },
    element("span", { className: "glyph", "aria-hidden": "true" }, GLYPHS.location),
    element(
      "span",
      { className: "file-words" },
      element("bdi", { className: "file-name" }, attachment.text || attachment.name || "Location"),
      element("span", { className: "file-facts" }, `${north}, ${east} · open the map`),
    ),
  );
}

/** The address of a file on the page's own host, whatever host the gateway is called by elsewhere. */
function here(url) {
  if (typeof url !== "string") return null;
  try {
    const { origin, pathname, search } = new URL(url, location.href);
    if (origin === location.origin) return pathname + search;
    const start = pathname.indexOf("/media/");
    return start < 0 ? null : pathname.slice(start) + search;
  } catch {
    return null;
  }
}
