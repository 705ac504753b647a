// Pure functions of scenes. A scene is never changed: each function returns a new one. Coordinates are (y, x) from
// -1 to 1, from the top left. A `part` is [level, index]: one sub-heatmap.

export const HALF_MAXIMUM = Math.sqrt(2 * Math.log(2)); // radius, in sigmas, where a Gaussian is half its peak
export const COLORS = ["#f0a326", "#5ab7ee", "#1fcf98", "#f2e446", "#dd86b5"]; // after Okabe and Ito
const REACH = 1.6; // how far outside the image the page lets a center go
const SIGMAS = [0.03, 2];

export const FORMAT = "spatialgan scene 1";

// The scene in a text. Throws for what is not one, and for seeds that JavaScript's numbers can't hold.
export function parseScene(text) {
  let scene;
  try {
    scene = JSON.parse(text);
  } catch {
    throw new Error("This is not a scene: it is not valid JSON.");
  }
  if (scene?.format !== FORMAT) throw new Error(`This is not a scene: its format is not "${FORMAT}".`);
  const { background = 0, objects = [] } = scene.styles ?? {};
  if (!Array.isArray(objects)) throw new Error("This is not a scene: the styles of its objects are no list.");
  for (const seed of [scene.seed, background, ...objects.map(seedOf)]) {
    if (typeof seed !== "number" || seed % 1 || seed < 0) throw new Error("This is not a scene: a seed is missing, or not a whole number.");
    if (!Number.isSafeInteger(seed)) throw new Error(`A seed of this scene is above ${Number.MAX_SAFE_INTEGER}, the largest for this page.`);
  }
  return scene;
}

export function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function seedOf(style) {
  return typeof style === "object" ? style?.seed : style;
}

export function at(scene, [level, index]) {
  return scene.layout[level]?.[index];
}

// What edits call a part: 1, or 2/1 in the finer levels of a hierarchy.
export function nameOf([level, index]) {
  return level === 0 ? `${index}` : `${level}/${index}`;
}

export function colorOf(scene, [level, index]) {
  return COLORS[(scene.layout.length > 1 ? level : index) % COLORS.length];
}

export function allParts(scene) {
  return scene.layout.flatMap((gaussians, level) => gaussians.map((_, index) => [level, index]));
}

// The parts that a gesture on one part is about. Scope "together": level 0 of a hierarchy takes all others along.
export function partsMeant(scene, part, scope) {
  if (scene.layout.length === 1 || scope === "alone") return [part];
  const all = allParts(scene);
  if (scope === "level") return all.filter(([level]) => level === part[0]);
  return part[0] === 0 ? all : [part];
}

export function changed(scene, parts, change) {
  const meant = new Set(parts.map(String));
  const layout = scene.layout.map((gaussians, level) =>
    gaussians.map((g, index) => (meant.has(`${level},${index}`) ? { ...g, ...change(g) } : g)),
  );
  return { ...scene, layout };
}

export function moved(scene, parts, dy, dx) {
  const [limited_y, limited_x] = [limit(scene, parts, 0, dy), limit(scene, parts, 1, dx)];
  return changed(scene, parts, (g) => ({
    center: [round(g.center[0] + limited_y), round(g.center[1] + limited_x)],
  }));
}

// An offset that keeps the first part within reach.
function limit(scene, parts, axis, offset) {
  const from = at(scene, parts[0]).center[axis];
  const reach = Math.max(REACH, Math.abs(from));
  return clamp(from + offset, -reach, reach) - from;
}

// Several parts grow as one, about the center of the first.
export function resized(scene, parts, factor) {
  const root = at(scene, parts[0]);
  const by = clamp(root.sigma * factor, ...SIGMAS) / root.sigma;
  return changed(scene, parts, (g) => ({
    center: g.center.map((c, axis) => round(root.center[axis] + by * (c - root.center[axis]))),
    sigma: round(clamp(by * g.sigma, 0.001, 4)),
  }));
}

export function withPresence(scene, parts, presence) {
  return changed(scene, parts, () => ({ presence: round(presence) }));
}

// Parts that are there again, inside the image.
export function broughtBack(scene, parts) {
  return changed(scene, parts, (g) => ({
    presence: 1,
    center: g.center.map((c) => (Math.abs(c) > 1 ? round(clamp(c, -0.8, 0.8)) : c)),
  }));
}

// Whether a copy of an object has one to replace: a removed one, or one outside the image.
export function hasRoom(scene, [level, index]) {
  const others = scene.layout[level].filter((_, i) => i !== index);
  return others.some((g) => g.presence === 0 || Math.max(...g.center.map(Math.abs)) > 1);
}

// How many there are of a noun: 1 level, 3 levels.
export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export function round(number) {
  return Math.round(number * 1e4) / 1e4;
}

export function clamp(number, low, high) {
  return Math.min(Math.max(number, low), high);
}
