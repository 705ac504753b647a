// The handles: for each sub-heatmap the circle where it falls to half its maximum, and a disc at its center to take
// hold of. Used on the image and on the panels of a hierarchy's levels.

import { HALF_MAXIMUM, at, clamp, colorOf, nameOf } from "./scene.js";
import { Gestures } from "./gestures.js";

const SVG = "http://www.w3.org/2000/svg";
const SIN = Math.SQRT1_2; // the grip sits at 45 degrees, down and to the right
const INSET = 3; // px: a disc whose center lies outside stays this far inside the frame

export function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export class Marks {
  // `parts()` says which sub-heatmaps have handles here, `outlines()` which have only their circle; `margin` is the
  // part of the frame around the image, on each side; `disc` the radius of a center. Calm marks follow gestures of
  // other marks a few times a second only.
  constructor(root, studio, { parts, outlines = () => [], margin = 0, disc = 13, calm = false }) {
    Object.assign(this, { root, studio, parts, outlines, margin, disc });
    this.drawn = new Map();
    this.areas = svg("g", { "aria-hidden": "true" }); // below all handles
    this.top = svg("g", { class: "top", "aria-hidden": "true" }); // the discs once more, above all circles
    root.append(this.areas, this.top);
    this.gestures = new Gestures(this);
    this.frame = { width: 0, height: 0 };
    new ResizeObserver(([{ contentRect }]) => this.#resize(contentRect)).observe(root);
    studio.on("echo", () => (calm && !this.gestures.held) || this.update());
    studio.on(calm ? "scene selection view models" : "selection view models", () => this.update());
  }

  get side() {
    return this.frame.width * (1 - 2 * this.margin);
  }

  // From (y, x) in the scene to px of the SVG, and from px of the window to the scene.
  place(coordinate) {
    return this.frame.width * this.margin + ((coordinate + 1) / 2) * this.side;
  }

  pointAt(event) {
    const box = this.root.getBoundingClientRect();
    const read = (px) => ((px - this.frame.width * this.margin) / this.side) * 2 - 1;
    return [read(event.clientY - box.top), read(event.clientX - box.left)];
  }

  // Where a disc is drawn, in px: at its center, or else at the frame's edge.
  #clamped([y, x]) {
    const inset = this.disc + INSET;
    return [clamp(y, inset, this.frame.height - inset), clamp(x, inset, this.frame.width - inset)];
  }

  // How far the disc of a center outside the frame is from it, in coordinates; 0 along an axis that has it inside.
  shift(center) {
    const at = center.map((c) => this.place(c));
    const outside = (px, axis) => px < 0 || px > [this.frame.height, this.frame.width][axis];
    return this.#clamped(at).map((px, axis) => (outside(at[axis], axis) ? ((px - at[axis]) / this.side) * 2 : 0));
  }

  // The size is kept: to ask for it after every change makes the browser lay the page out each time.
  #resize({ width, height }) {
    this.frame = { width, height };
    this.update();
  }

  update() {
    const { scene } = this.studio;
    if (!scene || this.side <= 0) return;
    this.#rebuild(this.parts(), this.outlines());
    for (const [key, mark] of this.drawn) this.#put(mark, at(scene, mark.part), key);
  }

  // The part whose circle is held nearest to its center, as a share of the circle's radius.
  nearest(event) {
    const [y, x] = this.pointAt(event);
    const share = ({ center, sigma }) => Math.hypot(y - center[0], x - center[1]) / sigma;
    const present = this.parts().filter((part) => at(this.studio.scene, part).presence > 0);
    return present.reduce((a, b) => (share(at(this.studio.scene, b)) < share(at(this.studio.scene, a)) ? b : a));
  }

  focus(part) {
    this.drawn.get(`handle ${part}`)?.group.focus({ preventScroll: true });
  }

  // Make the elements that are missing and remove those that are too many; focus stays where it is.
  #rebuild(parts, outlines) {
    const wanted = [
      ...outlines.map((part) => [`outline ${part}`, part, false]),
      ...parts.map((part) => [`handle ${part}`, part, true]),
    ];
    const keys = new Set(wanted.map(([key]) => key));
    for (const [key, mark] of this.drawn) {
      if (!keys.has(key)) {
        mark.group.remove();
        mark.area?.remove();
        mark.twin?.group.remove();
        this.drawn.delete(key);
      }
    }
    for (const [key, part, whole] of wanted) {
      if (this.drawn.has(key)) continue;
      const mark = whole ? this.#handle(part) : this.#outline(part);
      this.drawn.set(key, mark);
      if (whole) {
        this.areas.append(mark.area);
        this.top.before(mark.group);
        this.top.append(mark.twin.group);
      } else this.root.prepend(mark.group);
    }
  }

  #outline(part) {
    const halo = svg("circle", { class: "halo" });
    const ring = svg("circle", { class: "ring" });
    const group = svg("g", { class: "outline", "aria-hidden": "true" }, halo, ring);
    return { part, group, halo, ring };
  }

  #handle(part) {
    const circle = (name) => svg("circle", { class: name });
    const [area, halo, ring, edge] = ["area", "halo", "ring", "edge"].map(circle);
    const disc = this.#disc(part);
    const twin = this.#disc(part);
    const group = svg("g", { class: "handle", tabindex: "0", role: "button" }, halo, ring, edge, disc.group);
    group.dataset.part = nameOf(part);
    this.gestures.listen(group, part, { ...disc, edge });
    this.gestures.listenToPointers(twin.group, part, twin);
    this.gestures.listenInside(area);
    return { part, group, area, halo, ring, edge, disc, twin };
  }

  // What is taken hold of at a center, and the grip at the circle.
  #disc(part) {
    const radii = { gripReach: 12, grip: this.disc * 0.45, focus: this.disc + 5, reach: Math.max(this.disc, 12), dot: this.disc };
    const names = { gripReach: "grip-reach" };
    const circle = ([name, r]) => [name, svg("circle", { class: names[name] ?? name, r })];
    const made = Object.fromEntries(Object.entries(radii).map(circle));
    const name = svg("text", { class: "name", "aria-hidden": "true" });
    name.textContent = nameOf(part);
    style(name, { "font-size": `${this.disc * Math.min(1, 2.7 / name.textContent.length)}px` }); // all of it fits
    return { ...made, group: svg("g", {}, ...Object.values(made), name) };
  }

  #put(mark, gaussian, key) {
    const { scene, selection } = this.studio;
    const shown = gaussian && gaussian.presence > 0;
    mark.group.classList.toggle("absent", !shown);
    mark.area?.classList.toggle("absent", !shown);
    if (!gaussian) return;
    const [y, x] = gaussian.center.map((c) => this.place(c));
    const radius = (gaussian.sigma * HALF_MAXIMUM * this.side) / 2;
    style(mark.group, { "--color": colorOf(scene, mark.part), "--presence": gaussian.presence });
    set(mark.group, { transform: `translate(${x} ${y})` });
    for (const circle of [mark.halo, mark.ring, mark.edge]) if (circle) set(circle, { r: radius });
    if (key.startsWith("outline")) return;
    set(mark.area, { cx: x, cy: y, r: radius });
    const chosen = String(selection) === String(mark.part);
    const [dotY, dotX] = this.#clamped([y, x]);
    set(mark.disc.group, { transform: `translate(${dotX - x} ${dotY - y})` });
    set(mark.twin.group, { transform: `translate(${dotX} ${dotY})`, class: shown ? (chosen ? "selected" : "") : "absent" });
    if (chosen) raise(mark.twin.group);
    style(mark.twin.group, { "--color": colorOf(scene, mark.part) });
    const out = Math.max(radius, this.disc + 9) * SIN;
    for (const { grip, gripReach } of [mark.disc, mark.twin]) {
      for (const circle of [grip, gripReach]) set(circle, { cx: out, cy: out });
    }
    mark.group.classList.toggle("selected", chosen);
    set(mark.group, { "aria-pressed": chosen, "aria-label": describe(mark.part, gaussian), tabindex: shown ? "0" : "-1" });
  }
}

// Put an element after its siblings. These are moved, since an element that is moved loses the finger on it.
function raise(element) {
  while (element.nextSibling) element.before(element.nextSibling);
}

function describe(part, { center: [y, x], sigma, presence }) {
  const numbers = `y ${y.toFixed(2)}, x ${x.toFixed(2)}, size ${sigma.toFixed(2)}`;
  return `Object ${nameOf(part)}: ${numbers}${presence < 1 ? `, presence ${presence.toFixed(2)}` : ""}`;
}

// What stays as it is isn't set: the browser would draw it again.
function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (element.getAttribute(key) !== String(value)) element.setAttribute(key, value);
  }
}

function style(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (element.style.getPropertyValue(name) !== String(value)) element.style.setProperty(name, value);
  }
}
