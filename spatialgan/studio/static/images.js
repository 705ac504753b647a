// A worker that asks the server for images, so that an answer never waits until the page has drawn its handles.

import { post } from "./asking.js";

const running = new Map(); // job number -> what stops it

self.addEventListener("message", async ({ data: { job, stopped, scene, headers } }) => {
  if (stopped) return running.get(job)?.abort();
  const stop = new AbortController();
  running.set(job, stop);
  try {
    const answer = await post("render", scene, { headers, signal: stop.signal });
    const result = new Uint8ClampedArray(await answer.arrayBuffer());
    self.postMessage({ job, result }, [result.buffer]);
  } catch (error) {
    self.postMessage({ job, error: error.message });
  }
  running.delete(job);
});
