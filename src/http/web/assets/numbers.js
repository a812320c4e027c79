// Numbers and durations as the server writes them.

const format = new Intl.NumberFormat("en");

/** @param {number} number */
export const grouped = (number) => format.format(number);

/**
 * A `<data>` element.
 * @param {number} number
 */
export function dataElement(number) {
  const data = document.createElement("data");
  data.value = String(number);
  data.textContent = grouped(number);
  return data;
}

/**
 * `75` becomes `1 min 15 s`.
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/**
 * Shows or hides an element and sets its text.
 * @param {Element | null} element
 * @param {string} text
 */
export function tell(element, text) {
  if (!(element instanceof HTMLElement)) return;
  element.hidden = text === "" && !element.hasAttribute("role");
  element.textContent = text;
}
