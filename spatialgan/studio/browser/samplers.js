// The laws of spatialgan/heatmaps/samplers.py whose layouts a scene can describe. A level is a list of {center: [y, x],
// sigma, presence}; `law` holds the numbers of the Python class. All arithmetic is float32 where torch's is.

const f32 = Math.fround;
const HALF_MAXIMUM = Math.sqrt(2 * Math.log(2));
const MAX_REDRAWS = 10_000;

// Maclaurin's series: enough for arguments below 3, where the samplers stay.
function erf(x) {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

// Newton's steps from 0 lead straight to the root: erf is steepest there, and bends toward it.
function erfinv(y) {
  let x = 0;
  for (let i = 0; i < 100; i++) {
    const step = ((erf(x) - y) * Math.sqrt(Math.PI) * Math.exp(x * x)) / 2;
    x -= step;
    if (Math.abs(step) < 1e-15) break;
  }
  return x;
}

// `count` points (y, x), each coordinate made by `draw`.
function points(count, draw) {
  return Array.from({ length: count }, () => {
    const y = draw();
    return [y, draw()];
  });
}

function normalInside(count, std, draws) {
  const mass = erf(1 / (std * Math.SQRT2));
  return points(count, () => f32(std * Math.SQRT2 * erfinv(mass * (2 * draws.uniform64() - 1))));
}

function normal(count, std, draws) {
  const numbers = draws.normals(2 * count).values();
  return points(count, () => f32(f32(std) * numbers.next().value));
}

function gaussians(centers, [low, high], draws) {
  return centers.map((center) => {
    const spread = f32(f32(low) + f32(f32(high - low) * draws.uniform()));
    return { center, sigma: f32(Math.sqrt(spread / 2)), presence: 1 };
  });
}

const sum = (a, b) => a.map((coordinate, axis) => f32(coordinate + b[axis]));

function hierarchical(law, draws) {
  const [root] = normalInside(1, law.center_std, draws);
  return law.num_centers.map((count, level) => {
    const offsets = level ? normal(count, law.offset_std, draws) : points(count, () => 0);
    return gaussians(offsets.map((offset) => sum(root, offset)), law.spreads[level], draws);
  });
}

function hierarchicalCode(law, draws) {
  const limit = f32(law.center_limit);
  const [root] = normal(1, law.center_std, draws);
  const held = root.map((c) => Math.min(Math.max(c, -limit), limit));
  return law.num_centers.map((count, level) => {
    const reach = f32(law.reaches[level]);
    const offsets = points(count, () => f32(reach * f32(2 * draws.uniform() - 1)));
    return gaussians(offsets.map((offset) => sum(held, offset)), law.spreads[level], draws);
  });
}

function independent({ hierarchy }, draws) {
  const drawn = hierarchy.num_centers.map(() => hierarchical(hierarchy, draws));
  return drawn.map((levels, level) => levels[level]);
}

function multiObject(law, draws) {
  const place = law.inside ? normalInside : normal;
  for (let tries = 0; tries <= MAX_REDRAWS; tries++) {
    const level = gaussians(place(law.num_objects, law.center_std, draws), law.spread, draws);
    if (!isCrowded(level, law.gap)) return [level];
  }
  throw new Error("This model's objects hardly ever keep apart: no layout was drawn.");
}

function isCrowded(level, gap) {
  const radii = level.map(({ sigma }) => f32(f32(gap * HALF_MAXIMUM) * sigma));
  return level.some(({ center: [y, x] }, i) =>
    level.some(({ center }, j) => i < j && f32(Math.hypot(f32(y - center[0]), f32(x - center[1]))) < f32(radii[i] + radii[j])),
  );
}

export const SAMPLERS = {
  none: () => [],
  hierarchical,
  hierarchical_code: hierarchicalCode,
  independent,
  multi_object: multiObject,
};

// The layout that a law draws, level by level; throws, in one line, for a law that is only written in Python.
export function drawLayout(law, draws) {
  if (!Object.hasOwn(SAMPLERS, law.name)) {
    throw new Error(`This page can't draw layouts by the sampler "${law.name}", which needs the studio with its server.`);
  }
  return SAMPLERS[law.name](law, draws);
}
