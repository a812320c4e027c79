// Requests that the other modules make.

/** A failure whose message can be shown. */
export class RequestError extends Error {}

/**
 * Requests `address`. If the session has ended, loads the page again, which leads to the sign-in page.
 * @param {string} address
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function request(address, init = {}) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", cache: "no-store", ...init });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError("The server cannot be reached. Check the connection.");
  }
  const signedOut = response.redirected && new URL(response.url).pathname.endsWith("/sign-in");
  if (response.status === 401 || signedOut) {
    location.reload();
    return new Promise(() => {});
  }
  return response;
}

/**
 * Requests JSON.
 * @param {string} address
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
export async function requestJson(address, init = {}) {
  const response = await request(address, { ...init, headers: { Accept: "application/json" } });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new RequestError(answer.error || `The server answered with status ${response.status}.`);
  }
  return answer;
}

/**
 * The fields of a form as the body of a request.
 * @param {HTMLFormElement} form
 * @param {Record<string, string>} [more]
 */
export function formBody(form, more = {}) {
  const body = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  return body;
}

/**
 * Requests a page and returns it as a document.
 * @param {string} address
 * @param {RequestInit} [init]
 */
export async function requestPage(address, init = {}) {
  const response = await request(address, { ...init, headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return { ok: response.ok, page };
}

/** @param {number} milliseconds */
export const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Loads the page again, but not faster than a server could bear if it kept reporting an end. */
export async function reloadSoon() {
  await wait(500);
  location.reload();
  return new Promise(() => {});
}
