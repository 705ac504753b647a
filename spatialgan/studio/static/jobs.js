// What a worker does, as promises. The worker gets {job, ...message}, and {job, stopped: true} for what nobody waits for
// any more; it answers {job, result} or {job, error}.

export class Jobs {
  #worker;
  #waiting = new Map(); // job number -> {resolve, reject}
  #count = 0;

  constructor(url) {
    this.#worker = new Worker(url, { type: "module" });
    this.#worker.addEventListener("message", ({ data: { job, result, error } }) => {
      if (error) this.#take(job)?.reject(new Error(error));
      else this.#take(job)?.resolve(result);
    });
  }

  ask(message, signal) {
    const job = this.#count++;
    signal?.addEventListener("abort", () => {
      this.#worker.postMessage({ job, stopped: true });
      this.#take(job)?.reject(signal.reason);
    });
    return new Promise((resolve, reject) => {
      this.#waiting.set(job, { resolve, reject });
      this.#worker.postMessage({ job, ...message });
    });
  }

  #take(job) {
    const found = this.#waiting.get(job);
    this.#waiting.delete(job);
    return found;
  }
}
