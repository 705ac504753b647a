// What the server does to scenes, done here: complete them from their seed, apply the page's edits, write the document.
// The Python sides are scenes/complete.py, scenes/edits.py and scenes/scene_file.py.

import { FORMAT, counted, seedOf } from "../scene.js";
import { drawsFor } from "./random.js";
import { drawLayout } from "./samplers.js";

const TRUNCATION_PSI = 0.7;
const NOISE_MODES = ["random", "const", "none"];
const FIELDS = ["format", "model", "model_sha256", "seed", "truncation_psi", "noise_mode", "layout", "styles"];
const CENTER_LIMIT = 10;
const SIGMAS = [0.001, 4];

const f32 = Math.fround;

// The shortest decimal that is this float32, as a number.
export function short(number) {
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(number.toPrecision(digits));
    if (f32(decimal) === f32(number)) return decimal;
  }
  return Number(f32(number).toPrecision(9));
}

function shortened({ center, sigma, presence }) {
  return { center: center.map(short), sigma: short(sigma), presence: short(presence) };
}

function check(holds, message) {
  if (!holds) throw new Error(message);
}

function within(value, low, high) {
  return typeof value === "number" && value >= low && value <= high;
}

const isSeed = (value) => Number.isSafeInteger(value) && value >= 0;

// The model of a scene; throws, in one line, where the scene is of none or can't be shown here.
export function modelOf(scene, models) {
  const model = models.find(({ name }) => name === scene.model);
  check(model, `This scene is of the model "${scene.model}", which this page does not have.`);
  const sha256 = scene.model_sha256 ?? model.sha256;
  check(sha256 === model.sha256, `This scene was made with another model of the name "${scene.model}".`);
  check(!scene.changes, "This scene was changed by a drag of points or a direction, which needs the studio with its server.");
  return model;
}

// The scene with everything drawn that it leaves out; throws, in one line, for what is no scene of the model.
export function complete(scene, model) {
  const unknown = Object.keys(scene).find((name) => !FIELDS.includes(name));
  check(!unknown, `The scene has an unknown field "${unknown}".`);
  check(isSeed(scene.seed), "The scene's seed must be a whole number of at least 0.");
  const truncation_psi = scene.truncation_psi ?? TRUNCATION_PSI;
  check(within(truncation_psi, 0, 2), "The scene's truncation_psi must be a number from 0 to 2.");
  const noise_mode = scene.noise_mode ?? NOISE_MODES[0];
  check(NOISE_MODES.includes(noise_mode), `The scene's noise_mode must be one of ${NOISE_MODES.join(", ")}.`);
  return {
    format: FORMAT,
    model: model.name,
    model_sha256: model.sha256,
    seed: scene.seed,
    truncation_psi,
    noise_mode,
    layout: layoutOf(scene, model),
    styles: stylesOf(scene, model),
  };
}

function layoutOf(scene, model) {
  if (!scene.layout) {
    const law = model.sampling.name === "multi_object" ? { ...model.sampling, inside: true } : model.sampling;
    return drawLayout(law, drawsFor(scene.seed, "layout")).map((level) => level.map(shortened));
  }
  const counts = model.levels.map(({ count }) => count);
  const fits = Array.isArray(scene.layout) && String(scene.layout.map((level) => level?.length)) === String(counts);
  check(fits, `The scene's layout must have ${counted(counts.length, "level")} of ${counts.join(", ")} sub-heatmaps.`);
  return scene.layout.map((level) => level.map((entry) => gaussian(entry ?? {})));
}

function gaussian({ center, sigma, presence = 1 }) {
  const placed = center?.length === 2 && center.every((c) => within(c, -CENTER_LIMIT, CENTER_LIMIT));
  check(placed, `A center of the scene's layout is not two numbers from -${CENTER_LIMIT} to ${CENTER_LIMIT}.`);
  check(within(sigma, ...SIGMAS), `A sigma of the scene's layout is not a number from ${SIGMAS.join(" to ")}.`);
  check(within(presence, 0, 1), "A presence of the scene's layout is not a number from 0 to 1.");
  return { center, sigma, presence };
}

function stylesOf(scene, model) {
  const background = scene.styles?.background ?? scene.seed;
  check(isSeed(background), "The seed of the scene's background must be a whole number of at least 0.");
  if (!model.objects) return { background };
  const objects = scene.styles?.objects ?? Array(model.objects).fill(scene.seed);
  check(objects.length === model.objects, `The scene must have styles of ${counted(model.objects, "object")}.`);
  for (const style of objects) {
    const lent = isSeed(style?.seed) && Number.isInteger(style.object) && within(style.object, 0, model.objects - 1);
    check(isSeed(style) || lent, "A style of the scene is neither a seed nor that of another object.");
  }
  return { background, objects };
}

// The style codes of a complete scene, the background's first: from which stream of which seed each is drawn.
export function codes({ styles }) {
  const objects = (styles.objects ?? []).map((style, i) => [seedOf(style), `z/object${1 + (style.object ?? i)}`]);
  return [[styles.background, "z"], ...objects];
}

const EDITS = { restyle, copy };

// The scene after an edit in the words of the command line, as far as the page says them.
export function edited(scene, words) {
  const [name, text] = words.split(" ");
  check(name in EDITS, `This page can't ${name}.`);
  return EDITS[name](scene, ...text.split(":"));
}

function restyle(scene, what, text) {
  const seed = Number(text);
  const { background, objects } = scene.styles;
  check(isSeed(seed), "A style's seed must be a whole number of at least 0.");
  check(objects || what === "all" || what === "background", "This model has one style for the whole image.");
  const chosen = (i) => what === "all" || what === `${i}`;
  const styles = { background: what === "all" || what === "background" ? seed : background };
  if (objects) styles.objects = objects.map((style, i) => (chosen(i) ? seed : style));
  return { ...scene, styles };
}

// The copy takes the place of an object that was removed, or else of the one farthest outside.
function copy(scene, text, offset) {
  const source = Number(text);
  const [level] = scene.layout;
  const reach = level.map(({ center, presence }, i) => {
    if (i === source) return 0;
    return presence === 0 ? 2 * CENTER_LIMIT : Math.max(...center.map(Math.abs));
  });
  const target = reach.indexOf(Math.max(...reach));
  check(reach[target] > 1, "Every object of this model is in the image: remove one for the copy.");
  const moved = offset.split(",").map((by, axis) => f32(f32(level[source].center[axis]) + f32(Number(by))));
  const layout = [level.with(target, shortened({ ...level[source], center: moved }))];
  const { objects } = scene.styles;
  if (!objects) return { ...scene, layout };
  const style = objects[source];
  const lent = { seed: seedOf(style), object: style.object ?? source };
  return { ...scene, layout, styles: { ...scene.styles, objects: objects.with(target, lent.object === target ? lent.seed : lent) } };
}

// The document, a line per sub-heatmap.
export function documentOf({ layout, ...scene }) {
  const json = (value) => JSON.stringify(value).replaceAll('":', '": ').replaceAll(",", ", ");
  const level = (gaussians) => `    [\n${gaussians.map((g) => `      ${json(g)}`).join(",\n")}\n    ]`;
  const levels = layout.length ? `[\n${layout.map(level).join(",\n")}\n  ]` : "[]";
  const { styles, ...settings } = scene;
  const lines = Object.entries(settings).map(([name, value]) => `  "${name}": ${JSON.stringify(value)},\n`);
  return `{\n${lines.join("")}  "layout": ${levels},\n  "styles": ${json(styles)}\n}\n`;
}
