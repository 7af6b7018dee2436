// A picture, large, above the page; the arrow keys go to the others.

import { element } from "./dom.js";

/** Show the picture of a link large. */
export function enlarge(link, alt) {
  const all = [...link.closest(".messages").querySelectorAll(".picture:not(.sticker)")];
  const image = element("img", { src: link.href, alt });
  const save = element("a", { className: "round", href: link.href, download: "", title: "Download", "aria-label": "Download" }, "↓");
  const close = element("button", { type: "button", className: "round", title: "Close (Esc)", "aria-label": "Close" }, "×");
  const caption = element("p", { className: "caption" }, element("bdi", {}, alt));
  const dialog = element("dialog", { className: "overlay", "aria-label": alt }, image, element("div", { className: "overlay-bar" }, caption, save, close));
  const turn = (step) => {
    const next = all[all.indexOf(link) + step];
    if (next === undefined) return;
    link = next;
    const other = next.querySelector("img").alt;
    image.src = save.href = next.href;
    image.alt = caption.firstChild.textContent = other;
  };
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") turn(-1);
    if (event.key === "ArrowRight") turn(1);
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
