// Scenes, photos and pictures in and out: files, drops, links, the command line.

import { base64Of, bytesOf } from "./bytes.js";
import { fileName, withoutFolders } from "./names.js";
import { parseScene } from "./scene.js";

const MAX_BYTES = 1_000_000; // of a scene
const MAX_STATIONS = 25; // scenes of a film
const MAX_CHARACTERS = 990_000; // of the scenes of a film: the server takes a megabyte

const $ = (selector) => document.querySelector(selector);

export class Files {
  constructor(studio, photo) {
    Object.assign(this, { studio, photo });
    const saving = {
      "#save-png": () => this.#save("png", studio.backend.png(studio.scene)),
      "#save-scene": () => this.#save("json", this.#document()),
      "#save-strip": () => this.#save("strip.png", studio.backend.strip(studio.before.scene, studio.scene)),
      "#save-edit": () => this.#saveFilm(2, "edit.gif"),
      "#save-film": () => this.#saveFilm(Infinity, "film.gif"),
      "#copy-link": () => this.#copyLink(),
      "#copy-command": () => this.#copyCommand(),
      "#open": () => $("#file").click(),
    };
    for (const [selector, act] of Object.entries(saving)) {
      $(selector).addEventListener("click", () => studio.attempt(act));
    }
    $("#file").addEventListener("change", (event) => this.#load(event.target.files[0]));
    for (const kind of ["dragover", "drop", "dragleave"]) {
      document.addEventListener(kind, (event) => {
        event.preventDefault();
        const { files, types } = event.dataTransfer;
        document.body.classList.toggle("receiving", kind === "dragover" && types.includes("Files"));
        if (kind === "drop" && files.length) this.#load(files[0]);
      });
    }
    window.addEventListener("hashchange", () => studio.attempt(() => this.openLink(location.hash)));
  }

  // Open the scene that a link's fragment holds, if it holds one.
  async openLink(fragment) {
    const scene = await sceneOf(fragment);
    if (scene) await this.studio.open(scene, "Link");
  }

  async #document() {
    const text = await this.studio.backend.text(this.studio.scene);
    return new Blob([text], { type: "application/json" });
  }

  #load(file) {
    $("#file").value = "";
    if (!file) return;
    this.studio.attempt(async () => {
      if (file.type.startsWith("image/")) return this.photo.open(file);
      if (file.size > MAX_BYTES) throw new Error("This file is too large to be a scene.");
      await this.studio.open(parseScene(await file.text()), `Open ${file.name.slice(0, 20)}`);
    });
  }

  async #save(ending, blob) {
    const { model, scene } = this.studio;
    const name = fileName(model.title);
    const url = URL.createObjectURL(await blob);
    const link = Object.assign(document.createElement("a"), { href: url, download: `${name}_${scene.seed}.${ending}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  // The last scenes of the history up to the present one, of one model, evenly thinned out to what a film holds.
  async #saveFilm(most, ending) {
    const { records, index } = this.studio.history;
    const model = this.studio.scene.model;
    const past = records.slice(0, index + 1).map((record) => record.scene);
    const first = past.findLastIndex((scene) => scene.model !== model) + 1;
    const scenes = past.slice(first).slice(-most);
    let count = Math.min(scenes.length, MAX_STATIONS);
    if (count < 2) throw new Error("There is nothing to film yet: edit the image first.");
    const picked = () => Array.from({ length: count }, (_, i) => scenes[Math.round((i * (scenes.length - 1)) / (count - 1))]);
    while (count > 2 && JSON.stringify(picked()).length > MAX_CHARACTERS) count--;
    if (count < scenes.length) this.studio.say(`The film shows ${count} of ${scenes.length} steps.`);
    else this.studio.say("Making the film...");
    await this.#save(ending, this.studio.backend.film(picked()));
  }

  async #copyLink() {
    const address = new URL(location.href);
    address.hash = await fragmentOf(this.studio.scene);
    history.replaceState(null, "", address.hash);
    await copyText(this.studio, address.href, "The link to this scene");
  }

  async #copyCommand() {
    const scene = JSON.stringify(this.studio.scene);
    const command = `cat > scene.json <<'SCENE'\n${scene}\nSCENE\nspatialgan render scene.json -o scene.png\n`;
    await copyText(this.studio, command, "The command");
  }
}

async function copyText(studio, text, what) {
  try {
    await navigator.clipboard.writeText(text);
    studio.say(`${what} is on the clipboard.`);
  } catch {
    $("#text-title").textContent = `${what}: select it and copy it`;
    $("#text").value = text;
    $("#text-dialog").showModal();
    $("#text").select();
  }
}

// A scene as text for a fragment, and back: deflated, in base64 for addresses. The model's file is known by its hash.
export async function fragmentOf(scene) {
  const shared = { ...scene, model: withoutFolders(scene.model) };
  const stream = new Blob([JSON.stringify(shared)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return `scene=${base64Of(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

export async function sceneOf(fragment) {
  const packed = new URLSearchParams(fragment.replace(/^#/, "")).get("scene");
  if (!packed) return null;
  try {
    const bytes = bytesOf(packed.replaceAll("-", "+").replaceAll("_", "/"));
    const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    return parseScene(await readAtMost(reader, MAX_BYTES));
  } catch {
    throw new Error("The link does not contain a whole scene: copy all of it again.");
  }
}

async function readAtMost(reader, limit) {
  const parts = [];
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return new Blob(parts).text();
    size += value.length;
    if (size > limit) throw new Error("too large");
    parts.push(value);
  }
}
