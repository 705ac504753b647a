// Keys of the whole page. Letters act only outside of fields, and can be turned off.

import { bringBack } from "./actions.js";

export class Keys {
  constructor(studio) {
    this.studio = studio;
    this.letters = document.querySelector("#letter-keys");
    this.help = document.querySelector("#help");
    document.querySelector("#show-help").addEventListener("click", () => this.help.showModal());
    for (const close of document.querySelectorAll("dialog .close")) {
      close.addEventListener("click", () => close.closest("dialog").close());
    }
    document.addEventListener("keydown", (event) => this.#down(event));
    document.addEventListener("keyup", (event) => event.key.toLowerCase() === "v" && studio.view("compare", false));
    window.addEventListener("blur", () => studio.views.compare && studio.view("compare", false));
  }

  #down(event) {
    const { studio } = this;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (writesText(event.target)) return; // a field has an undo of its own
      if (key === "z" && event.shiftKey) studio.redo();
      else if (key === "z") studio.undo();
      else if (key === "y") studio.redo();
      else return;
      event.preventDefault();
      return;
    }
    if (event.altKey || !this.letters.checked || isField(event.target) || document.querySelector("dialog[open]")) return;
    if (key === "v" && !event.repeat) studio.view("compare", true);
    else if (key === "h") studio.view("heatmaps", !studio.views.heatmaps);
    else if (key === "d") studio.view("difference", !studio.views.difference);
    else if (key === "a" && studio.model.attention?.length) studio.view("attention", !studio.views.attention);
    else if (key === "b") bringBack(studio);
    else if (key === "?") this.help.showModal();
    else return;
    event.preventDefault();
  }
}

function isField(element) {
  return element.closest?.("input, select, textarea") && !element.matches("[type=checkbox], [type=radio], [type=range]");
}

function writesText(element) {
  return element.closest?.("input[type=text], textarea");
}
