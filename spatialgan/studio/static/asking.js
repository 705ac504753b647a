// Asking the server: from the page, and from the worker that asks for images.

export function post(path, body, { headers, signal, accept = "*/*" }) {
  return ask(path, { method: "POST", headers: { ...headers, accept }, body: JSON.stringify(body), signal });
}

// The answer, or an error in one line for people.
export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The studio does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  const reason = await answer.json().catch(() => ({}));
  throw new Error(reason.error ?? `The studio refused this (${answer.status}).`);
}
