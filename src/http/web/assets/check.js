// The check: its progress while it runs, then the editing of cells in place.

import { dataElement, duration, tell } from "./numbers.js";
import { formBody, reloadSoon, requestJson, wait } from "./requests.js";

/** @param {HTMLElement} section */
async function follow(section) {
  const progress = section.querySelector("progress");
  const trouble = section.querySelector("[data-trouble]");
  for (;;) {
    try {
      const check = await requestJson(section.dataset.check);
      trouble.hidden = true;
      if (check.state !== "running") return await reloadSoon();
      if (typeof check.percent === "number") progress.value = check.percent;
      section.querySelector("[data-rows]").replaceChildren(dataElement(check.rows));
      const left = typeof check.left === "number" ? duration(check.left) : check.left;
      tell(section.querySelector("[data-left]"), left ? `${left} left` : "");
    } catch (error) {
      trouble.hidden = false;
      trouble.textContent = error.message;
    }
    await wait(1000);
  }
}

/**
 * Shows what the server found in the row after an edit.
 * @param {HTMLFormElement} form
 * @param {{ok: boolean, value: string, problems: {column_number: number, code: string, message: string}[], edited_cells: number}} answer
 */
function showAnswer(form, answer) {
  const row = form.closest("tr");
  const input = form.elements.value;
  const column = Number(form.elements.column.value);
  const own = answer.problems.find((problem) => problem.column_number === column);
  const problem = own ?? answer.problems[0];
  if (input.type !== "password") input.value = answer.value;
  else input.value = "";
  input.defaultValue = input.value;
  input.toggleAttribute("aria-invalid", false);
  if (own) input.setAttribute("aria-invalid", "true");
  row.className = problem ? "problem" : "mended";
  showMessage(row, problem ? "problem" : "corrected", problem?.message ?? "No problem is left in this row.", problem?.code);

  document.querySelector("[data-edited-cells]").replaceChildren(dataElement(answer.edited_cells));
  document.querySelector("[data-corrections]").hidden = false;
  document.querySelector("[data-outdated]").hidden = false;
  tell(document.querySelector("[data-status]"), problem ? problem.message : `Line ${form.elements.line.value} is corrected.`);
}

/**
 * @param {Element} row
 * @param {string} state
 * @param {string} text
 * @param {string} [code]
 */
function showMessage(row, state, text, code) {
  const badge = document.createElement("span");
  badge.className = `badge ${state === "corrected" ? "good" : "bad"}`;
  badge.textContent = state;
  const message = document.createElement("span");
  message.textContent = text;
  const parts = [badge, " ", message];
  if (code) {
    const element = document.createElement("code");
    element.textContent = code;
    parts.push(" ", element);
  }
  row.querySelector("[data-message]").replaceChildren(...parts);
}

/** @param {HTMLFormElement} form */
async function save(form) {
  const button = form.querySelector("button");
  form.setAttribute("aria-busy", "true");
  button.disabled = true;
  try {
    const answer = await requestJson(form.action, { method: "POST", body: formBody(form) });
    showAnswer(form, answer);
    return answer.ok;
  } catch (error) {
    showMessage(form.closest("tr"), "not saved", error.message);
    tell(document.querySelector("[data-status]"), error.message);
    return false;
  } finally {
    button.disabled = false;
    form.removeAttribute("aria-busy");
  }
}

/** The field of the next row that has a problem. */
function next(form) {
  const forms = [...document.querySelectorAll("form.cell")];
  const after = forms.slice(forms.indexOf(form) + 1);
  return after.find((other) => !other.closest("tr").matches(".mended"))?.elements.value;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form.cell")) return;
  event.preventDefault();
  if (form.hasAttribute("aria-busy")) return;
  const field = form.elements.value;
  if (await save(form)) {
    const following = next(form);
    following?.focus();
    following?.select();
  } else {
    field.focus();
  }
}, { capture: true });

const running = document.querySelector("[data-check]");
if (running) follow(running);
