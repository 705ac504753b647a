// What the browser's back end says to a list of questions, in Node: [[function, ...arguments], ...] on standard input.

import { readFileSync } from "node:fs";
import { drawsFor } from "./browser/random.js";
import { SAMPLERS, drawLayout } from "./browser/samplers.js";
import { complete, documentOf, edited, modelOf, short } from "./browser/scenes.js";

const ANSWERS = {
  normals: (seed, stream, counts) => {
    const draws = drawsFor(seed, stream, 3);
    return counts.map((count) => [...draws.normals(count)]);
  },
  uniforms: (seed) => {
    const draws = drawsFor(seed, "u");
    return [draws.uniform(), draws.uniform64(), draws.uniform()];
  },
  laws: () => Object.keys(SAMPLERS),
  layout: (law, seed) => drawLayout(law, drawsFor(seed, "layout")),
  short,
  complete: (scene, models) => complete(scene, modelOf(scene, models)),
  document: (scene, model, edits) => documentOf(edits.reduce(edited, complete(scene, model))),
};

function answer([name, ...rest]) {
  try {
    return ANSWERS[name](...rest);
  } catch (error) {
    return { error: error.message };
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(answer)));
