// The back end without a server: a worker computes, and this answers what the page asks (static/backend.js says what
// that is). The page's folder holds models.json, the models and the runtime; workflow/demo.py puts them there.

import { Jobs } from "../jobs.js";
import { parseScene } from "../scene.js";
import { complete, documentOf, edited, modelOf } from "./scenes.js";

export class BrowserBackend {
  can = new Set();
  #worker = new Jobs(new URL("worker.js", import.meta.url));

  async list() {
    const answer = await fetch("models.json");
    if (!answer.ok) throw new Error(`The list of models is missing (${answer.status}).`);
    const models = await answer.json();
    this.models = models.map((model) => ({ ...model, methods: [], scene: parseScene(model.scene) }));
    return this.models;
  }

  async complete(scene) {
    return complete(scene, modelOf(scene, this.models));
  }

  async edit(scene, edits) {
    return edits.reduce(edited, await this.complete(scene));
  }

  async text(scene, edits = []) {
    return documentOf(await this.edit(scene, edits));
  }

  async render(scene, signal) {
    const whole = await this.complete(scene);
    return this.#worker.ask({ scene: whole, model: modelOf(whole, this.models) }, signal);
  }

  async png(scene) {
    const pixels = await this.render(scene);
    const side = Math.sqrt(pixels.length / 4);
    const canvas = new OffscreenCanvas(side, side);
    canvas.getContext("2d").putImageData(new ImageData(pixels, side, side), 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
  }
}
