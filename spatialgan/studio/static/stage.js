// The image with its handles, and beside it the levels of a hierarchy.

import { Marks } from "./marks.js";
import { attended, difference, dimmed, heatmaps, paint } from "./pictures.js";
import { allParts } from "./scene.js";
import { CALM_MS } from "./studio.js";

const MARGIN = 0.055; // of the frame: handles just outside the image can be reached
const OVERLAY = 64; // px of the heatmaps over the image
const SEEN = "spatialgan-studio-hint";

export class Stage {
  constructor(studio, timing) {
    this.studio = studio;
    this.timing = timing;
    this.frame = document.querySelector("#frame");
    this.image = document.querySelector("#image");
    this.overlay = document.querySelector("#overlay");
    this.hint = document.querySelector("#hint");
    this.marks = new Marks(document.querySelector("#handles"), studio, {
      parts: () => this.#handles(),
      outlines: () => this.#outlines(),
      margin: MARGIN,
    });
    studio.on("pixels view history", (event) => this.#draw(event.detail?.time));
    studio.on("echo selection view", () => this.#drawHeatmaps());
    studio.on("history", () => this.#forgetHint());
    if (!remembered()) this.hint.hidden = false;
  }

  // Of a hierarchy, the image shows level 0 and what is selected; the panels have the rest.
  #handles() {
    const { scene, selection, views } = this.studio;
    if (!views.handles) return [];
    const all = allParts(scene);
    if (scene.layout.length === 1) return all;
    return all.filter((part) => part[0] === 0 || String(part) === String(selection));
  }

  #outlines() {
    const { scene, views } = this.studio;
    if (!views.handles || scene.layout.length === 1) return [];
    const handles = new Set(this.#handles().map(String));
    return allParts(scene).filter((part) => !handles.has(String(part)));
  }

  #draw(time) {
    const { pixels, before, views } = this.studio;
    if (!pixels) return;
    const comparable = before.pixels?.length === pixels.length;
    let shown = pixels;
    if (views.compare && before.pixels) shown = before.pixels;
    else if (views.difference && comparable) shown = difference(before.pixels, pixels);
    else if (views.attention) shown = this.#attended(pixels);
    paint(this.image, shown);
    this.frame.classList.toggle("compare", views.compare);
    this.frame.classList.toggle("difference", views.difference);
    this.timing.note(time);
  }

  // The image as it is until the first map has come.
  #attended(pixels) {
    const { attended: found, attendedMap, scene } = this.studio;
    const size = pixels.length / 4;
    if (found?.scene.model !== scene.model) return pixels;
    return attended(pixels, found.maps.subarray(attendedMap * size, (attendedMap + 1) * size));
  }

  #drawHeatmaps() {
    const { scene, views } = this.studio;
    this.overlay.hidden = !views.heatmaps || views.compare;
    if (this.overlay.hidden) return;
    const level = scene.layout.length > 1 ? this.studio.selection[0] : 0;
    const parts = allParts(scene).filter((part) => part[0] === level);
    paint(this.overlay, heatmaps(scene, parts, OVERLAY));
  }

  #forgetHint() {
    if (this.hint.hidden || !this.studio.history.canUndo) return;
    this.hint.hidden = true;
    remember();
  }
}

export class Levels {
  constructor(studio) {
    this.studio = studio;
    this.root = document.querySelector("#levels");
    this.panels = [];
    this.pixels = null; // that are drawn
    this.drawn = 0; // when
    studio.on("scene", () => this.#drawHeatmaps());
    studio.on("pixels", () => performance.now() - this.drawn > CALM_MS && this.#drawImages());
    studio.on("idle", () => this.#drawImages());
  }

  #drawHeatmaps() {
    const { scene, model } = this.studio;
    if (this.built !== scene.model) this.#build(model);
    for (const { canvas, level, resolution } of this.panels) {
      const parts = allParts(scene).filter((part) => part[0] === level);
      paint(canvas, heatmaps(scene, parts, resolution));
    }
  }

  #drawImages() {
    const { pixels } = this.studio;
    if (this.panels.length === 0 || !pixels || pixels === this.pixels) return;
    this.pixels = pixels;
    this.drawn = performance.now();
    const gray = dimmed(pixels);
    for (const { behind } of this.panels) paint(behind, gray);
  }

  #build(model) {
    this.built = model.name;
    this.pixels = null;
    const levels = model.levels.length > 1 ? model.levels : [];
    this.root.hidden = levels.length === 0;
    this.panels = levels.map(({ resolution }, level) => this.#panel(level, resolution));
    this.root.replaceChildren(...this.panels.map((panel) => panel.figure));
  }

  #panel(level, resolution) {
    const template = document.querySelector("#level-panel").content.cloneNode(true);
    const figure = template.querySelector("figure");
    figure.querySelector("figcaption").textContent = `Level ${level} · ${resolution} × ${resolution}`;
    const root = figure.querySelector("svg");
    root.setAttribute("aria-label", `Handles of level ${level}`);
    const parts = () => allParts(this.studio.scene).filter((part) => part[0] === level);
    const current = () => this.built === this.studio.scene.model; // or else this panel is about to go
    new Marks(root, this.studio, { parts: () => (current() ? parts() : []), disc: 11, calm: true });
    return { figure, level, resolution, canvas: figure.querySelector(".cells"), behind: figure.querySelector(".behind") };
  }
}

function remembered() {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return false;
  }
}

function remember() {
  try {
    localStorage.setItem(SEEN, "seen");
  } catch {
    // a browser that keeps nothing shows the hint again
  }
}
