// Random numbers as torch draws them on a CPU, from the seeds of spatialgan/rng.py: blake2b makes a key of (seed, stream,
// index), a Mersenne twister makes words of the key, and torch's laws make numbers of the words.

const MASK = (1n << 64n) - 1n;
const BLOCK = 128; // bytes
const ROUNDS = 12;
// the first 64 bits of the fractional parts of the square roots of the first eight primes
const START = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
// in which order a round takes the words of the message [RFC 7693, 2.7]
const ORDERS = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const COLUMNS_AND_DIAGONALS = [
  [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
  [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14],
];

const rotated = (word, by) => ((word >> by) | (word << (64n - by))) & MASK;

// blake2b with a digest of 8 bytes [RFC 7693], as a number, of a text of one block at most.
export function blake2b64(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > BLOCK) throw new Error("blake2b64 takes one block");
  const block = new DataView(new ArrayBuffer(BLOCK));
  bytes.forEach((byte, i) => block.setUint8(i, byte));
  const message = Array.from({ length: 16 }, (_, i) => block.getBigUint64(8 * i, true));
  const first = START[0] ^ 0x01010008n; // no key, 8 bytes of digest
  const v = [first, ...START.slice(1), ...START];
  v[12] ^= BigInt(bytes.length);
  v[14] ^= MASK; // the last block
  for (let round = 0; round < ROUNDS; round++) {
    const order = ORDERS[round % ORDERS.length];
    COLUMNS_AND_DIAGONALS.forEach(([a, b, c, d], i) => {
      for (const [word, r, s] of [[message[order[2 * i]], 32n, 24n], [message[order[2 * i + 1]], 16n, 63n]]) {
        v[a] = (v[a] + v[b] + word) & MASK;
        v[d] = rotated(v[d] ^ v[a], r);
        v[c] = (v[c] + v[d]) & MASK;
        v[b] = rotated(v[b] ^ v[c], s);
      }
    });
  }
  return first ^ v[0] ^ v[8];
}

const SIZE = 624; // words of the twister's state
const MIDDLE = 397;

// MT19937 [Matsumoto and Nishimura, 1998].
class Twister {
  constructor(seed) {
    this.state = new Uint32Array(SIZE);
    this.state[0] = seed;
    for (let i = 1; i < SIZE; i++) {
      const before = this.state[i - 1];
      this.state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
    }
    this.used = SIZE;
  }

  word() {
    if (this.used === SIZE) this.#turn();
    let y = this.state[this.used++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #turn() {
    const { state } = this;
    for (let i = 0; i < SIZE; i++) {
      const joined = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + MIDDLE) % SIZE] ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    }
    this.used = 0;
  }
}

const f32 = Math.fround;
const GROUP = 16; // numbers that torch makes normal together
const TWO_PI = f32(2 * Math.PI);

// The draws of a torch.Generator on the CPU.
export class Draws {
  #twister;
  #kept = null; // the second of a pair of normal numbers

  constructor(key) {
    this.#twister = new Twister(Number(BigInt.asUintN(32, key)));
  }

  // One number of torch.rand(n): float32 in [0, 1).
  uniform() {
    return (this.#twister.word() & 0xffffff) / 2 ** 24;
  }

  // One number of torch.rand(n, dtype=torch.float64).
  uniform64() {
    const high = this.#twister.word() & 0x1fffff;
    return (high * 2 ** 32 + this.#twister.word()) / 2 ** 53;
  }

  // torch.randn(count): from 16 numbers on, torch takes a way of its own.
  normals(count) {
    if (count < GROUP) return Float32Array.from({ length: count }, () => this.#normal());
    const numbers = Float32Array.from({ length: count }, () => this.uniform());
    for (let start = 0; start + GROUP <= count; start += GROUP) makeNormal(numbers.subarray(start, start + GROUP));
    if (count % GROUP) {
      const last = numbers.subarray(count - GROUP); // drawn anew, though some of it was done
      last.forEach((_, i) => (last[i] = this.uniform()));
      makeNormal(last);
    }
    return numbers;
  }

  // Box and Muller in float64, a pair at a time.
  #normal() {
    if (this.#kept !== null) {
      const kept = this.#kept;
      this.#kept = null;
      return kept;
    }
    const angle = 2 * Math.PI * this.uniform64();
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniform64()));
    this.#kept = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

// Box and Muller in float32: number i and number i + 8 make a pair.
function makeNormal(group) {
  for (let i = 0; i < GROUP / 2; i++) {
    const radius = f32(Math.sqrt(f32(-2 * f32(Math.log(f32(1 - group[i]))))));
    const angle = f32(TWO_PI * group[i + GROUP / 2]);
    group[i] = radius * f32(Math.cos(angle));
    group[i + GROUP / 2] = radius * f32(Math.sin(angle));
  }
}

// spatialgan.rng.generator_for
export function drawsFor(seed, stream, index = 0) {
  return new Draws(blake2b64(`${seed}/${stream}/${index}`) >> 1n);
}
