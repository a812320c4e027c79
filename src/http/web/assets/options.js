// Shows the estimate as soon as the rows have been counted.

import { requestJson, wait } from "./requests.js";

const list = document.querySelector("[data-estimate]");
const counting = document.querySelector("[data-counting]");

async function follow() {
  while (!counting.hidden) {
    await wait(1000);
    const answer = await requestJson(list.dataset.estimate);
    list.replaceChildren(...answer.estimate.map(fact));
    counting.hidden = !answer.counting;
  }
}

/** @param {{label: string, value: string}} fact */
function fact({ label, value }) {
  const group = document.createElement("div");
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = label;
  description.textContent = value;
  group.append(term, description);
  return group;
}

follow().catch((error) => {
  counting.textContent = `The estimate is missing. ${error.message}`;
});
