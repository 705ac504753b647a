// The tab "Region": a box on the image, and sliders that change what is in it most and the rest least. A slider adds a
// direction to the scene's `changes`, which is all there is to it: the scene that is saved needs no sliders.

import { base64Of, bytesOf } from "./bytes.js";
import { field, isNumber } from "./fields.js";
import { svg } from "./marks.js";
import { clamp, round } from "./scene.js";

const LEAST = 0.1; // of a box's sides
const SIDES = ["y", "x", "height", "width"];

const $ = (selector) => document.querySelector(selector);

export class Region {
  constructor(studio, marks) {
    Object.assign(this, { studio, marks, active: false, box: [0, 0, 0.8, 0.8], found: null });
    this.root = $("#region");
    this.#listenToStage();
    SIDES.forEach((side, i) => {
      $(`#box-${side}`).addEventListener("change", ({ target }) => {
        this.#setBox(isNumber(target) ? this.box.with(i, Number(target.value)) : this.box);
      });
    });
    $("#region-find").addEventListener("click", () => this.#find());
    $("#region-cancel").addEventListener("click", () => this.control?.abort());
    $("#region-clear").addEventListener("click", () => {
      this.studio.apply(this.#sceneAt(this.values.map(() => 0)), "Sliders at 0", performance.now());
    });
    new ResizeObserver(() => this.#draw()).observe(this.root);
    studio.on("scene", () => this.#follow());
  }

  // Turn the tab on or off; what was set stays.
  show(active) {
    this.active = active;
    this.root.classList.toggle("active", active);
    this.#draw();
  }

  // From one corner to the other.
  #listenToStage() {
    this.root.addEventListener("pointerdown", (event) => {
      if (!this.active || this.studio.locked || event.button !== 0) return;
      event.preventDefault();
      this.root.setPointerCapture(event.pointerId);
      this.corner = this.#inside(event);
    });
    this.root.addEventListener("pointermove", (event) => {
      if (!this.corner) return;
      const here = this.#inside(event);
      const middle = here.map((c, axis) => (c + this.corner[axis]) / 2);
      this.#setBox([...middle, ...here.map((c, axis) => Math.abs(c - this.corner[axis]))]);
    });
    for (const end of ["pointerup", "pointercancel"]) this.root.addEventListener(end, () => (this.corner = null));
  }

  #inside(event) {
    return this.marks.pointAt(event).map((c) => clamp(c, -1, 1));
  }

  #setBox([y, x, height, width]) {
    const sides = [height, width].map((side) => clamp(side || LEAST, LEAST, 2));
    const center = [y, x].map((c) => clamp(c || 0, -1, 1));
    this.box = [...center, ...sides].map(round);
    SIDES.forEach((side, i) => ($(`#box-${side}`).value = this.box[i]));
    this.#draw();
  }

  #draw() {
    const [y, x, height, width] = this.box;
    const [top, left] = [this.marks.place(y - height / 2), this.marks.place(x - width / 2)];
    const size = { height: this.marks.place(y + height / 2) - top, width: this.marks.place(x + width / 2) - left };
    const rect = () => svg("rect", { x: left, y: top, ...size });
    this.root.replaceChildren(...(this.active && size.width > 0 ? [rect(), rect()] : []));
  }

  async #find() {
    const { studio } = this;
    const { scene } = studio;
    this.control = new AbortController();
    this.#busy(true);
    await studio.attempt(async () => {
      const region = `box:${this.box.join(",")}`;
      const { field, sliders } = await studio.backend.sliders(scene, region, $("#region-method").value, this.control.signal);
      const changes = sliders.map(({ change }) => floatsOf(change));
      this.found = { model: scene.model, field, changes, reaches: sliders.map(({ reach }) => reach) };
      this.#begin(scene.changes?.[field] ?? "");
      $("#sliders").replaceChildren(...changes.map((_, i) => this.#row(i)));
    });
    this.#busy(false);
    this.#show();
  }

  #busy(on) {
    this.studio.lock(on);
    $("#region-find").hidden = on;
    $("#region-cancel").hidden = !on;
    if (on) $("#region-help").textContent = "Looking for what changes the box most, and the rest least…";
    $(on ? "#region-cancel" : "#region-find").focus();
  }

  // The sliders are at 0 for these changes, and what they lead to is known from now on.
  #begin(text) {
    this.base = floatsOf(text);
    this.values = this.found.changes.map(() => 0);
    this.known = new Map([[text, this.values]]);
  }

  // After an undo, or another edit, the sliders are where the scene's changes say, or at 0.
  #follow() {
    const { found, studio } = this;
    if (!found) return;
    if (found.model !== studio.scene.model) {
      this.found = null;
      $("#sliders").replaceChildren();
      return this.#show();
    }
    const text = studio.scene.changes?.[found.field] ?? "";
    if (!this.known.has(text)) this.#begin(text);
    this.values = this.known.get(text);
    this.#show();
  }

  #show() {
    const some = this.found !== null;
    $("#region-clear").hidden = !some;
    $("#region-help").textContent = some ? "Move a slider. Each changes the box most, and the rest least." : "Draw a box on the image.";
    [...$("#sliders").children].forEach((row, i) => {
      for (const input of row.querySelectorAll("input")) {
        if (input !== document.activeElement || Number(input.value) !== this.values[i]) input.value = this.values[i];
      }
    });
  }

  #row(i) {
    const row = $("#region-slider").content.cloneNode(true).firstElementChild;
    const [range, number] = row.querySelectorAll("input");
    const label = row.querySelector("label");
    label.textContent = `Slider ${i + 1}`;
    label.htmlFor = range.id = `region-slider-${i}`;
    number.setAttribute("aria-label", `Slider ${i + 1}, as a number`);
    const apply = (value) => this.#sceneAt(this.values.with(i, round(clamp(value, -1, 1))));
    for (const input of [range, number]) field(this.studio, input, { apply, label: () => `Slider ${i + 1}` });
    return row;
  }

  // The scene with the sliders at these values.
  #sceneAt(values) {
    const { studio, found } = this;
    const sum = new Float32Array(Math.max(this.base.length, ...found.changes.map((change) => change.length)));
    sum.set(this.base);
    found.changes.forEach((change, k) => {
      const alpha = values[k] * found.reaches[k];
      if (alpha) change.forEach((number, j) => (sum[j] += alpha * number));
    });
    const begun = values.every((number) => number === 0);
    const text = begun ? this.known.keys().next().value : base64Of(new Uint8Array(sum.buffer));
    if (!this.known.has(text)) this.known.set(text, values);
    const { [found.field]: _, ...others } = studio.scene.changes ?? {};
    const changes = text ? { ...others, [found.field]: text } : others;
    const { changes: __, ...rest } = studio.scene;
    return Object.keys(changes).length ? { ...rest, changes } : rest;
  }
}

// Little-endian numbers, as every browser's computer has them.
function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}
