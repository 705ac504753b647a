// Who computes. The page knows only `can` and these methods, so another back end can take this one's place, as
// ../browser/backend.js does: list(), complete(scene), edit(scene, edits), text(scene), render(scene, signal), png(scene),
// and, each where `can` has its name, strip(before, after), film(scenes), drag(request, signal), invert(request, signal),
// sliders(scene, region, method, signal).
// Parts of the page that need one of these have its name in `data-needs`. Scenes are plain objects (docs/scenes.md).

import { ask, post } from "./asking.js";
import { bytesOf } from "./bytes.js";
import { Jobs } from "./jobs.js";
import { parseScene } from "./scene.js";

const CLIENT = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("");

export class HttpBackend {
  can = new Set(["drag", "film", "invert", "sliders", "strip"]);
  #images = new Jobs(new URL("images.js", import.meta.url));

  constructor(token) {
    this.headers = {
      "content-type": "application/json",
      "x-spatialgan": "1",
      "x-spatialgan-client": CLIENT,
      ...(token ? { "x-spatialgan-token": token } : {}),
    };
  }

  // The models: name, resolution, levels, methods, and a scene to begin with.
  async list() {
    const answer = await ask("models", { headers: this.headers });
    const { models } = await answer.json();
    return models.map((model) => ({ ...model, scene: parseScene(model.scene) }));
  }

  // The scene with everything drawn that it leaves out.
  complete(scene) {
    return this.edit(scene, []);
  }

  async edit(scene, edits) {
    return parseScene(await this.text(scene, edits));
  }

  // The document as `spatialgan scene` would write it.
  async text(scene, edits = []) {
    return (await this.#post("edit", { scene, edits })).text();
  }

  // The pixels of a scene: rows of RGBA bytes.
  render(scene, signal) {
    return this.#images.ask({ scene, headers: this.headers }, signal);
  }

  // Where the discriminator looks: rows of bytes per map, for models that list some in `attention`.
  async attention(scene, signal) {
    const answer = await this.#post("attention", scene, { signal });
    return new Uint8ClampedArray(await answer.arrayBuffer());
  }

  async png(scene) {
    return (await this.#post("render", scene, { accept: "image/png" })).blob();
  }

  async strip(before, after) {
    return (await this.#post("strip", { before, after })).blob();
  }

  async film(scenes) {
    return (await this.#post("film", { scenes })).blob();
  }

  // What changes a region most: { field, sliders: [{ change, reach }] }.
  async sliders(scene, region, method, signal) {
    return (await this.#post("sliders", { scene, region, method }, { signal })).json();
  }

  // The states of a drag, as they come; whoever stops listening ends it.
  drag(request, signal) {
    return this.#stream("drag", request, signal);
  }

  // The states of the search for a photo's scene, likewise.
  invert(request, signal) {
    return this.#stream("invert", request, signal);
  }

  async *#stream(path, request, signal) {
    const answer = await this.#post(path, request, { signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) yield readEvent(event);
    }
  }

  #post(path, body, options) {
    return post(path, body, { headers: this.headers, ...options });
  }
}

function readEvent(text) {
  const event = JSON.parse(text.replace(/^data: /, ""));
  if (event.error) throw new Error(event.error);
  if (event.image) {
    event.pixels = bytesOf(event.image, Uint8ClampedArray);
    event.scene = parseScene(event.scene);
  }
  return event;
}
