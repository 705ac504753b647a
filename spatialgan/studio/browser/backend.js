// The back end without a server: a worker computes, and this answers what the page asks (static/backend.js says what
// that is). The page's folder holds models.json, the models and the runtime; workflow/demo.py puts them there.

import { parseScene } from "../scene.js";
import { complete, documentOf, edited, modelOf } from "./scenes.js";

export class BrowserBackend {
  can = new Set();
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map(); // job number -> {resolve, reject}
  #jobs = 0;

  constructor() {
    this.#worker.addEventListener("message", ({ data: { job, pixels, error } }) => {
      const { resolve, reject } = this.#waiting.get(job);
      this.#waiting.delete(job);
      if (error) reject(new Error(error));
      else resolve(pixels);
    });
  }

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

  // An answer that nobody waits for any more is thrown away.
  async render(scene, signal) {
    const whole = await this.complete(scene);
    const model = modelOf(whole, this.models);
    const job = this.#jobs++;
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      this.#waiting.set(job, { resolve, reject });
      this.#worker.postMessage({ job, scene: whole, model });
    });
  }

  async png(scene) {
    const pixels = await this.render(scene);
    const side = Math.sqrt(pixels.length / 4);
    const canvas = new OffscreenCanvas(side, side);
    canvas.getContext("2d").putImageData(new ImageData(pixels, side, side), 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
  }
}
