// Keeps the rows of running imports in the list up to date.

import { requestPage, wait } from "./requests.js";

const INTERVAL = 3000;

/** @param {HTMLTableRowElement} row */
const idOf = (row) => row.querySelector("a[id]").id;

async function follow() {
  for (;;) {
    const live = [...document.querySelectorAll("#imports tr[data-live]")];
    if (live.length === 0) return;
    await wait(INTERVAL);
    if (document.hidden) continue;
    // A failed request is repeated: the list that is shown stays as it is.
    const answer = await requestPage(location.href).catch(() => null);
    if (!answer?.ok) continue;
    for (const row of live) {
      const link = answer.page.getElementById(idOf(row));
      const focused = row.contains(document.activeElement);
      // An import that no longer matches the filter, or is on another page, stays until the page is loaded again.
      if (link === null) row.removeAttribute("data-live");
      else row.replaceWith(link.closest("tr"));
      if (focused) document.getElementById(idOf(row))?.focus();
    }
  }
}

follow();
