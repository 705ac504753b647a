// One render in flight, and the latest wins: what is asked for meanwhile waits, and replaces what waited before.

export class Renderer {
  #backend;
  #wanted = null;
  #flight = null;
  #number = 0;
  #shown = 0;

  // show(pixels, scene, time) gets the pixels, fail(error) what went wrong, idle() is called when nothing is left.
  constructor(backend, { show, fail, idle }) {
    this.#backend = backend;
    Object.assign(this, { show, fail, idle });
  }

  get busy() {
    return this.#flight !== null;
  }

  // `time` is that of the input which asked for this, or 0.
  request(scene, time = 0) {
    this.#wanted = { scene, time, number: ++this.#number };
    if (!this.#flight) this.#run();
  }

  // Forget what is under way: its pixels would be of another picture.
  abandon() {
    this.#wanted = null;
    this.#shown = this.#number;
    this.#flight?.abort();
  }

  async #run() {
    while (this.#wanted) {
      const job = this.#wanted;
      this.#wanted = null;
      this.#flight = new AbortController();
      try {
        const pixels = await this.#backend.render(job.scene, this.#flight.signal);
        if (job.number > this.#shown) {
          this.#shown = job.number;
          this.show(pixels, job.scene, job.time);
        }
      } catch (error) {
        if (error.name !== "AbortError") this.fail(error);
      }
      this.#flight = null;
    }
    this.idle();
  }
}
