// Pictures that the page draws by itself: heatmaps in color, and how much each pixel changed.

import { colorOf } from "./scene.js";

const HEAT = [[0, 0, 0], [90, 15, 110], [220, 70, 45], [250, 200, 60], [255, 255, 255]];
const VIOLET = [186, 76, 255]; // no handle has it
const STRONGEST_CHANGE = 128; // of 255: from here on a difference is white

export function paint(canvas, pixels) {
  const side = Math.sqrt(pixels.length / 4);
  if (canvas.width !== side) canvas.width = canvas.height = side;
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(new ImageData(pixels, side, side), 0, 0);
}

// The mean of |after - before| over RGB, from black over red and yellow to white.
export function difference(before, after) {
  const out = new Uint8ClampedArray(after.length);
  for (let i = 0; i < after.length; i += 4) {
    const sum = [0, 1, 2].reduce((total, c) => total + Math.abs(after[i + c] - before[i + c]), 0);
    out.set([...heat(sum / 3 / STRONGEST_CHANGE), 255], i);
  }
  return out;
}

function heat(value) {
  const position = Math.min(value, 1) * (HEAT.length - 1);
  const stop = Math.min(Math.floor(position), HEAT.length - 2);
  return HEAT[stop].map((low, c) => low + (HEAT[stop + 1][c] - low) * (position - stop));
}

// An image in gray, with a map from 0 to 255 over it in violet.
export function attended(pixels, map) {
  const out = new Uint8ClampedArray(pixels.length);
  for (let i = 0; i < pixels.length; i += 4) {
    const gray = 0.6 * mean(pixels, i);
    const share = (0.75 * map[i / 4]) / 255;
    out.set([...VIOLET.map((c) => gray + share * (c - gray)), 255], i);
  }
  return out;
}

function mean(pixels, i) {
  return (pixels[i] + pixels[i + 1] + pixels[i + 2]) / 3;
}

// An image in gray and at half its brightness, for what is drawn over it.
export function dimmed(pixels) {
  const out = new Uint8ClampedArray(pixels.length);
  for (let i = 0; i < pixels.length; i += 4) {
    const gray = 0.2126 * pixels[i] + 0.7152 * pixels[i + 1] + 0.0722 * pixels[i + 2];
    out.fill(gray / 2, i, i + 3);
    out[i + 3] = 255;
  }
  return out;
}

// The sub-heatmaps of some parts at a resolution, each in its color, over one another.
export function heatmaps(scene, parts, resolution) {
  const out = new Uint8ClampedArray(resolution * resolution * 4);
  const positions = Array.from({ length: resolution }, (_, j) => (2 * j + 1) / resolution - 1);
  const maps = parts.map(([level, index]) => {
    const { center, sigma, presence } = scene.layout[level][index];
    const along = (axis) => positions.map((u) => Math.exp(-0.5 * ((u - center[axis]) / sigma) ** 2));
    return { ys: along(0), xs: along(1), presence, color: rgb(colorOf(scene, [level, index])) };
  });
  for (let y = 0; y < resolution; y++) {
    for (let x = 0; x < resolution; x++) {
      let [sum, through, red, green, blue] = [0, 1, 0, 0, 0];
      for (const map of maps) {
        const value = map.presence * map.ys[y] * map.xs[x];
        sum += value;
        through *= 1 - value;
        red += value * map.color[0];
        green += value * map.color[1];
        blue += value * map.color[2];
      }
      const i = 4 * (y * resolution + x);
      const by = 1 / (sum || 1);
      out[i] = red * by;
      out[i + 1] = green * by;
      out[i + 2] = blue * by;
      out[i + 3] = 255 * (1 - through);
    }
  }
  return out;
}

function rgb(color) {
  return [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
}
