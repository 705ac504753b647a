// The state of the page. The scene is the only thing that is edited; events say what of all this is new: "models",
// "scene", "pixels", "selection", "history", "view", "lock"; "flush" asks for what has begun to end. During a gesture "echo" comes with every frame, for what a
// hand holds, and "scene" a few times a second, for numbers, which nobody reads faster: all that a frame changes costs time.

import { History } from "./history.js";
import { titles, withoutFolders } from "./names.js";
import { Renderer } from "./renderer.js";
import { FORMAT, at, same } from "./scene.js";

export const CALM_MS = 100; // between two updates of numbers during a gesture

export class Studio extends EventTarget {
  #echo = 0; // the frame that is waited for
  #told = 0; // when "scene" was told last
  #edits = Promise.resolve(); // the last of those that were asked for

  constructor(backend) {
    super();
    this.backend = backend;
    this.models = [];
    this.scene = null;
    this.pixels = null; // what was rendered last
    this.history = new History();
    this.before = { scene: null, pixels: null };
    this.selection = [0, 0];
    this.scope = "together";
    this.views = { handles: true, heatmaps: false, difference: false, attention: false, compare: false };
    this.attended = null; // where the discriminator looks: { maps, scene }
    this.attendedMap = 0; // which of the maps is shown
    this.locked = false; // while a drag runs
    this.renderer = new Renderer(backend, {
      show: (pixels, scene, time) => this.#show(pixels, scene, time),
      fail: (error) => this.say(error.message),
      idle: () => {
        this.#tell("idle");
        this.#drawBefore();
      },
    });
  }

  get model() {
    return this.models.find((model) => model.name === this.scene.model);
  }

  async start(scene) {
    const models = await this.backend.list();
    const shown = titles(models.map(({ name }) => name));
    this.models = models.map((model, i) => ({ ...model, title: shown[i] }));
    this.#tell("models");
    if (scene) await this.attempt(() => this.open(scene, "Link"));
    if (!this.scene) await this.open(this.models[0].scene, "Start");
  }

  // Show a scene that begins something new: "before" is now this one.
  async open(scene, label) {
    if (this.locked) throw new Error("Something is still running: stop it first.");
    const known = this.models.some((model) => model.scene === scene);
    const whole = known ? scene : await this.backend.complete(this.#named(scene));
    if (this.locked) return;
    if (this.scene) this.#tell("flush"); // a gesture is a step of what was shown before
    if (!this.models.some((model) => model.name === whole.model)) {
      throw new Error(`This scene needs the model "${whole.model}", which is not open in this studio.`);
    }
    this.renderer.abandon();
    this.before = { scene: whole, pixels: null };
    this.#set(whole);
    if (!at(whole, this.selection)) this.select([0, 0]);
    this.commit(label);
  }

  // A scene of a model that is open here under another name, as the same file in another folder is. Only the hash tells
  // files of one name apart; another file of the name that a link gives is refused with both hashes.
  #named(scene) {
    const { model, model_sha256: hash } = scene;
    const same = this.models.filter(({ sha256 }) => sha256 === hash);
    if (same.length === 0 && hash) same.push(...this.models.filter(({ name }) => withoutFolders(name) === model));
    if (same.length === 0 || same.some(({ name }) => name === model)) return scene;
    return { ...scene, model: same[0].name };
  }

  // Compare with what is shown from now on.
  setBefore() {
    const shown = this.pixelsOf === this.scene;
    this.before = { scene: this.scene, pixels: shown ? this.pixels : null };
    this.#tell("view");
  }

  // What is compared with is what was shown then, unless a gesture has overtaken it: then it is drawn now.
  async #drawBefore() {
    const { scene, pixels } = this.before;
    if (pixels) return;
    const drawn = await this.backend.render(scene).catch(() => null);
    if (this.before.scene === scene) this.before = { scene, pixels: drawn };
    this.#tell("view");
  }

  // During a gesture: show a scene that is not yet a step of the history.
  preview(scene, time) {
    if (this.locked || scene === this.scene) return;
    this.#ask(scene, time);
    this.#echo ||= requestAnimationFrame((now) => this.#echoScene(now - this.#told > CALM_MS));
  }

  // At the end of a gesture: make what is shown a step.
  commit(label) {
    this.#echoScene(true);
    if (this.history.current && same(this.history.current.scene, this.scene)) return;
    this.history.push(this.scene, label);
    if (this.pixelsOf === this.scene) this.#keepPicture();
    this.#tell("history");
  }

  apply(scene, label, time) {
    if (this.locked) return;
    this.#set(scene, time);
    this.commit(label);
  }

  // Give up a gesture.
  revert() {
    this.#set(this.history.current.scene);
  }

  // Apply edits in the words of the command line, each after those before it. `wordsFor(scene)` gives them, or null.
  edit(wordsFor, label, time = performance.now()) {
    this.#edits = this.#edits.then(() => this.#editNow(wordsFor, label, time));
    return this.#edits;
  }

  async #editNow(wordsFor, label, time) {
    if (this.locked) return;
    const from = this.scene;
    const words = wordsFor(from);
    if (!words) return;
    await this.attempt(async () => {
      const scene = await this.backend.edit(from, words);
      if (this.scene === from) this.apply(scene, label, time);
    });
  }

  // Show what the present model draws from a seed, after the edits before it. What a hand does meanwhile stays.
  newScene(seed) {
    const draw = async () => {
      const from = this.scene;
      const scene = await this.drawn(seed);
      if (this.scene === from) this.apply(scene, `Scene ${seed}`, performance.now());
    };
    this.#edits = this.#edits.then(() => this.attempt(draw));
    return this.#edits;
  }

  // What the present model draws from a seed, with the present settings.
  drawn(seed) {
    const { model, truncation_psi, noise_mode } = this.scene;
    return this.backend.complete({ format: FORMAT, model, seed, truncation_psi, noise_mode });
  }

  go(index) {
    if (this.locked || !this.history.go(index)) return;
    this.renderer.abandon();
    this.#set(this.history.current.scene);
    if (this.before.scene.model !== this.scene.model) this.setBefore();
    if (!at(this.scene, this.selection)) this.select([0, 0]);
    this.#tell("history");
  }

  undo() {
    if (this.locked) return;
    // what a hand or a field has begun is a step of its own; text that makes no step is all that there is to undo
    if (!this.#tell("flush")) return;
    this.say(this.history.canUndo ? `Undone: ${this.history.current.label}` : "Nothing to undo");
    this.go(this.history.index - 1);
  }

  redo() {
    if (this.locked) return;
    this.#tell("flush");
    const some = this.history.canRedo;
    this.go(this.history.index + 1);
    this.say(some ? `Redone: ${this.history.current.label}` : "Nothing to redo");
  }

  select(part) {
    this.selection = part;
    this.#tell("selection");
  }

  view(name, on) {
    const other = { difference: "attention", attention: "difference" }[name]; // each takes the image's place
    this.views = { ...this.views, ...(on && other ? { [other]: false } : {}), [name]: on };
    this.#tell("view");
  }

  setScope(scope) {
    this.scope = scope;
    this.#tell("selection");
  }

  lock(on) {
    this.locked = on;
    this.#tell("lock");
  }

  // Show pixels that no step of the history has: those of a drag under way.
  showPixels(pixels, scene) {
    this.pixels = pixels;
    this.pixelsOf = scene;
    this.#tell("pixels");
  }

  say(message) {
    this.message = message.charAt(0).toUpperCase() + message.slice(1); // the server begins small, as a shell's lines do
    this.#tell("message");
  }

  // Run something that may be refused, and say so.
  async attempt(action) {
    try {
      await action();
    } catch (error) {
      if (error.name !== "AbortError") this.say(error.message);
    }
  }

  on(kinds, listener) {
    for (const kind of kinds.split(" ")) this.addEventListener(kind, listener);
  }

  #set(scene, time = 0) {
    this.#ask(scene, time);
    this.#echoScene(true);
  }

  // The image is asked for before the page changes: it takes longest.
  #ask(scene, time) {
    this.scene = scene;
    this.renderer.request(scene, time);
    this.#tell("busy");
  }

  #echoScene(whole) {
    cancelAnimationFrame(this.#echo);
    this.#echo = 0;
    this.#tell("echo");
    if (!whole) return;
    this.#told = performance.now();
    this.#tell("scene");
  }

  #show(pixels, scene, time) {
    this.pixels = pixels;
    this.pixelsOf = scene;
    if (scene === this.before.scene) this.before = { scene, pixels };
    this.#tell("pixels", { time });
    if (this.history.current?.scene === scene) this.#keepPicture();
  }

  #keepPicture() {
    const side = Math.sqrt(this.pixels.length / 4);
    const picture = document.createElement("canvas");
    picture.width = picture.height = side;
    picture.getContext("2d").putImageData(new ImageData(this.pixels, side, side), 0, 0);
    this.history.current.picture = picture;
    this.#tell("history");
  }

  // Returns false if a listener has taken what the event asks for upon itself.
  #tell(kind, detail) {
    return this.dispatchEvent(new CustomEvent(kind, { detail, cancelable: true }));
  }
}
