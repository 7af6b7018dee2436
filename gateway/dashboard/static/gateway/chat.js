// The chat page: a room and a private chat with the bot, under one name.

import { Conversation } from "./conversation.js";

const room = document.body.dataset.room;
const title = document.title;
const code = new URLSearchParams(location.search).get("code");
let missed = 0;

/** What the browser keeps of a person between visits; some browsers keep nothing. */
const kept = {
  get name() {
    try {
      return localStorage.getItem("gateway.name") ?? "";
    } catch {
      return "";
    }
  },
  set name(name) {
    try {
      localStorage.setItem("gateway.name", name);
    } catch {
      chosen = name;
    }
  },
};
let chosen = "";

const query = () => {
  const name = kept.name || chosen;
  return { ...(name && { name }), ...(code && { code }) };
};

const places = {
  room: place("room", `/ws/rooms/${encodeURIComponent(room)}/`, `Message ${room}`, { room, ...(code && { code }) }),
  bot: place("bot", "/ws/chat/", "Message the bot", {}),
};

function place(name, path, placeholder, files) {
  const panel = document.getElementById(`panel-${name}`);
  const words = { placeholder, empty: `empty-${name}` };
  return new Conversation(panel, path, words, { query, place: () => files }, { hello: greet, news: (entry) => count(name, entry) });
}

// The room goes first: its answer brings the cookie by which the server knows this person again.
function greet(you) {
  const button = document.getElementById("you");
  button.hidden = false;
  document.getElementById("you-name").textContent = you.name;
  if (location.hash === "#bot") places.bot.start();
}

function count(name, entry) {
  const tab = document.getElementById(`tab-${name}`);
  if (entry.own || entry.type !== "message") return;
  if (tab.getAttribute("aria-selected") !== "true") tab.classList.add("news");
  if (!document.hidden) return;
  missed += 1;
  document.title = `(${missed}) ${title}`;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  missed = 0;
  document.title = title;
});

const tabs = [...document.querySelectorAll("[role=tab]")];

function choose(tab) {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  tab.classList.remove("news");
  history.replaceState(null, "", tab.id === "tab-bot" ? "#bot" : location.pathname + location.search);
  const conversation = tab.id === "tab-bot" ? places.bot : places.room;
  if (conversation.log.you !== null || places.room.log.you !== null) conversation.start();
  conversation.view.toEnd();
  return conversation;
}

for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab).view.field.focus());
  tab.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = tabs[(tabs.indexOf(tab) + 1) % tabs.length];
    other.focus();
    choose(other);
  });
}

const dialog = document.getElementById("rename");
const input = dialog.querySelector("input");

document.getElementById("you").addEventListener("click", () => {
  input.value = document.getElementById("you-name").textContent;
  dialog.returnValue = "";
  dialog.showModal();
  input.select();
});

// Enter in a form presses its first button, and that is Cancel.
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  dialog.close("save");
});

dialog.addEventListener("close", () => {
  const name = input.value.trim();
  if (dialog.returnValue !== "save" || name === "") return;
  kept.name = name;
  rename();
});

// Two tabs of one browser are one person: a new name in one is the name in the other.
addEventListener("storage", (event) => event.key === "gateway.name" && rename());

function rename() {
  for (const conversation of Object.values(places)) conversation.restart();
}

addEventListener("beforeunload", (event) => {
  if (Object.values(places).some((conversation) => conversation.log.unsent().length)) event.preventDefault();
});

choose(location.hash === "#bot" ? tabs[1] : tabs[0]);
places.room.start();
if (matchMedia("(hover: hover)").matches) document.querySelector(".panel:not([hidden]) textarea").focus();
