// What every page needs: buttons that only work with scripts, and forms that are sent once.

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// A second click while the first request is on its way would repeat a change, or end a download that can be made once.
const sent = new WeakMap();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  const once = form.hasAttribute("data-once");
  const before = sent.get(form);
  if (before !== undefined && (once || performance.now() - before < 3000)) {
    event.preventDefault();
    return;
  }
  sent.set(form, performance.now());
  if (once) setTimeout(() => form.querySelector("button").setAttribute("disabled", ""));
});

// The browser kept this page while another one was shown; the forms can be sent again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
