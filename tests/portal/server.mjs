// A Muster server with a fresh data directory on free loopback ports, and the command line beside it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Recorder } from "./recorder.mjs";

const BINARY = process.env.PORTAL_MUSTER;
if (!BINARY) throw new Error("PORTAL_MUSTER is not set; tests/portal/run.sh sets it");

// A word that occurs nowhere else, so that it can be looked for.
export const secret = (word = "Secret") => `${word}-${randomBytes(9).toString("hex")}`;

// Cheap hashes: the tests are about the portal. Many sign-ins come from one address.
const SETTINGS = {
  server: { http: "127.0.0.1:0", https: "off" },
  access: { login_failures_per_account: 100000, login_failures_per_address: 100000 },
  passwords: { memory_kib: 1024, passes: 1 },
};

function toml(settings) {
  const lines = [];
  for (const [section, keys] of Object.entries(settings)) {
    lines.push(`[${section}]`);
    for (const [key, value] of Object.entries(keys)) lines.push(`${key} = ${JSON.stringify(value)}`);
  }
  return lines.join("\n") + "\n";
}

// Runs a program to its end.
function run(args, { input = "", env = {}, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(BINARY, args, { cwd, env: { ...environment(), ...env } });
    const output = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (output.out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (output.err += text));
    child.on("error", reject);
    child.on("close", (status) => resolve({ ...output, status }));
    // A command that does not read its input may have ended.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

function environment() {
  const { PATH, HOME, LANG, RUST_BACKTRACE } = process.env;
  const chosen = { PATH, HOME, LANG, RUST_BACKTRACE };
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined));
}

export class Server {
  // `settings` are sections and keys beside the usual ones; `password` is the first operator's, or null for none.
  // Both functions are called with the server: `before` it starts, for commands that need the data directory to
  // themselves, and `prepare` when it runs.
  static async start({ settings = {}, password = secret("Admin"), before, prepare } = {}) {
    const server = new Server();
    server.folder = await fs.mkdtemp(path.join(os.tmpdir(), "muster-portal-"));
    server.data = path.join(server.folder, "data");
    server.config = path.join(server.folder, "muster.toml");
    server.password = password;
    server.secrets = new Set(password ? [password] : []);
    const sections = structuredClone(SETTINGS);
    for (const [name, keys] of Object.entries(settings)) sections[name] = { ...sections[name], ...keys };
    sections.store = { ...sections.store, data: server.data };
    await fs.writeFile(server.config, toml(sections));
    try {
      if (before) await before(server);
      await server.#serve();
      if (prepare) await prepare(server);
    } catch (error) {
      await server.#end();
      throw error;
    }
    return server;
  }

  async #serve() {
    this.out = "";
    this.err = "";
    const env = environment();
    if (this.password) env.MUSTER_ADMIN_PASSWORD = this.password;
    const args = ["serve", "--config", this.config];
    this.child = spawn(BINARY, args, { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout.setEncoding("utf8").on("data", (text) => (this.out += text));
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.err += text));
    this.ended = new Promise((resolve) => this.child.on("close", (status, signal) => resolve({ status, signal })));
    const address = (scheme) => this.out.match(new RegExp(`(${scheme}://\\S+)/services/UserAdmin$`, "m"))?.[1];
    for (let waited = 0; waited < 300; waited += 1) {
      if (/^Press Ctrl-C/m.test(this.out) || this.child.exitCode !== null) break;
      await sleep(100);
    }
    this.direct = address("http");
    this.secure = address("https");
    assert.ok(this.direct, `the server did not show its address within 30 s:\n${this.out}${this.err}`);
    this.recorder = await new Recorder(this.direct).listen();
    this.origin = this.recorder.origin;
  }

  get pid() {
    return this.child.pid;
  }

  // Everything that it printed.
  get log() {
    return this.out + this.err;
  }

  // Runs a command against the data directory and returns its output; any other exit code than `status` is an error.
  async cli(args, { input, status = 0 } = {}) {
    const result = await run([...args, "--config", this.config], { input, cwd: this.folder });
    const allowed = [status].flat();
    const shown = `muster ${args.join(" ")}: exit code ${result.status}\n${result.out}${result.err}`;
    assert.ok(allowed.includes(result.status), shown);
    return result;
  }

  // The objects that a command prints with --json, one on each line.
  async list(args) {
    const { out } = await this.cli([...args, "--json"]);
    return out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  async addOrganization(name) {
    await this.cli(["organization", "add", name]);
  }

  // Adds an operator and returns the password.
  async addOperator(name, role, organization) {
    const password = this.keepSecret(secret("Operator"));
    const limited = organization ? ["--organization", organization] : [];
    await this.cli(["operator", "add", name, "--role", role, "--password-stdin", ...limited], {
      input: `${password}\n`,
    });
    return password;
  }

  // Remembers a word that may not stand in any response, URL or line of the log.
  keepSecret(word) {
    this.secrets.add(word);
    return word;
  }

  // The exit code of `users check-password`: 0 is right, 1 wrong.
  async checkPassword(user, password, organization = "default") {
    const args = ["users", "check-password", user, "--organization", organization];
    const { status } = await this.cli(args, { input: `${password}\n`, status: [0, 1, 3, 4] });
    return status;
  }

  // The users as `users export` writes them, by name: an object of columns for each.
  async users({ organization = "default", domain = "PRIMARY" } = {}) {
    const file = path.join(this.folder, `export-${randomBytes(6).toString("hex")}.csv`);
    await this.cli(["users", "export", file, "--organization", organization, "--domain", domain]);
    const [heading, ...rows] = parseCsv(await fs.readFile(file, "utf8"));
    await fs.rm(file);
    const named = rows.map((row) => Object.fromEntries(heading.map((name, index) => [name, row[index]])));
    return new Map(named.map((user) => [user.username, user]));
  }

  async imports(organization = "default") {
    return this.list(["imports", "list", "--organization", organization]);
  }

  // What `muster import --dry-run --json` says of the file in an empty data directory with the same settings.
  async dryRun(file, options = [], { roles = [] } = {}) {
    const data = await fs.mkdtemp(path.join(this.folder, "dry-"));
    const where = ["--config", this.config, "--data", data];
    for (const role of roles) await run(["role", "add", role, ...where]);
    const result = await run(["import", file, "--dry-run", "--json", ...options, ...where]);
    await fs.rm(data, { recursive: true });
    assert.ok([0, 2].includes(result.status), result.err);
    return JSON.parse(result.out);
  }

  // A request to the REST API as an operator.
  async rest(address, { user = "admin", password = this.password, headers = {}, ...options } = {}) {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    return fetch(this.direct + address, { ...options, headers: { authorization, ...headers } });
  }

  // Imports rows over REST and returns the report.
  async importOverRest(text, { fileName = "rest.csv", query = "", ...options } = {}) {
    const address = `/api/v1/imports?fileName=${encodeURIComponent(fileName)}${query}`;
    const headers = { "content-type": "text/csv", ...options.headers };
    const response = await this.rest(address, { method: "POST", body: text, ...options, headers });
    const body = await response.text();
    assert.ok(response.ok, `${response.status} ${body}`);
    return JSON.parse(body);
  }

  // The files of the data directory but those of the store, with their modes and sizes.
  async uploads() {
    const found = new Map();
    const visit = async (folder) => {
      for (const entry of await fs.readdir(folder, { withFileTypes: true })) {
        const file = path.join(folder, entry.name);
        if (entry.isDirectory()) await visit(file);
        else if (!/^muster\.db|\.pem$|\.lock$/.test(entry.name)) {
          // A file can be removed in between.
          const stat = await fs.stat(file).catch(() => null);
          if (stat) found.set(path.relative(this.data, file), { mode: stat.mode & 0o777, size: stat.size });
        }
      }
    };
    await visit(this.data);
    return found;
  }

  // Waits until the uploads in the data directory are these again.
  async uploadsBecome(names, seconds = 5) {
    const wanted = [...names].sort();
    let now;
    for (let waited = 0; waited < seconds * 10; waited += 1) {
      now = [...(await this.uploads()).keys()].sort();
      if (now.join("\n") === wanted.join("\n")) return;
      await sleep(100);
    }
    assert.deepEqual(now, wanted, "files in the data directory");
  }

  // Resident memory in bytes.
  async rss() {
    const status = await fs.readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(status.match(/^VmRSS:\s+(\d+) kB/m)[1]) * 1024;
  }

  // Fails if a secret or the value of a session's cookie was in a URL or a body, or a secret in the log.
  // Bodies of `except` may have them.
  checkSecrets(except = /\/passwords$/) {
    const cookies = new Set();
    for (const exchange of this.recorder.exchanges) {
      for (const cookie of exchange.cookies) {
        const value = cookie.match(/^[^=]+=([^;]{16,})/)?.[1];
        if (value) cookies.add(value);
      }
    }
    const words = [...this.secrets];
    for (const word of words) assert.ok(!this.err.includes(word), "a secret is in the log");
    for (const exchange of this.recorder.exchanges) {
      const where = `${exchange.method} ${exchange.path}`;
      const { text } = exchange;
      for (const word of [...words, ...cookies]) {
        assert.ok(!unescape(exchange.path).includes(word), `a secret is in a URL: ${where}`);
        assert.ok(!exchange.referer.includes(word), `a secret is in the Referer of ${where}`);
        if (!except.test(exchange.path)) assert.ok(!text.includes(word), `a secret is in the response to ${where}`);
      }
      assert.ok(
        !/[?&](csrf|password|default_password|again|code)=/.test(exchange.path),
        `a secret field is in a URL: ${where}`,
      );
    }
  }

  // Stops it, and checks what has to be true of every run.
  async stop() {
    const problems = [];
    try {
      this.checkSecrets();
      assert.ok(!/panicked| ERROR /.test(this.err), `the log has errors:\n${this.err}`);
    } catch (error) {
      problems.push(error);
    }
    const end = await this.#end();
    if (problems.length) throw problems[0];
    assert.deepEqual(end, { status: 0, signal: null }, `the server did not stop properly:\n${this.err}`);
  }

  async #end() {
    let end = null;
    if (this.child) {
      this.child.kill("SIGTERM");
      const late = sleep(20000, null, { ref: false }).then(() => this.child.kill("SIGKILL") && null);
      end = (await Promise.race([this.ended, late])) ?? (await this.ended);
    }
    await this.recorder?.close();
    await fs.rm(this.folder, { recursive: true, force: true });
    return end;
  }
}

// Reads CSV with commas.
export function parseCsv(text) {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const source = text.replace(/^\uFEFF/, "");
  for (let at = 0; at < source.length; at += 1) {
    const char = source[at];
    if (quoted) {
      if (char !== '"') cell += char;
      else if (source[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ",") {
      row.push(cell);
      cell = "";
    } else if (char === "\n") {
      row.push(cell);
      rows.push(row);
      row = [];
      cell = "";
    } else if (char !== "\r") cell += char;
  }
  if (cell || row.length) rows.push([...row, cell]);
  return rows;
}
