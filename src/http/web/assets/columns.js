// The preview follows each change: the form is sent with action=preview, and the page's content is replaced.

import { formBody, requestPage } from "./requests.js";

const main = document.querySelector("main");
/** @type {AbortController | null} */
let running = null;

/**
 * Replaces the content, keeping the focus and the positions of scrolled tables.
 * @param {Element} content
 */
function replace(content) {
  const focused = document.activeElement?.id;
  const scrolled = main.querySelector(".scroll")?.scrollLeft ?? 0;
  main.replaceChildren(...content.childNodes);
  const region = main.querySelector(".scroll");
  if (region) region.scrollLeft = scrolled;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/** @param {string} text */
function fail(text) {
  const error = document.getElementById("error");
  error.hidden = false;
  error.textContent = text;
}

async function preview() {
  const form = document.getElementById("columns");
  const status = form.querySelector("[data-status]");
  running?.abort();
  const controller = new AbortController();
  running = controller;
  status.textContent = "Updating the preview…";
  main.setAttribute("aria-busy", "true");
  try {
    const body = formBody(form, { action: "preview" });
    const { signal } = controller;
    // Not `form.action`: the buttons have that name.
    // A page that is left at once must not lose the choice; browsers limit such requests to 64 KiB.
    const keepalive = body.toString().length < 60_000;
    const init = { method: "POST", body, signal, keepalive };
    const { page } = await requestPage(form.getAttribute("action"), init);
    if (signal.aborted) return;
    const content = page.querySelector("main");
    if (page.getElementById("columns")) {
      replace(content);
      const done = main.querySelector("#columns [data-status]");
      const error = document.getElementById("error");
      done.textContent = error.hidden ? "The preview is up to date." : "";
    } else {
      status.textContent = "";
      fail(`The preview failed. ${content?.querySelector("h1 ~ p")?.textContent ?? "Load the page again."}`);
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    status.textContent = "";
    fail(`The preview failed. ${error.message}`);
  } finally {
    if (running === controller) main.removeAttribute("aria-busy");
  }
}

// The content is replaced, so the listeners are on what stays.
main.addEventListener("change", (event) => {
  if (event.target.matches("#columns select")) preview();
});
main.addEventListener("submit", (event) => {
  if (event.target.id !== "columns") return;
  if (event.submitter?.value === "preview") {
    event.preventDefault();
    preview();
  } else {
    running?.abort();
  }
});
