// Uploads the file with a progress bar and a way to cancel. Without this module the same form uploads the file.

import { tell } from "./numbers.js";

const form = document.getElementById("upload");
const input = document.getElementById("file");
const error = document.getElementById("error");
const uploading = form.querySelector(".uploading");
const progress = uploading.querySelector("progress");
const button = form.querySelector("button.primary");
const status = form.querySelector("[data-status]");

/** @type {XMLHttpRequest | null} */
let running = null;

function fail(text) {
  error.hidden = false;
  error.textContent = text;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", "file-hint error");
}

function clearError() {
  error.hidden = true;
  error.textContent = "";
  input.removeAttribute("aria-invalid");
  input.setAttribute("aria-describedby", "file-hint");
}

/** @param {number} bytes */
function size(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}

/** Makes the page usable again; the same file can be chosen again, also after it has changed. */
function reset() {
  running = null;
  uploading.hidden = true;
  button.disabled = false;
  input.disabled = false;
  input.value = "";
  input.focus();
}

/** @param {File} file */
function upload(file) {
  clearError();
  if (file.size > Number(form.dataset.limit)) {
    fail(`${file.name} has ${size(file.size)}; the largest file is ${form.dataset.limitText}.`);
    input.value = "";
    return;
  }
  const body = new FormData();
  body.append("csrf", form.elements.csrf.value);
  body.append("file", file, file.name);

  const request = new XMLHttpRequest();
  running = request;
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    progress.value = total === 0 ? 100 : (loaded / total) * 100;
    const done = loaded === total;
    uploading.querySelector("[data-sent]").textContent = done
      ? "The server is reading the file."
      : `${size(loaded)} of ${size(total)}`;
  });
  request.addEventListener("load", () => {
    const answer = request.response ?? {};
    if (request.status === 201 && answer.location) return location.assign(answer.location);
    if (request.status === 401) return location.reload();
    reset();
    fail(answer.error || `The upload failed: the server answered with status ${request.status}.`);
  });
  request.addEventListener("error", () => {
    reset();
    fail("The upload was cut off. If the file was changed after you chose it, choose it again; else check the connection.");
  });
  request.addEventListener("abort", () => {
    reset();
    tell(status, "The upload was cancelled. Nothing was kept.");
  });

  uploading.querySelector("[data-name]").textContent = `Uploading ${file.name}`;
  uploading.querySelector("[data-sent]").textContent = "";
  progress.value = 0;
  uploading.hidden = false;
  button.disabled = true;
  input.disabled = true;
  tell(status, `Uploading ${file.name}`);
  request.send(body);
  uploading.querySelector("[data-cancel]").focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running === null && input.files.length === 1) upload(input.files[0]);
});
uploading.querySelector("[data-cancel]").addEventListener("click", () => running?.abort());

// A file of the same name can be chosen again: without this, the browser reports no change.
input.addEventListener("click", () => {
  input.value = "";
});
input.addEventListener("change", clearError);

form.querySelector("[data-drop]").hidden = false;
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
for (const type of ["dragenter", "dragover"]) {
  addEventListener(type, (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    form.classList.toggle("over", running === null);
  });
}
addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) form.classList.remove("over");
});
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  form.classList.remove("over");
  const { files } = event.dataTransfer;
  if (running !== null) return;
  if (files.length === 1) upload(files[0]);
  else fail("Drop one file at a time.");
});
