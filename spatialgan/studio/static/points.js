// The tab "Drag points": pairs of a handle and its target, a mask, and a drag that streams its steps.

import { base64Of } from "./bytes.js";
import { isNumber } from "./fields.js";
import { HALF_MAXIMUM, at, clamp, counted, round } from "./scene.js";
import { svg } from "./marks.js";

const MASK = 128; // px of the mask
const MAX_PAIRS = 32;
const TOLERANCE_PX = 1;

const $ = (selector) => document.querySelector(selector);

export class Points {
  constructor(studio, marks) {
    Object.assign(this, { studio, marks, pairs: [], tool: "points", active: false });
    this.mask = document.createElement("canvas");
    this.mask.width = this.mask.height = MASK;
    this.shade = $("#mask");
    this.shade.width = this.shade.height = MASK;
    this.root = $("#points");
    this.#listenToStage();
    $("#drag-start").addEventListener("click", () => this.#start());
    $("#drag-cancel").addEventListener("click", () => this.#end(false));
    $("#drag-keep").addEventListener("click", () => this.#end(true));
    $("#pair-add").addEventListener("click", () => this.#add({ handle: [0, -0.2], target: [0, 0.2] }));
    $("#pair-clear").addEventListener("click", () => this.#clear());
    $("#mask-object").addEventListener("click", () => this.#paintObject());
    $("#mask-clear").addEventListener("click", () => this.#clearMask());
    for (const radio of document.querySelectorAll("input[name=tool]")) {
      radio.addEventListener("change", () => this.#choose(radio.value));
    }
    new ResizeObserver(() => this.#draw()).observe(this.root);
    studio.on("scene", () => this.#methods());
  }

  // Turn the tab on or off; what was set stays.
  show(active) {
    this.active = active;
    this.root.classList.toggle("active", active);
    this.#drawMask();
    this.#draw();
  }

  #choose(tool) {
    this.tool = tool;
    this.#ask();
    this.root.classList.toggle("painting", tool !== "points");
  }

  #methods() {
    const { model } = this.studio;
    if (this.methodsOf === model.name) return;
    this.methodsOf = model.name;
    $("#method").replaceChildren(...model.methods.map(({ name, title }) => new Option(title, name)));
  }

  #listenToStage() {
    this.root.addEventListener("pointerdown", (event) => {
      if (!this.active || this.studio.locked || event.button !== 0) return;
      event.preventDefault();
      this.root.setPointerCapture(event.pointerId);
      const held = event.target.dataset?.end;
      if (this.tool !== "points") this.stroke = true;
      else if (held) this.held = [Number(event.target.dataset.pair), held];
      else this.#click(this.marks.pointAt(event));
      this.#moveTo(event);
    });
    this.root.addEventListener("pointermove", (event) => this.#moveTo(event));
    for (const end of ["pointerup", "pointercancel"]) {
      this.root.addEventListener(end, () => {
        this.stroke = this.held = this.last = null;
      });
    }
  }

  #moveTo(event) {
    const point = this.marks.pointAt(event).map((c) => round(clamp(c, -1, 1)));
    if (this.stroke) return this.#brush(point);
    if (!this.held) return;
    const [pair, end] = this.held;
    this.pairs[pair][end] = point;
    this.#draw();
    this.#list();
  }

  // The first click is a handle, the second its target.
  #click(point) {
    const inside = point.map((c) => round(clamp(c, -1, 1)));
    const open = this.pairs.find((pair) => !pair.target);
    if (open) {
      open.target = inside;
      this.#changed();
    } else this.#add({ handle: inside, target: null });
  }

  #add(pair) {
    if (this.pairs.length >= MAX_PAIRS) return this.studio.say(`A drag takes at most ${MAX_PAIRS} pairs.`);
    this.pairs.push(pair);
    this.#changed();
  }

  #clear() {
    this.pairs = [];
    this.#changed();
  }

  #changed() {
    this.#list();
    this.#draw();
    this.#ask();
  }

  // Say what comes next: an open pair, another one, or the drag.
  #ask() {
    const open = this.pairs.some((pair) => !pair.target);
    const clicks = open ? "Now click where it should go." : "Click a point of the image that should move.";
    const strokes = { brush: "Paint what may change.", eraser: "Wipe off what was painted." };
    $("#points-help").textContent = strokes[this.tool] ?? clicks;
    $("#drag-start").disabled = open || this.pairs.length === 0;
  }

  #brush(point) {
    const pen = this.mask.getContext("2d", { willReadFrequently: true });
    const [y, x] = point.map((c) => ((c + 1) / 2) * MASK);
    const [fromY, fromX] = this.last ?? [y, x];
    pen.globalCompositeOperation = this.tool === "eraser" ? "destination-out" : "source-over";
    Object.assign(pen, { lineWidth: (Number($("#brush-size").value) / 100) * MASK, lineCap: "round", strokeStyle: "#fff" });
    pen.beginPath();
    pen.moveTo(fromX, fromY);
    pen.lineTo(x, y + 0.01);
    pen.stroke();
    this.last = [y, x];
    this.#drawMask();
  }

  // All of the selected object, to half its maximum: a mask without a pointer.
  #paintObject() {
    const object = at(this.studio.scene, this.studio.selection);
    if (!object) return this.studio.say("No object is selected.");
    const [y, x] = object.center.map((c) => ((c + 1) / 2) * MASK);
    const pen = this.mask.getContext("2d", { willReadFrequently: true });
    pen.globalCompositeOperation = "source-over";
    pen.fillStyle = "#fff";
    pen.beginPath();
    pen.arc(x, y, (object.sigma * HALF_MAXIMUM * MASK) / 2, 0, 2 * Math.PI);
    pen.fill();
    this.#drawMask();
  }

  #clearMask() {
    this.mask.getContext("2d", { willReadFrequently: true }).clearRect(0, 0, MASK, MASK);
    this.#drawMask();
  }

  #painted() {
    const { data } = this.mask.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, MASK, MASK);
    return Uint8Array.from({ length: MASK * MASK }, (_, i) => data[4 * i + 3]);
  }

  #masked() {
    return this.#painted().some((gray) => gray > 127); // an eraser leaves a trace of a stroke's soft edge
  }

  // What the mask keeps is dark, except while a drag shows how far it is.
  #drawMask() {
    const pen = this.shade.getContext("2d", { willReadFrequently: true });
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, MASK, MASK);
    this.shade.hidden = !this.active || this.studio.locked || !this.#masked();
    pen.fillStyle = "#0b0714";
    pen.fillRect(0, 0, MASK, MASK);
    pen.globalCompositeOperation = "destination-out";
    pen.drawImage(this.mask, 0, 0);
  }

  #list() {
    const items = this.pairs.map((pair, i) => this.#row(pair, i));
    $("#pairs").replaceChildren(...items);
  }

  #row(pair, i) {
    const row = $("#pair").content.cloneNode(true).firstElementChild;
    row.querySelector(".pair-name").textContent = `${i + 1}`;
    for (const input of row.querySelectorAll("input")) {
      const [end, axis] = [input.dataset.end, Number(input.dataset.axis)];
      input.setAttribute("aria-label", `Pair ${i + 1}, ${end}, ${axis ? "x" : "y"}`);
      input.value = pair[end]?.[axis] ?? "";
      input.addEventListener("change", () => {
        if (isNumber(input)) pair[end] = (pair[end] ?? [0, 0]).with(axis, round(clamp(Number(input.value), -1, 1)));
        input.value = pair[end]?.[axis] ?? "";
        this.#draw();
        this.#ask();
      });
    }
    const drop = row.querySelector("button");
    drop.setAttribute("aria-label", `Remove pair ${i + 1}`);
    drop.addEventListener("click", () => {
      this.pairs.splice(i, 1);
      this.#changed();
    });
    return row;
  }

  #draw(handles = null) {
    const place = ([y, x]) => [this.marks.place(y), this.marks.place(x)];
    const shown = this.active ? this.pairs : [];
    const drawn = shown.flatMap((pair, i) => {
      const [y, x] = place(handles?.[i] ?? pair.handle);
      const dot = (kind, cy, cx) => svg("circle", { class: `point ${kind}`, cy, cx, r: 12, "data-pair": i, "data-end": kind });
      if (!pair.target) return [dot("handle", y, x)];
      const [toY, toX] = place(pair.target);
      return [svg("line", { class: "way", x1: x, y1: y, x2: toX, y2: toY }), dot("target", toY, toX), dot("handle", y, x)];
    });
    this.root.replaceChildren(...drawn);
  }

  async #start() {
    const { studio } = this;
    const steps = clamp(Math.round(Number($("#max-steps").value)) || 1, 1, 1000);
    const request = {
      scene: studio.scene,
      handles: this.pairs.map((pair) => pair.handle),
      targets: this.pairs.map((pair) => pair.target),
      method: $("#method").value,
      mask: this.#masked() ? base64Of(this.#painted()) : "",
      max_steps: steps,
      tolerance_px: TOLERANCE_PX,
    };
    this.control = new AbortController();
    this.reached = null;
    this.#busy(true);
    try {
      for await (const state of studio.backend.drag(request, this.control.signal)) this.#progress(state, steps);
      this.#finish(this.reached?.ended);
    } catch (error) {
      if (error.name === "AbortError") this.#finish(this.keep);
      else {
        this.#finish(false);
        studio.say(error.message);
      }
    }
  }

  #progress(state, steps) {
    const left = (100 * state.distance).toFixed(1);
    $("#drag-bar").max = steps;
    $("#drag-bar").value = state.step;
    $("#drag-progress").textContent = `Step ${state.step}, ${left} % of the image left`;
    this.#draw(state.handles);
    if (!state.pixels) return;
    this.reached = { ...state, ended: state.outcome !== "going" };
    this.studio.showPixels(state.pixels, state.scene);
  }

  // Stop the drag: keep what is seen, or leave the scene as it was.
  #end(keep) {
    this.keep = keep;
    this.control?.abort();
  }

  #finish(keep) {
    const { studio, reached } = this;
    this.#busy(false);
    if (keep && reached) {
      this.pairs.forEach((pair, i) => (pair.handle = reached.handles[i].map((c) => round(clamp(c, -1, 1)))));
      studio.apply(reached.scene, "Drag points");
      studio.say(OUTCOMES[reached.outcome] ?? `Stopped after ${counted(reached.step, "step")}.`);
    } else {
      studio.revert();
      studio.say("The drag is canceled; the image is unchanged.");
    }
    this.#changed();
  }

  #busy(on) {
    this.studio.lock(on);
    for (const selector of ["#drag-cancel", "#drag-keep", "#drag-running"]) $(selector).hidden = !on;
    $("#drag-start").hidden = on;
    this.#drawMask();
    $("#drag-bar").value = 0;
    $("#drag-progress").textContent = "Starting…";
    if (on) $("#drag-cancel").focus();
    else $("#drag-start").focus();
  }
}

const OUTCOMES = {
  reached: "Every point has arrived.",
  jumped: "The objects were moved; this method takes no steps.",
  "step cap": "The drag reached its limit of steps; start it again to continue.",
  diverged: "The drag became unstable and was stopped.",
};
