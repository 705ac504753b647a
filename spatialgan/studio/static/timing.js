// How long it takes from an input to its pixels on the screen.

const KEPT = 200;
const SHOWN_MS = 500; // between two updates of the text

export class Timing {
  constructor(output) {
    this.output = output;
    this.samples = [];
    this.onSample = () => {}; // who wants all of them
    this.shown = 0; // when the text was updated last
    this.first = 0; // when the first image was on the screen, in ms since the page was asked for
  }

  // Call after drawing: the sample ends once the frame has been painted. `time` is that of the input, if one asked.
  note(time) {
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        this.first ||= performance.now();
        if (time) this.#add(performance.now() - time);
      };
      channel.port2.postMessage(0);
    });
  }

  quantile(fraction) {
    const sorted = this.samples.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];
  }

  #add(milliseconds) {
    this.onSample(milliseconds);
    this.samples = [...this.samples.slice(1 - KEPT), milliseconds];
    const now = performance.now();
    if (now - this.shown < SHOWN_MS) return;
    this.shown = now;
    const [p50, p95] = [0.5, 0.95].map((f) => Math.round(this.quantile(f)));
    this.output.textContent = `From input to pixels: ${p50} ms (median), ${p95} ms (95 %)`;
  }
}
