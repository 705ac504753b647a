// The cards beside the image: the selected object in numbers, the scene's settings, and what is shown.

import * as actions from "./actions.js";
import { field, isNumber } from "./fields.js";
import { allParts, at, clamp, colorOf, moved, nameOf, partsMeant, resized, round, withPresence } from "./scene.js";

const $ = (selector) => document.querySelector(selector);

export class ObjectCard {
  constructor(studio) {
    this.studio = studio;
    const meant = () => partsMeant(studio.scene, studio.selection, studio.scope);
    const chosen = () => at(studio.scene, studio.selection);
    const label = (verb) => () => `${verb} ${nameOf(studio.selection)}`;
    const to = (axis) => (value) => {
      const offset = value - chosen().center[axis];
      return moved(studio.scene, meant(), axis === 0 ? offset : 0, axis === 1 ? offset : 0);
    };
    const sized = (sigma) => (sigma > 0 ? resized(studio.scene, meant(), sigma / chosen().sigma) : studio.scene);
    const present = (value) => withPresence(studio.scene, meant(), clamp(value, 0, 1));
    field(studio, $("#object-y"), { apply: to(0), label: label("Move") });
    field(studio, $("#object-x"), { apply: to(1), label: label("Move") });
    field(studio, $("#object-sigma"), { apply: sized, label: label("Resize") });
    field(studio, $("#object-presence"), { apply: present, label: label("Presence of") });
    field(studio, $("#object-presence-number"), { apply: present, label: label("Presence of") });
    for (const [selector, act] of [
      ["#restyle-next", () => actions.restyle(studio, studio.selection, 1)],
      ["#restyle-previous", () => actions.restyle(studio, studio.selection, -1)],
      ["#copy", () => actions.copyObject(studio, studio.selection)],
      ["#remove", () => actions.remove(studio, studio.selection)],
      ["#bring-back", () => actions.bringBack(studio)],
    ]) {
      $(selector).addEventListener("click", act);
    }
    for (const radio of document.querySelectorAll("input[name=scope]")) {
      radio.addEventListener("change", () => studio.setScope(radio.value));
    }
    studio.on("scene selection", () => this.#update());
  }

  #update() {
    const { scene, selection } = this.studio;
    const chosen = at(scene, selection);
    $("#object-fields").hidden = !chosen;
    $("#no-objects").hidden = Boolean(chosen);
    $("#scope").hidden = scene.layout.length < 2;
    this.#chips();
    if (!chosen) return;
    const [y, x] = chosen.center;
    const numbers = { y, x, sigma: chosen.sigma, presence: chosen.presence, "presence-number": chosen.presence };
    for (const [name, value] of Object.entries(numbers)) fill($(`#object-${name}`), round(value));
    swap($("#remove"), $("#bring-back"), chosen.presence > 0);
    $("#copy").disabled = scene.layout.length > 1 || chosen.presence === 0;
    say($("#style-name"), this.#style());
  }

  #style() {
    const { scene, selection } = this.studio;
    const style = scene.styles.objects?.[selection[1]] ?? scene.styles.background;
    return typeof style === "object" ? `${style.seed} of object ${style.object}` : `${style}`;
  }

  #chips() {
    const { scene, selection } = this.studio;
    const parts = allParts(scene);
    const root = $("#chips");
    if (root.childElementCount !== parts.length || root.dataset.model !== scene.model) {
      root.dataset.model = scene.model;
      root.replaceChildren(...parts.map((part) => this.#chip(part)));
    }
    parts.forEach((part, i) => {
      const chip = root.children[i];
      const absent = at(scene, part).presence === 0;
      chip.setAttribute("aria-pressed", String(part) === String(selection));
      chip.classList.toggle("absent", absent);
      chip.title = absent ? "Removed" : "";
      chip.style.setProperty("--color", colorOf(scene, part));
    });
  }

  #chip(part) {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.textContent = nameOf(part);
    chip.setAttribute("aria-label", `Object ${nameOf(part)}`);
    chip.addEventListener("click", () => this.studio.select(part));
    return chip;
  }
}

export class SceneCard {
  constructor(studio) {
    this.studio = studio;
    const psi = (value) => ({ ...studio.scene, truncation_psi: round(clamp(value, 0, 2)) });
    for (const selector of ["#truncation", "#truncation-number"]) {
      field(studio, $(selector), { apply: psi, label: () => "Truncation" });
    }
    $("#noise").addEventListener("change", (event) => {
      studio.apply({ ...studio.scene, noise_mode: event.target.value }, "Noise", event.timeStamp);
    });
    const seed = $("#seed");
    seed.addEventListener("input", () => (seed.dataset.typing = "yes"));
    seed.addEventListener("change", () => this.#seed(seed));
    seed.addEventListener("blur", () => delete seed.dataset.typing); // after the change, if there is one
    studio.on("flush", (event) => {
      if (!seed.dataset.typing) return;
      this.#restoreSeed(seed);
      event.preventDefault(); // no scene has come of it yet
    });
    for (const [selector, act] of [
      ["#new-scene", () => actions.newScene(studio)],
      ["#new-layout", () => actions.newLayout(studio)],
      ["#new-styles", () => actions.newStyles(studio)],
      ["#reset", () => actions.reset(studio)],
      ["#background-next", () => actions.restyleWhole(studio, "background", 1)],
      ["#background-previous", () => actions.restyleWhole(studio, "background", -1)],
    ]) {
      $(selector).addEventListener("click", act);
    }
    $("#model").addEventListener("change", (event) => this.#switch(event.target.value));
    studio.on("models", () => this.#models());
    studio.on("scene", () => this.#update());
  }

  #seed(input) {
    const seed = Number(input.value);
    if (!input.dataset.typing) return;
    if (!isNumber(input) || !Number.isSafeInteger(seed) || seed < 0) {
      this.#restoreSeed(input);
      return this.studio.say("A seed is a whole number, 0 or larger.");
    }
    delete input.dataset.typing;
    return actions.newScene(this.studio, seed);
  }

  #restoreSeed(input) {
    delete input.dataset.typing;
    input.value = this.studio.scene.seed;
    this.studio.say("The seed is as it was.");
  }

  #models() {
    const options = this.studio.models.map(({ name, title, resolution }) => new Option(`${title} · ${resolution} px`, name));
    $("#model").replaceChildren(...options);
  }

  #switch(name) {
    const { scene, title } = this.studio.models.find((model) => model.name === name);
    this.studio.attempt(() => this.studio.open(scene, `Model ${title}`));
  }

  #update() {
    const { scene } = this.studio;
    fill($("#model"), scene.model);
    fill($("#seed"), scene.seed);
    fill($("#truncation"), scene.truncation_psi);
    fill($("#truncation-number"), scene.truncation_psi);
    fill($("#noise"), scene.noise_mode);
    say($("#background-name"), `${scene.styles.background}`);
    say($("#background-label"), scene.styles.objects ? "Background style" : "Style");
    $("#new-layout").disabled = scene.layout.length === 0;
  }
}

export class ViewCard {
  constructor(studio) {
    for (const name of ["handles", "heatmaps", "difference", "attention"]) {
      const box = $(`#view-${name}`);
      box.addEventListener("change", () => studio.view(name, box.checked));
      studio.on("view", () => (box.checked = studio.views[name]));
    }
    const compare = $("#compare");
    const hold = (on) => () => studio.view("compare", on);
    compare.addEventListener("pointerdown", hold(true));
    for (const end of ["pointerup", "pointerleave", "pointercancel", "blur"]) compare.addEventListener(end, hold(false));
    compare.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && studio.view("compare", true));
    compare.addEventListener("keyup", hold(false));
    $("#set-before").addEventListener("click", () => {
      studio.setBefore();
      studio.say("From now on, changes are compared with this image.");
    });
  }
}

// Show one of two buttons; the focus goes with it.
function swap(first, second, showFirst) {
  const [shown, gone] = showFirst ? [first, second] : [second, first];
  const focused = document.activeElement === gone;
  shown.hidden = false;
  gone.hidden = true;
  if (focused) shown.focus();
}

// Put a value into a field, unless somebody is writing in it.
function fill(input, value) {
  if (input.value !== `${value}` && (input.type === "range" || !input.dataset.typing)) input.value = value;
}

function say(output, text) {
  if (output.textContent !== text) output.textContent = text;
}
