// A person's own photo: brought to the model's pixels here, and found as a scene by the server, step by step.

import { base64Of } from "./bytes.js";

const STEPS = 300;

const $ = (selector) => document.querySelector(selector);

export class Photo {
  constructor(studio) {
    this.studio = studio;
    this.card = $("#photo-card");
    $("#photo-cancel").addEventListener("click", () => this.#end(false));
    $("#photo-keep").addEventListener("click", () => this.#end(true));
  }

  // Find the scene of a file's picture. It becomes one step; canceled, everything is as it was.
  async open(file) {
    const { studio } = this;
    if (studio.locked) throw new Error("Something is still running: stop it first.");
    if (!studio.backend.can.has("invert")) throw new Error("Photos need the studio on your own computer: `spatialgan studio`.");
    const picture = await decoded(file);
    const pixels = reduced(picture, studio.model.resolution);
    picture.close();
    this.#show(pixels);
    const request = { model: studio.model.name, photo: base64Of(pixels.data.filter((_, i) => i % 4 !== 3)), max_steps: STEPS };
    Object.assign(this, { control: new AbortController(), reached: null, keep: false });
    this.#busy(true);
    try {
      for await (const state of studio.backend.invert(request, this.control.signal)) this.#progress(state);
      this.keep = true;
    } catch (error) {
      if (error.name !== "AbortError") {
        this.keep = false;
        studio.say(error.message);
      }
    }
    await this.#finish(file.name);
  }

  #show(pixels) {
    const canvas = $("#photo");
    canvas.width = pixels.width;
    canvas.height = pixels.height;
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  #progress(state) {
    $("#photo-bar").value = state.step;
    $("#photo-progress").textContent = `Step ${state.step} of ${STEPS}, ${state.psnr.toFixed(1)} dB`;
    if (!state.pixels) return;
    this.reached = state;
    this.studio.showPixels(state.pixels, state.scene);
  }

  #end(keep) {
    this.keep = keep;
    this.control?.abort();
  }

  async #finish(name) {
    const { studio, reached, keep } = this;
    this.#busy(false);
    if (!keep || !reached) {
      studio.revert();
      if (this.control.signal.aborted) studio.say("The search is canceled; the image is unchanged.");
      return;
    }
    await studio.open(reached.scene, `Photo ${name.slice(0, 20)}`);
    studio.say("This is the closest scene that the model found. You can edit it like any other.");
  }

  #busy(on) {
    this.studio.lock(on);
    this.card.hidden = !on;
    $("#frame").classList.toggle("searching", on);
    $("#photo-bar").max = STEPS;
    $("#photo-bar").value = 0;
    $("#photo-progress").textContent = "Looking for similar samples…";
    if (on) $("#photo-cancel").focus();
    else $("#open").focus();
  }
}

async function decoded(file) {
  try {
    return await createImageBitmap(file); // upright, as its EXIF data say
  } catch {
    throw new Error(`${file.name.slice(0, 40)} is not a picture that this browser can read.`);
  }
}

// The square in the middle, on white where it is transparent, at the model's resolution.
function reduced(picture, resolution) {
  const side = Math.min(picture.width, picture.height);
  const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
  const canvas = new OffscreenCanvas(resolution, resolution);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, resolution, resolution);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, left, top, side, side, 0, 0, resolution, resolution);
  return pen.getImageData(0, 0, resolution, resolution);
}
