// Where the discriminator looks, for models that have one at hand. Asked for only while it is shown; the latest wins.

import { Renderer } from "./renderer.js";

const $ = (selector) => document.querySelector(selector);

export class Attention {
  constructor(studio) {
    this.studio = studio;
    this.asked = null; // the scene whose maps were asked for last
    this.renderer = new Renderer(
      { render: (scene, signal) => studio.backend.attention(scene, signal) },
      { show: (maps, scene) => this.#show(maps, scene), fail: (error) => studio.say(error.message), idle: () => {} },
    );
    studio.on("scene", () => this.#offer());
    studio.on("pixels view", () => this.#ask());
  }

  // The choice of a resolution, one per map, for models with a discriminator.
  #offer() {
    const { model } = this.studio;
    if (this.offered === model.name) return;
    this.offered = model.name;
    const resolutions = model.attention ?? [];
    $("#attention-choice").hidden = resolutions.length === 0;
    this.studio.attendedMap = resolutions.length - 1;
    $("#attention-maps").replaceChildren(...resolutions.map((r, i) => this.#option(r, i)));
    if (resolutions.length === 0 && this.studio.views.attention) this.studio.view("attention", false);
  }

  #option(resolution, index) {
    const option = $("#attention-map").content.cloneNode(true);
    const radio = option.querySelector("input");
    radio.checked = index === this.studio.attendedMap;
    radio.addEventListener("change", () => {
      this.studio.attendedMap = index;
      this.studio.view("attention", true);
    });
    option.querySelector("span").textContent = `${resolution} × ${resolution}`;
    return option;
  }

  #ask() {
    const { views, pixelsOf } = this.studio;
    $("#attention-fields").hidden = !views.attention;
    if (!views.attention || !pixelsOf || pixelsOf === this.asked) return;
    this.asked = pixelsOf;
    this.renderer.request(pixelsOf);
  }

  #show(maps, scene) {
    this.studio.attended = { maps, scene };
    this.studio.view("attention", this.studio.views.attention);
  }
}
