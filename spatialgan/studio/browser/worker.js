// Renders scenes with onnxruntime, one at a time and away from the page, so that handles never wait for an image.

import * as ort from "../runtime/ort.js";
import { drawsFor } from "./random.js";
import { codes } from "./scenes.js";

const CONST_NOISE_SEED = 0;
const KEPT = 200; // draws that need not be made again
const kept = new Map();
const sessions = new Map();
const stopped = new Set(); // jobs that nobody waits for any more
const root = new URL("../", import.meta.url);

// A compressed file, unless the server has already unpacked it.
async function unpacked(name) {
  const answer = await fetch(new URL(name, root)).catch(() => {
    throw new Error("This could not be loaded: the connection is gone. Try again when it is back.");
  });
  if (!answer.ok) throw new Error(`${name} is missing (${answer.status}).`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function prepareRuntime() {
  ort.env.wasm.numThreads = 1; // more need headers that plain hosts don't send
  ort.env.wasm.wasmBinary = await unpacked("runtime/ort.wasm.gz");
}

let preparing = null;

// The next render tries again what has failed.
function runtime() {
  preparing ??= prepareRuntime().catch((error) => {
    preparing = null;
    throw error;
  });
  return preparing;
}

async function openModel(file) {
  const [data] = await Promise.all([unpacked(file), runtime()]);
  return ort.InferenceSession.create(data, { executionProviders: ["wasm"] });
}

function session({ file }) {
  if (!sessions.has(file)) {
    const opening = openModel(file);
    opening.catch(() => sessions.delete(file)); // so that the next render tries again
    sessions.set(file, opening);
  }
  return sessions.get(file);
}

function normals(seed, stream, count) {
  const key = `${seed}/${stream}/${count}`;
  if (!kept.has(key)) {
    if (kept.size >= KEPT) kept.clear();
    kept.set(key, drawsFor(seed, stream).normals(count));
  }
  return kept.get(key);
}

function noiseOf({ seed, noise_mode }, count) {
  if (noise_mode === "none") return new Float32Array(count);
  return normals(noise_mode === "random" ? seed : CONST_NOISE_SEED, "noise", count);
}

// The inputs of the exported model (spatialgan/export.py names them).
function inputsOf(scene, model) {
  const tensor = (numbers, ...shape) => new ort.Tensor("float32", Float32Array.from(numbers), [1, ...shape]);
  const z = codes(scene).flatMap(([seed, stream]) => [...normals(seed, stream, model.z_dim)]);
  const inputs = {
    z: model.objects ? tensor(z, 1 + model.objects, model.z_dim) : tensor(z, model.z_dim),
    truncation_psi: tensor([scene.truncation_psi]),
    noise: tensor(noiseOf(scene, model.noise_pixels), model.noise_pixels),
  };
  scene.layout.forEach((level, number) => {
    inputs[`level${number}_centers`] = tensor(level.flatMap(({ center }) => center), level.length, 2);
    inputs[`level${number}_sigmas`] = tensor(level.map(({ sigma }) => sigma), level.length);
    inputs[`level${number}_presences`] = tensor(level.map(({ presence }) => presence), level.length);
  });
  return inputs;
}

// Rows of RGBA bytes, from channels in about [-1, 1]; rounded as spatialgan.snapshot.to_uint8 does.
function bytesOf(image, side) {
  const area = side * side;
  const pixels = new Uint8ClampedArray(4 * area).fill(255);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = Math.floor(image[c * area + i] * 127.5 + 128);
  }
  return pixels;
}

async function render({ job, scene, model }) {
  if (stopped.delete(job)) return;
  try {
    const opened = await session(model);
    const { image } = await opened.run(inputsOf(scene, model));
    const result = bytesOf(image.data, model.resolution);
    self.postMessage({ job, result }, [result.buffer]);
  } catch (error) {
    self.postMessage({ job, error: error.message });
  }
}

let last = runtime().catch(() => {}); // who needs it is told
self.addEventListener("message", ({ data }) => {
  if (data.stopped) stopped.add(data.job);
  else last = last.then(() => render(data));
});
