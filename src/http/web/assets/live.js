// The progress of a running import: server-sent events, or polling if they fail. Loads the page again at the end.

import { showFigures } from "./figures.js";
import { duration, grouped, tell } from "./numbers.js";
import { reloadSoon, requestJson, wait } from "./requests.js";

const section = document.querySelector("[data-live]");
const path = section.dataset.live;
const progress = section.querySelector("progress");
const trouble = section.querySelector("[data-trouble]");
const title = document.title;

function show(event) {
  showFigures(section, event);
  const known = typeof event.percent === "number";
  if (known) progress.value = event.percent;
  else progress.removeAttribute("value");
  tell(section.querySelector("[data-percent]"), known ? `${Math.floor(event.percent)} %` : "");
  tell(section.querySelector("[data-speed]"), `${grouped(Math.round(event.rowsPerSecond ?? 0))} rows/s`);
  const left = event.secondsLeft;
  tell(section.querySelector("[data-left]"), typeof left === "number" ? `${duration(left)} left` : "");
  document.title = known ? `${Math.floor(event.percent)} % · ${title}` : title;
}

/** Until the import has ended, or for good if the server sends no events. */
async function poll() {
  for (;;) {
    try {
      const event = await requestJson(`${path}.json`);
      trouble.hidden = true;
      if (!event.live) return await reloadSoon();
      show(event);
    } catch (error) {
      trouble.hidden = false;
      trouble.textContent = `${error.message} The import continues; the numbers may be old.`;
    }
    await wait(2000);
  }
}

function listen() {
  const events = new EventSource(`${path}/events`);
  let failures = 0;
  events.addEventListener("progress", (event) => {
    failures = 0;
    show(JSON.parse(event.data));
  });
  events.addEventListener("end", () => {
    events.close();
    reloadSoon();
  });
  events.addEventListener("error", () => {
    failures += 1;
    if (events.readyState !== EventSource.CLOSED && failures < 3) return;
    events.close();
    poll();
  });
  // A page that is left keeps no connection.
  addEventListener("pagehide", () => events.close());
}

if ("EventSource" in window) listen();
else poll();
