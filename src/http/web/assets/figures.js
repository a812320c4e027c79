// Counters, their bar and their sum, changed in place.

import { dataElement, grouped } from "./numbers.js";

const KEYS = ["created", "updated", "unchanged", "duplicate", "failed", "skipped"];
const SMALLEST_PART = 0.5;

/**
 * Shows the counters of an import, of which the events of all protocols name the number of rows `total`.
 * @param {Element} section
 * @param {Record<string, number>} counters
 */
export function showFigures(section, counters) {
  const figures = { ...counters, rows: counters.rows ?? counters.total };
  for (const item of section.querySelectorAll("[data-figure]")) {
    const count = figures[item.dataset.figure];
    if (count === undefined) continue;
    item.querySelector("data").replaceWith(dataElement(count));
    item.classList.toggle("none", count === 0 && item.dataset.figure !== "rows");
  }
  showBar(section, figures);
  showSum(section, figures);
}

function showBar(section, figures) {
  const bar = section.querySelector("[data-bar]");
  const widths = KEYS.map((key) => {
    const part = (figures[key] / Math.max(figures.rows, 1)) * 100;
    return figures[key] === 0 ? 0 : Math.max(part, SMALLEST_PART);
  });
  const scale = 100 / Math.max(widths.reduce((sum, width) => sum + width, 0), 100);
  let from = 0;
  KEYS.forEach((key, index) => {
    const part = bar.querySelector(`.${key}`);
    part.setAttribute("x", `${from}%`);
    part.setAttribute("width", `${widths[index] * scale}%`);
    from += widths[index] * scale;
  });
  const label = (key) => section.querySelector(`[data-figure="${key}"] span`).textContent;
  const present = KEYS.filter((key) => figures[key] > 0);
  bar.setAttribute("aria-label", present.map((key) => `${label(key)}: ${grouped(figures[key])}.`).join(" ") || "No rows");
}

function showSum(section, figures) {
  const line = section.querySelector("[data-sum]");
  const counted = KEYS.reduce((sum, key) => sum + figures[key], 0);
  const terms = { ...figures, uncounted: Math.max(figures.rows - counted, 0) };
  line.hidden = figures.rows === 0;
  for (const term of line.querySelectorAll("[data-term]")) {
    const count = terms[term.dataset.term];
    term.querySelector("data").replaceWith(dataElement(count));
    term.hidden = count === 0;
  }
}
