// What hands do to a handle: drag its center or its edge, pinch, turn the wheel, double-click, press keys. A gesture
// previews scenes while it lasts and becomes one step of the history when it ends.

import { at, moved, nameOf, partsMeant, resized } from "./scene.js";
import { bringBack, copyObject, remove, restyle } from "./actions.js";

const STEP = 0.02; // of an arrow key, in coordinates
const LARGE_STEP = 0.1; // with Shift
const GROWTH = 1.05; // of + and -
const WHEEL_MS = 350; // a wheel that rests this long has ended its gesture
const DOUBLE_MS = 400; // between the taps of a double-click
// movements as they come, where the browser has them so, and not once per frame
const MOVED = "onpointerrawupdate" in window ? "pointerrawupdate" : "pointermove";
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Gestures {
  constructor(marks) {
    this.marks = marks;
    this.studio = marks.studio;
    this.fingers = new Map(); // pointer id -> where it is, [y, x]
    this.held = null;
    const { root } = marks;
    root.addEventListener(MOVED, (event) => this.#move(event));
    root.addEventListener("pointerup", (event) => this.#up(event));
    root.addEventListener("pointercancel", (event) => this.#cancel(event));
    root.addEventListener("pointerdown", (event) => this.#secondFinger(event));
    this.studio.on("flush", () => this.#end());
  }

  // Inside an object's circle, beside its disc: it moves whose circle is held nearest to its center.
  listenInside(area) {
    area.addEventListener("pointerdown", (event) => this.#down(event, this.marks.nearest(event), "center"));
    area.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  }

  // A handle's group, which has the focus.
  listen(group, part, made) {
    this.listenToPointers(group, part, made);
    group.addEventListener("keydown", (event) => this.#key(event, part));
    group.addEventListener("keyup", (event) => this.#keyUp(event, part));
    group.addEventListener("blur", () => this.#end());
    group.addEventListener("focus", () => this.studio.select(part));
  }

  listenToPointers(group, part, { edge, grip, gripReach, reach }) {
    group.addEventListener("pointerdown", (event) => {
      const kind = [edge, grip, gripReach].includes(event.target) ? "edge" : "center";
      this.#down(event, part, kind, event.target === reach);
    });
    // a finger here must not scroll the page; browsers don't ask shapes inside an SVG for their touch-action
    group.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    group.addEventListener("wheel", (event) => this.#wheel(event, part), { passive: false });
  }

  #begin(part, kind, verb) {
    const { studio } = this;
    this.held = { part, kind, label: `${verb} ${nameOf(part)}`, scene: studio.scene };
    this.held.parts = partsMeant(studio.scene, part, studio.scope);
  }

  #end() {
    if (!this.held) return;
    clearTimeout(this.held.timer);
    const { label } = this.held;
    this.held = null;
    this.marks.root.classList.remove("holding");
    this.studio.commit(label);
  }

  #down(event, part, kind, byDisc = false) {
    if (event.button !== 0 || this.studio.locked || this.fingers.size > 0) return;
    this.#end();
    event.stopPropagation();
    this.marks.root.setPointerCapture(event.pointerId);
    this.studio.select(part);
    this.marks.focus(part);
    event.preventDefault();
    this.#begin(part, kind, kind === "edge" ? "Resize" : "Move");
    this.#keepFinger(event);
    this.held.from = this.marks.pointAt(event);
    // a disc at the edge takes its object, which is far outside, to where the hand is
    const shift = byDisc ? this.marks.shift(at(this.studio.scene, part).center) : [0, 0];
    this.held.from = this.held.from.map((c, axis) => c - shift[axis]);
    this.marks.root.classList.add("holding");
  }

  #secondFinger(event) {
    if (this.fingers.size !== 1 || !this.held?.from || this.fingers.has(event.pointerId)) return;
    event.preventDefault();
    this.#keepFinger(event);
    this.marks.root.setPointerCapture(event.pointerId);
    this.held.kind = "pinch";
    this.held.label = this.held.label.replace("Move", "Resize");
    this.held.scene = this.studio.scene;
    this.held.spread = this.#spread();
  }

  #keepFinger(event) {
    this.fingers.set(event.pointerId, this.marks.pointAt(event));
  }

  #spread() {
    const [a, b] = [...this.fingers.values()];
    return Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 0.02);
  }

  #move(event) {
    if (!this.fingers.has(event.pointerId) || !this.held?.from) return;
    this.#keepFinger(event);
    const { scene, parts, from, kind } = this.held;
    const [y, x] = this.marks.pointAt(event);
    let next;
    if (kind === "pinch") {
      next = resized(scene, parts, this.#spread() / this.held.spread);
    } else if (kind === "edge") {
      const center = at(scene, this.held.part).center;
      const radius = ([a, b]) => Math.max(Math.hypot(a - center[0], b - center[1]), 0.02);
      next = resized(scene, parts, radius([y, x]) / radius(from));
    } else {
      next = moved(scene, parts, y - from[0], x - from[1]);
    }
    this.studio.preview(next, event.timeStamp);
  }

  #up(event) {
    if (!this.fingers.has(event.pointerId)) return;
    this.fingers.clear();
    const tapped = this.held && this.studio.scene === this.held.scene && this.held.kind === "center";
    if (tapped) this.#tap(this.held.part, event.timeStamp);
    this.#end();
  }

  // Two taps are a double-click; the event of that name goes astray while the pointer is captured.
  #tap(part, time) {
    const twice = time - this.tapped?.time < DOUBLE_MS && String(this.tapped.part) === String(part);
    this.tapped = twice ? null : { part, time };
    if (twice) restyle(this.studio, part, 1);
  }

  #cancel(event) {
    if (!this.fingers.delete(event.pointerId)) return;
    this.#giveUp();
  }

  #giveUp() {
    this.fingers.clear();
    this.held = null;
    this.marks.root.classList.remove("holding");
    this.studio.revert();
  }

  #wheel(event, part) {
    if (this.studio.locked) return;
    event.preventDefault();
    if (this.fingers.size) return;
    if (this.held?.kind !== "wheel" || String(this.held.part) !== String(part)) {
      this.#end();
      this.studio.select(part);
      this.#begin(part, "wheel", "Resize");
    }
    const lines = event.deltaMode === 0 ? 1 : 16;
    const rate = event.ctrlKey ? 0.01 : 0.0015; // a pinch on a trackpad is a wheel with Ctrl
    const factor = Math.exp(-event.deltaY * lines * rate);
    this.studio.preview(resized(this.studio.scene, this.held.parts, factor), event.timeStamp);
    clearTimeout(this.held.timer);
    this.held.timer = setTimeout(() => this.#end(), WHEEL_MS);
  }

  #key(event, part) {
    const { studio } = this;
    if (studio.locked || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      delete: () => this.#remove(part),
      backspace: () => this.#remove(part),
      r: () => restyle(studio, part, event.shiftKey ? -1 : 1),
      c: () => copyObject(studio, part),
      b: () => bringBack(studio),
    }[event.key.toLowerCase()];
    if (event.key === "Escape" && this.held) this.#giveUp();
    else if (event.key in ARROWS) this.#arrow(event, part);
    else if (["+", "=", "-", "_"].includes(event.key)) this.#grow(event, part);
    else if (act) act();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // The handle goes, and with it the focus: the next one has it now.
  #remove(part) {
    remove(this.studio, part);
    const present = this.marks.parts().filter((other) => at(this.studio.scene, other).presence > 0);
    const next = present.find((other) => String(other) > String(part)) ?? present[0];
    if (next) this.marks.focus(next);
    else document.querySelector("#chips [aria-pressed=true]")?.focus({ preventScroll: true });
  }

  #arrow(event, part) {
    if (this.held?.kind !== "arrows") {
      this.#end();
      this.#begin(part, "arrows", "Move");
    }
    const step = event.shiftKey ? LARGE_STEP : STEP;
    const [dy, dx] = ARROWS[event.key].map((direction) => direction * step);
    this.studio.preview(moved(this.studio.scene, this.held.parts, dy, dx), event.timeStamp);
  }

  #grow(event, part) {
    if (this.held?.kind !== "keys") {
      this.#end();
      this.#begin(part, "keys", "Resize");
    }
    const factor = ["+", "="].includes(event.key) ? GROWTH : 1 / GROWTH;
    this.studio.preview(resized(this.studio.scene, this.held.parts, factor), event.timeStamp);
  }

  #keyUp(event) {
    const ends = { arrows: event.key in ARROWS, keys: true };
    if (this.held && ends[this.held.kind]) this.#end();
  }
}
