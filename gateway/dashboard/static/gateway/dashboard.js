// The dashboard: the state once, then what changes, and a voice in every room.

import { Connection, socketAddress } from "./connection.js";
import { badge, clock, element, growing, marks, named, rich, submits } from "./dom.js";
import { inWords } from "./files.js";

const SHOWN = 500; // messages kept on the page
const EVERY_STEP = "/every"; // no room can be called so
const FILTERS = { "": "everything", [EVERY_STEP]: "every step of it" };
const LIGHTS = {
  connected: "good",
  degraded: "fair",
  starting: "fair",
  connecting: "fair",
  reconnecting: "fair",
  refused: "bad",
  elsewhere: "off",
  stopped: "off",
};

const at = Object.fromEntries(
  ["connection", "servers", "rooms", "filter", "quiet", "passing", "speak", "where", "words", "problem"]
    .map((id) => [id, document.getElementById(id)]),
);
const log = document.querySelector(".live .log");
const servers = new Map();
const unsaid = new Map();
let rooms = [];
let refs = 0;

const connection = new Connection(() => socketAddress("/ws/dashboard/"), {
  frame: (frame) => receivers[frame.type]?.(frame),
  state: (name, detail) => state(name, detail),
});

const receivers = {
  state(frame) {
    connection.greeted();
    servers.clear();
    for (const status of frame.statuses) servers.set(status.account, status);
    showServers();
    showRooms(frame.rooms);
  },
  status(frame) {
    servers.set(frame.status.account, frame.status);
    showServers();
  },
  rooms: (frame) => showRooms(frame.rooms),
  message: (frame) => pass(frame),
  sent: (frame) => unsaid.delete(frame.ref),
  failed(frame) {
    at.problem.textContent = `Not said: ${frame.detail || frame.code}`;
    at.problem.hidden = false;
    // What was typed comes back, unless something else was typed meanwhile.
    if (at.words.value === "" && unsaid.has(frame.ref)) at.words.value = unsaid.get(frame.ref);
    unsaid.delete(frame.ref);
  },
};

function state(name, detail) {
  document.body.dataset.state = name;
  at.connection.textContent = {
    connecting: "connecting…",
    connected: "live",
    waiting: `no connection; trying again in ${detail} s`,
    refused: detail || "signed out",
  }[name];
  // The session is over: the page by itself shows the ways in.
  if (name === "refused") setTimeout(() => location.reload(), 1500);
}

function showServers() {
  at.servers.replaceChildren(...[...servers.values()].map(server));
}

function server(status) {
  const [protocol, ...account] = status.account.split(":");
  const facts = [
    status.detail && element("p", { dir: "auto" }, status.detail),
    status.error && element("p", { className: "problem", dir: "auto" }, element("span", {}, "last error: "), status.error),
    status.unknown > 0 && element("p", {}, element("span", {}, "sends of unknown fate: "), String(status.unknown)),
  ].filter(Boolean);
  return element(
    "li",
    { className: `server ${LIGHTS[status.state] ?? "fair"}` },
    element("span", { className: "light", "aria-hidden": "true" }),
    element("h3", {}, protocol, element("span", { className: "quiet" }, account.join(":"))),
    element("p", { className: "state" }, status.state, element("span", { className: "quiet" }, ` ${lasting(status.since)}`)),
    ...facts,
  );
}

/** How long ago, in the largest unit that fits. */
function lasting(since) {
  const seconds = Math.max(0, Date.now() / 1000 - since);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `for ${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `for ${Math.floor(seconds / 3600)} h`;
  return `for ${Math.floor(seconds / 86_400)} days`;
}

function showRooms(news) {
  rooms = news;
  const names = rooms.map((room) => room.name);
  at.rooms.replaceChildren(...rooms.map(roomCard));
  choices(at.filter, ["", EVERY_STEP, ...names], (name) => FILTERS[name] ?? name);
  choices(at.where, names, (name) => name);
}

function choices(select, values, label) {
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => element("option", { value }, label(value))));
  if (values.includes(chosen)) select.value = chosen;
}

function roomCard(room) {
  const { people } = room;
  return element(
    "li",
    {},
    element(
      "h3",
      {},
      element("button", { type: "button", onclick: () => enter(room.name), title: "Show and speak here" }, element("bdi", {}, room.title || room.name)),
      element("span", { className: "quiet" }, room.access),
    ),
    element("ul", { className: "members" }, ...room.members.map(member)),
    room.count ? element("p", { className: "people" }, ...present(people, room.count)) : null,
  );
}

function member(one) {
  const title = element("bdi", { title: one.conversation }, one.title || one.conversation);
  return element("li", {}, badge(one.conversation.split(":", 1)[0]), title);
}

function present(people, count) {
  const names = people.map((person) => element("span", { className: "person" }, named(person)));
  const more = count - names.length;
  if (more > 0) names.push(element("span", { className: "quiet" }, `and ${more} more`));
  return [element("span", { className: "quiet" }, `${count} here`), ...names];
}

function enter(name) {
  at.filter.value = at.where.value = name;
  sift();
  at.words.focus();
}

// What passes: said in a conversation, told in a room, shown in a conversation, not shown there.
const WAYS = { in: "→", room: "●", out: "←", failed: "✕" };

function pass(frame) {
  const stuck = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const row = element(
    "li",
    { className: `pass ${frame.direction}` },
    clock(frame.event.at ?? Date.now() / 1000),
    element("span", { className: "way", title: frame.direction }, WAYS[frame.direction] ?? "·"),
    place(frame),
    element("span", { className: "who" }, ...who(frame.event)),
    element("p", { className: "said", dir: "auto" }, ...said(frame.event)),
  );
  row.dataset.room = frame.room ?? roomOf(frame.conversation) ?? "";
  // What a room told stands for what its members said and were shown.
  row.dataset.step = String(!frame.room && row.dataset.room !== "" && frame.direction !== "failed");
  row.hidden = !shown(row);
  at.passing.append(row);
  while (at.passing.children.length > SHOWN) at.passing.firstElementChild.remove();
  at.quiet.hidden ||= !row.hidden;
  if (stuck) log.scrollTop = log.scrollHeight;
}

function said(event) {
  const kind = event.type.split(".").at(-1);
  const words = kind === "message" || kind === "edit" ? spoken(event) : [element("em", {}, KINDS[kind] ?? kind)];
  if (kind === "edit") words.unshift(element("em", {}, "edited: "));
  if (kind === "reaction") words.push(` ${(event.emoji ?? []).join(" ") || "no more"}`);
  if (event.code) words.push(element("span", { className: "problem" }, ` not delivered: ${event.detail || event.code}`));
  return words;
}

const KINDS = { join: "joined", leave: "left", delete: "deleted a message", reaction: "reacts", action: "pressed a button" };

function spoken(event) {
  const given = (event.attachments ?? []).map((one) => element("span", { className: "attachment" }, inWords(one)));
  return [...given, ...rich(event.text, event.spans)];
}

function who(event) {
  return event.author ? [named(event.author), ...marks(event.author, event.origin)] : [];
}

function place(frame) {
  if (frame.room) return element("bdi", { className: "place" }, frame.room);
  const title = memberOf(frame.conversation)?.member.title || frame.conversation;
  return element("bdi", { className: "place", title: frame.conversation }, title);
}

function memberOf(conversation) {
  for (const room of rooms) {
    const found = room.members.find((one) => one.conversation === conversation);
    if (found) return { room, member: found };
  }
  return null;
}

function roomOf(conversation) {
  return memberOf(conversation)?.room.name;
}

function shown(row) {
  if (at.filter.value === EVERY_STEP) return true;
  if (row.dataset.step === "true") return false;
  return at.filter.value === "" || row.dataset.room === at.filter.value;
}

function sift() {
  for (const row of at.passing.children) row.hidden = !shown(row);
  log.scrollTop = log.scrollHeight;
}

function say(text) {
  at.problem.hidden = true;
  if (!connection.ready || at.where.value === "") {
    at.problem.textContent = connection.ready ? "There is no room to speak in." : "Not connected; nothing was said.";
    at.problem.hidden = false;
    return false;
  }
  const ref = `${(refs += 1)}`;
  unsaid.set(ref, text);
  connection.send({ type: "say", room: at.where.value, text, ref });
  return true;
}

at.filter.addEventListener("change", sift);
const fit = growing(at.words);
submits(at.speak, at.words, () => {
  if (at.words.value.trim() === "" || !say(at.words.value)) return;
  at.words.value = "";
  fit();
});
setInterval(showServers, 15_000);
connection.open();
