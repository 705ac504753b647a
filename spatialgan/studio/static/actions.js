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
  if (!studio.scene.styles.objects) return restyleWhole(studio, "background", direction);
  const index = part[1];
  return restyleFrom(studio, `${index}`, ({ objects }) => seedOf(objects[index]) + direction, `Restyle ${index}`);
}

export function restyleWhole(studio, what, direction) {
  const label = studio.scene.styles.objects ? "Restyle background" : "Restyle";
  return restyleFrom(studio, what, ({ background }) => background + direction, label);
}

function restyleFrom(studio, what, seedAfter, label) {
  const words = ({ styles }) => {
    const seed = seedAfter(styles);
    return seed < 0 ? studio.say("Seeds start at 0.") : [`restyle ${what}:${seed}`];
  };
  return studio.edit(words, label);
}

// A second object in the style of the first, beside it, where there is more room.
export function copyObject(studio, part) {
  if (studio.scene.layout.length > 1) return studio.say("A hierarchy can't be copied: it is its model's only object.");
  const words = (scene) => {
    if (!hasRoom(scene, part)) return studio.say("All objects are in the image. Remove one to make room for the copy.");
    const { center } = at(scene, part);
    return [`copy ${part[1]}:0,${center[1] > 0 ? -0.4 : 0.4}`];
  };
  return studio.edit(words, `Copy ${nameOf(part)}`);
}

export function newScene(studio, seed = randomSeed()) {
  return studio.newScene(seed);
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
  return studio.edit(() => [`restyle all:${randomSeed()}`], "New styles");
}

export function reset(studio) {
  return newScene(studio, studio.scene.seed);
}
