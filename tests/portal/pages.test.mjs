// Every page, light and dark, wide and at 360 px: a screenshot, axe-core, the layout; and the whole way by keyboard.

import assert from "node:assert/strict";
import { test } from "node:test";

import { assertAccessible, assertNoOverflow, Visitor, visit } from "./browser.mjs";
import { csvFile, goodRows, manyRows } from "./files.mjs";
import {
  BASE,
  button,
  checked,
  checksOfTheRun,
  columns,
  draftOf,
  ended,
  importFile,
  link,
  mainText,
  meaning,
  options,
  signIn,
  signedIn,
  start,
  status,
  upload,
  withServer,
} from "./portal.mjs";
import { secret, Server } from "./server.mjs";

const server = withServer({
  prepare: (server) => server.cli(["role", "add", "Sales"]),
});
const word = () => server().keepSecret(secret("Row"));
const staff = () => [
  ["username", "password", "givenname", "familyname", "emailaddress", "department", "Room"],
  ["amara.okafor", word(), "Amara", "Okafor", "amara.okafor@example.com", "Finance", "2.14"],
  ["jonas.lindqvist", word(), "Jonas", "Lindqvist", "jonas.lindqvist at example.com", "Engineering", "3.02"],
  ["mei chen", word(), "Mei", "Chen", "mei.chen@example.com", "Engineering", "3.05"],
  ["priya.raman", word(), "Priya", "Raman", "priya.raman@example.com", "Support", "1.09"],
  ["luis.ortega", word(), "Luis", "Ortega", "luis.ortega(at)example.com", "Sales", "1.11"],
  ["amara.okafor", word(), "Amara", "Okafor", "amara.okafor@example.com", "Finance", "2.14"],
  ["hanna.virtanen", word(), "Hanna", "Virtanen", "hanna.virtanen@example.com", "Legal", "4.01"],
];

// How each page is reached from the one before it, by the page's name. The users of the import are removed again by its
// undo, so that the way can be gone in both schemes and widths.
const pages = {
  "sign-in": async (visitor) => {
    await visitor.context.clearCookies();
    await visitor.goto(`${BASE}/sign-in`);
  },
  "sign-in-refused": async (visitor) => {
    await visitor.context.clearCookies();
    await visitor.goto(`${BASE}/sign-in`);
    await visitor.page.getByLabel("Name", { exact: true }).fill("admin");
    await visitor.page.getByLabel("Password", { exact: true }).fill("wrong");
    await button(visitor.page, "Sign in").click();
    await visitor.page.getByRole("alert").waitFor();
  },
  sessions: (visitor) => visitor.goto(`${BASE}/sessions`),
  "imports-none": (visitor) => visitor.goto(`${BASE}/imports?file=there-is-none-with-this-name`),
  file: (visitor) => visitor.goto(`${BASE}/imports/new`),
  columns: async (visitor) => {
    await upload(visitor, await csvFile("staff.csv", staff()));
  },
  "columns-refused": async (visitor) => {
    // The mapping may be remembered from an earlier import.
    await meaning(visitor.page, 7).selectOption("");
    await button(visitor.page, "Continue").click();
    await visitor.page.getByRole("alert").first().waitFor();
  },
  options: async (visitor) => {
    await visitor.goto(`${BASE}/drafts/${draftOf(visitor.page)}/columns`);
    await columns(visitor, { 7: "_" });
    await visitor.page.waitForTimeout(500);
  },
  check: async (visitor) => {
    await options(visitor);
    await checked(visitor);
  },
  report: async (visitor) => {
    await start(visitor);
    await ended(visitor);
  },
  undo: async (visitor) => {
    await button(visitor.page, "Undo this import").click();
    await button(visitor.page, "Undo").waitFor();
  },
  undone: async (visitor) => {
    await button(visitor.page, "Undo").click();
    await visitor.page.waitForURL(/\/imports\/[^/]+$/);
    await ended(visitor);
  },
  imports: (visitor) => visitor.goto(`${BASE}/imports`),
  running: async (visitor) => {
    const slow = await manyRows("running.csv", 20000, {
      prefix: secret("run"),
      passwords: 20000,
      password: "Row-password",
    });
    await upload(visitor, slow.path);
    await columns(visitor);
    await options(visitor);
    await checked(visitor, { seconds: 120 });
    await start(visitor);
    await button(visitor.page, "Cancel import").waitFor();
  },
  "imports-running": (visitor) => visitor.goto(`${BASE}/imports`),
  cancelled: async (visitor) => {
    await visitor.page.getByRole("link", { name: "running.csv" }).first().click();
    const cancel = button(visitor.page, "Cancel import");
    if (await cancel.count()) await cancel.click();
    await ended(visitor);
  },
  passwords: async (visitor) => {
    const cells = [
      ["username", "givenname"],
      [secret("gen"), "Given"],
    ];
    await importFile(visitor, await csvFile("new-starters.csv", cells), { passwords: "generated" });
    await button(visitor.page, "Download generated passwords").waitFor();
  },
  "not-found": (visitor) => visitor.goto(`${BASE}/imports/00000000-0000-7000-8000-000000000000`),
};

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 360]) {
    test(`every page is accessible and fits, ${colorScheme}, ${width} px`, async (t) => {
      const height = width === 360 ? 740 : 900;
      const visitor = await Visitor.open(server(), { colorScheme, width, height });
      visitor.allow(/status of 4\d\d/);
      try {
        await signIn(visitor);
        const open = async (name, how) => {
          await t.test(name, async () => {
            await how(visitor);
            const where = `${name}, ${colorScheme}, ${width} px`;
            await visitor.shot(`${name}-${colorScheme}-${width}`, { fullPage: true });
            await assertNoOverflow(visitor, where);
            await assertAccessible(visitor, where);
            assert.deepEqual(visitor.unexpected(), [], where);
          });
        };
        const { "sign-in": first, "sign-in-refused": second, ...others } = pages;
        for (const [name, how] of Object.entries(others)) await open(name, how);
        await open("sign-in", first);
        await open("sign-in-refused", second);
      } finally {
        await visitor.close();
      }
    });
  }
}

test("the first-run page is accessible and fits, in both schemes and widths", async () => {
  const fresh = await Server.start({ password: null });
  try {
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [1280, 360]) {
        await visit(fresh, { colorScheme, width }, async (visitor) => {
          await visitor.goto(`${BASE}/first-run`);
          await visitor.shot(`first-run-${colorScheme}-${width}`, { fullPage: true });
          await assertNoOverflow(visitor, "first-run");
          await assertAccessible(visitor, "first-run");
        });
      }
    }
  } finally {
    await fresh.stop();
  }
});

test("the page of a role that may only read, and a refused page, are accessible", async () => {
  const password = await server().addOperator("lector", "read");
  await signedIn(server(), { name: "lector", password }, async (visitor) => {
    visitor.allow(/status of 403/);
    await assertAccessible(visitor, "imports of a reader");
    assert.equal(await visitor.goto(`${BASE}/imports/new`), 403);
    await visitor.shot("forbidden-light-1280", { fullPage: true });
    await assertAccessible(visitor, "forbidden");
  });
});

test("dark pages are dark and light ones light", async () => {
  const brightness = async (colorScheme) => {
    let value;
    await visit(server(), { colorScheme }, async ({ page }) => {
      await page.goto(`${BASE}/sign-in`);
      const color = await page.evaluate(() => {
        const of = (element) => getComputedStyle(element).backgroundColor;
        const body = of(document.body);
        return /rgba\(.*, 0\)/.test(body) ? of(document.documentElement) : body;
      });
      const [red, green, blue] = color.match(/[\d.]+/g).map(Number);
      value = (red + green + blue) / 3;
    });
    return value;
  };
  const dark = await brightness("dark");
  const light = await brightness("light");
  assert.ok(dark < 80 && light > 200, `dark ${dark}, light ${light}`);
});

test("text can be enlarged to 200 percent without loss at 1280 px", () =>
  signedIn(server(), { width: 640 }, async (visitor) => {
    // WCAG 1.4.4 and 1.4.10: a zoom of 200 percent halves the width.
    for (const where of ["/imports", "/imports/new", "/sessions"]) {
      await visitor.goto(BASE + where);
      await assertNoOverflow(visitor, where);
    }
  }));

// Presses Tab until the locator has the focus, and checks that one can see where the focus is.
async function tabTo(page, locator, key = "Tab") {
  for (let pressed = 0; pressed < 150; pressed += 1) {
    await page.keyboard.press(key);
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const style = getComputedStyle(element);
      const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
      // The field of a file may lie in a label that shows the focus for it.
      const around = element.closest("label, fieldset, .drop, [data-drop]");
      const aroundStyle = around && getComputedStyle(around);
      const shown =
        outlined ||
        style.boxShadow !== "none" ||
        (aroundStyle && (aroundStyle.outlineStyle !== "none" || aroundStyle.boxShadow !== "none"));
      return { shown, name: element.outerHTML.slice(0, 120) };
    });
    if (focus) assert.ok(focus.shown, `the focus is not visible on ${focus.name}`);
    if (await locator.evaluate((element) => element === document.activeElement).catch(() => false)) return;
  }
  assert.fail(`Tab does not reach ${locator}`);
}

test("a user signs in, imports a file and reads the report by keyboard alone", () =>
  visit(server(), {}, async (visitor) => {
    const { page } = visitor;
    const press = (key) => page.keyboard.press(key);
    await visitor.goto(`${BASE}/sign-in`);
    const name = page.getByLabel("Name", { exact: true });
    if (!(await name.evaluate((element) => element === document.activeElement))) await tabTo(page, name);
    await page.keyboard.type("admin");
    await tabTo(page, page.getByLabel("Password", { exact: true }));
    await page.keyboard.type(server().password);
    await press("Enter");
    await page.waitForURL(`**${BASE}/imports`);

    await tabTo(page, link(page, "New import").first());
    await press("Enter");
    await page.waitForURL(`**${BASE}/imports/new`);
    await tabTo(page, page.getByLabel("File", { exact: true }));
    const chooser = page.waitForEvent("filechooser");
    await press("Space");
    await (await chooser).setFiles(await csvFile("keyboard.csv", goodRows("keyboard", word())));
    await tabTo(page, button(page, "Upload"));
    await press("Enter");
    await page.waitForURL(/\/columns/);
    await tabTo(page, button(page, "Continue"));
    await press("Enter");
    await page.waitForURL(/\/options/);
    await tabTo(page, button(page, "Continue"));
    await press("Enter");
    await page.waitForURL(/\/check/);
    await checked(visitor);
    await tabTo(page, button(page, "Start import"));
    await press("Enter");
    await page.waitForURL(/\/imports\/(?!new)/);
    const { counters } = await ended(visitor);
    assert.equal(counters.Created, 3);
    assert.match(await status(page), /completed/i);
    await tabTo(page, button(page, "Sign out"), "Shift+Tab");
    await press("Enter");
    await page.waitForURL(`**${BASE}/sign-in`);
  }));

test("a bad cell is edited by keyboard, and the focus goes on to the next one", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await upload(
      visitor,
      await csvFile("keys.csv", [
        ["username", "emailaddress"],
        ["keys.one", "none"],
        ["keys.two", "none"],
      ]),
    );
    await columns(visitor);
    await options(visitor, { passwords: "typed", defaultPassword: word() });
    await checked(visitor);
    const cell = page.getByLabel("Line 2, emailaddress", { exact: true });
    await tabTo(page, cell);
    await page.keyboard.press("Control+A");
    await page.keyboard.type("keys.one@example.com");
    const answered = page.waitForResponse((answer) => /\/cells$/.test(new URL(answer.url()).pathname));
    await page.keyboard.press("Enter");
    await answered;
    const next = page.getByLabel("Line 3, emailaddress", { exact: true });
    await page.waitForTimeout(300);
    assert.ok(await next.evaluate((element) => element === document.activeElement));
  }));

test("every page begins with a link to its content, and has one heading and a title of its own", async () => {
  const titles = new Set();
  await signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const look = async (where) => {
      assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, where);
      assert.equal(await page.locator("html").getAttribute("lang"), "en", where);
      const title = await page.title();
      assert.ok(title.length > 5 && !titles.has(title), `${where}: ${title}`);
      titles.add(title);
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press("Tab");
      const target = await page.evaluate(() => document.activeElement.getAttribute("href"));
      assert.match(target ?? "", /#/, `${where}: the first link leads to the content`);
    };
    for (const where of ["/imports", "/imports/new", "/sessions"]) {
      await visitor.goto(BASE + where);
      await look(where);
    }
    await upload(visitor, await csvFile("titles.csv", goodRows("titles", word())));
    await look("columns");
    await columns(visitor);
    await look("options");
    await options(visitor);
    await checked(visitor);
    await look("check");
    await start(visitor);
    await ended(visitor);
    await look("report");
    assert.match(await mainText(page), /titles\.csv/);
  });
});

checksOfTheRun(server);
