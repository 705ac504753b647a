// What buttons and keys do to a scene in one go.

import { allParts, at, broughtBack, hasRoom, nameOf, partsMeant, seedOf, withPresence } from "./scene.js";

const SEEDS = 100_000; // that "new" chooses from

export function randomSeed() {
  return Math.floor(Math.random() * SEEDS);
}

export function remove(studio, part) {
  const parts = partsMeant(studio.scene, part, studio.scope);
  studio.apply(withPresence(studio.scene, parts, 0), `Remove ${nameOf(part)}`, performance.now());
}

// The selected object if it was removed, or else the first that was.
export function bringBack(studio) {
  const removed = (part) => at(studio.scene, part)?.presence === 0;
  const part = [studio.selection, ...allParts(studio.scene)].find(removed);
  if (!part) return studio.say("No object has been removed.");
  const parts = partsMeant(studio.scene, part, studio.scope);
  studio.apply(broughtBack(studio.scene, parts), `Bring back ${nameOf(part)}`, performance.now());
}

// The style of an object from the next (1) or the previous (-1) seed. Where a model has one style for the whole
// image, that one.
export function restyle(studio, part, direction) {
  const { objects } = studio.scene.styles;
  if (!objects) return restyleWhole(studio, "background", direction);
  const index = part[1];
  return restyleFrom(studio, `${index}`, seedOf(objects[index]) + direction, `Restyle ${index}`);
}

export function restyleWhole(studio, what, direction) {
  const seed = studio.scene.styles.background + direction;
  return restyleFrom(studio, what, seed, studio.scene.styles.objects ? "Restyle background" : "Restyle");
}

function restyleFrom(studio, what, seed, label) {
  if (seed < 0) return studio.say("Seeds start at 0.");
  return studio.edit([`restyle ${what}:${seed}`], label);
}

// A second object in the style of the first, beside it, where there is more room.
export function copyObject(studio, part) {
  if (studio.scene.layout.length > 1) return studio.say("A hierarchy can't be copied: it is its model's only object.");
  if (!hasRoom(studio.scene, part)) return studio.say("All objects are in the image. Remove one to make room for the copy.");
  const { center } = at(studio.scene, part);
  const dx = center[1] > 0 ? -0.4 : 0.4;
  return studio.edit([`copy ${part[1]}:0,${dx}`], `Copy ${nameOf(part)}`);
}

export function newScene(studio, seed = randomSeed()) {
  return studio.attempt(async () => studio.apply(await studio.drawn(seed), `Scene ${seed}`, performance.now()));
}

// The styles stay, everything else is where another seed puts it.
export function newLayout(studio) {
  return studio.attempt(async () => {
    const { scene } = studio;
    const { layout } = await studio.drawn(randomSeed());
    if (studio.scene === scene) studio.apply({ ...scene, layout }, "New layout", performance.now());
  });
}

// Everything stays where it is, in other styles.
export function newStyles(studio) {
  return studio.edit([`restyle all:${randomSeed()}`], "New styles");
}

export function reset(studio) {
  return newScene(studio, studio.scene.seed);
}
