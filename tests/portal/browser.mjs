// The system's Chromium, and visitors: a browser context each, with one open page, of which everything is collected that
// must not happen.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";

import { load, pathOf } from "./packages.mjs";

const { chromium } = load("playwright-core");

// Screenshots.
export const shots = process.env.PORTAL_SHOTS;
if (!shots) throw new Error("PORTAL_SHOTS is not set; tests/portal/run.sh sets it");

const axe = await fs.readFile(pathOf("axe-core/axe.min.js"), "utf8");

let browser;

async function launch() {
  browser ??= await chromium.launch({
    executablePath: process.env.PORTAL_BROWSER,
    // The sandbox of Chromium needs rights that root and containers do not have. Only our own pages are loaded.
    chromiumSandbox: false,
    args: ["--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-dev-shm-usage"],
  });
  return browser;
}

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

// Runs in every page before its own scripts. The payloads of hostile files call `canary`.
function watch() {
  window.canary = () => console.error("canary: a script of a file was executed");
  document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
  });
}

export class Visitor {
  static async open(server, options = {}) {
    const { width = 1280, height = 900, colorScheme = "light", javaScript = true } = options;
    const visitor = new Visitor();
    visitor.server = server;
    visitor.origin = server.origin;
    visitor.problems = [];
    visitor.allowed = [];
    const context = await (
      await launch()
    ).newContext({
      baseURL: server.origin,
      viewport: { width, height },
      colorScheme,
      javaScriptEnabled: javaScript,
      locale: "en-GB",
      reducedMotion: "reduce",
    });
    visitor.context = context;
    // What takes longer, such as the end of an import, is waited for by a time of its own.
    context.setDefaultTimeout(8000);
    await context.addInitScript(watch);
    visitor.page = await visitor.newPage();
    return visitor;
  }

  // Opens one more tab, which is watched too.
  async newPage() {
    const page = await this.context.newPage();
    const note = (text) => this.problems.push(`${text} (on ${page.url()})`);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()))
        note(`console: ${message.text()} ${message.location()?.url ?? ""}`);
    });
    page.on("pageerror", (error) => note(`page error: ${error.stack ?? error}`));
    page.on("crash", () => note("the page crashed"));
    page.on("popup", (popup) => note(`a new window: ${popup.url()}`));
    page.on("dialog", (dialog) => {
      note(`dialog: ${dialog.type()} ${dialog.message()}`);
      // It may be gone.
      dialog.dismiss().catch(() => {});
    });
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (origin !== this.origin && protocol !== "blob:") note(`a request elsewhere: ${request.url().slice(0, 200)}`);
    });
    page.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText ?? "";
      // A download, and what a navigation cuts off.
      if (reason !== "net::ERR_ABORTED") note(`request failed: ${request.method()} ${request.url()} ${reason}`);
    });
    return page;
  }

  // What a test provokes and so does not count as a problem.
  allow(...patterns) {
    this.allowed.push(...patterns);
  }

  unexpected() {
    return this.problems.filter((text) => !this.allowed.some((pattern) => pattern.test(text)));
  }

  async shot(name, options = {}) {
    await fs.mkdir(path.dirname(path.join(shots, name)), { recursive: true });
    await this.page.screenshot({ path: path.join(shots, `${name}.png`), ...options });
  }

  // Goes to a path and returns the status of the page.
  async goto(where) {
    const response = await this.page.goto(where);
    return response.status();
  }

  async close() {
    await this.context.close();
  }
}

// Opens a visitor for a test, and fails the test if something happened that must not. The options are those of
// `Visitor.open`. A failure leaves a screenshot and the page's text.
export async function visit(server, options, test) {
  const visitor = await Visitor.open(server, options);
  try {
    await test(visitor);
    assert.deepEqual(visitor.unexpected(), [], "errors in the browser");
  } catch (error) {
    const name = path.join("failures", String(Date.now()));
    await visitor.shot(name, { fullPage: true }).catch(() => {});
    const html = await visitor.page.content().catch(() => "");
    if (existsSync(path.join(shots, "failures"))) await fs.writeFile(path.join(shots, `${name}.html`), html);
    const notes = [`on ${visitor.page.url()}; see ${path.join(shots, name)}.png and .html`, ...visitor.unexpected()];
    // The reporter shows the stack, which has the message as it was.
    error.stack = [stripVTControlCharacters(error.stack), ...notes].join("\n    ");
    throw error;
  } finally {
    await visitor.close();
  }
}

// Fails if axe-core finds a violation on the page. `evaluate` is not subject to the page's Content-Security-Policy.
export async function assertAccessible(visitor, where) {
  const { page } = visitor;
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, { rules: { "target-size": { enabled: true } } });
    return result.violations.map(({ id, impact, help, nodes }) => ({
      id,
      impact,
      help,
      nodes: nodes.slice(0, 5).map((node) => `${node.target.join(" ")}: ${node.failureSummary}`),
    }));
  });
  assert.deepEqual(violations, [], `axe-core: ${where}`);
}

// Fails if the page is wider than the viewport, and names the elements that reach out of it.
export async function assertNoOverflow(visitor, where) {
  const found = await visitor.page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return null;
    const inside = (element) => {
      for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
        if (getComputedStyle(at).overflowX !== "visible") return true;
      }
      return false;
    };
    const wide = [...document.body.querySelectorAll("*")].filter(
      (element) => element.getBoundingClientRect().right > width + 1 && !inside(element),
    );
    const name = (element) => `<${element.localName} class="${element.className}"> ${element.textContent.slice(0, 40)}`;
    return { viewport: width, page: document.documentElement.scrollWidth, wide: wide.slice(0, 5).map(name) };
  });
  assert.equal(found, null, `${where} is wider than the viewport: ${JSON.stringify(found)}`);
}
