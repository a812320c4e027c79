// An HTTP relay on the loopback between the browser and the server. It passes everything on unchanged, and records what
// no browser API shows completely: the response bodies of all pages, also of those that were left at once, the `Set-Cookie`
// fields and every URL. It can hold back an upload, so that a test can act in the middle of one.

import http from "node:http";
import zlib from "node:zlib";

const RECORDED_BYTES = 8 * 1024 * 1024;

const decoders = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
};

class Exchange {
  constructor(request) {
    this.method = request.method;
    this.path = request.url;
    this.referer = request.headers.referer ?? "";
    this.status = 0;
    this.headers = {};
    this.ended = false;
    this.chunks = [];
    this.size = 0;
  }

  // The body, decompressed, as text. A stream that was cut off is shown as far as it came.
  get text() {
    const raw = Buffer.concat(this.chunks);
    const decode = decoders[this.headers["content-encoding"]];
    return (decode ? decode(raw, { finishFlush: zlib.constants.Z_SYNC_FLUSH }) : raw).toString("utf8");
  }

  get cookies() {
    return [this.headers["set-cookie"] ?? []].flat();
  }
}

export class Recorder {
  constructor(target) {
    this.target = new URL(target);
    this.exchanges = [];
    this.agent = new http.Agent({ keepAlive: true });
    this.held = null;
    this.relay = http.createServer((request, response) => this.#pass(request, response));
    // An upload that is held back, and a stream of events, may last.
    this.relay.requestTimeout = 0;
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.relay.once("error", reject);
      this.relay.listen(0, "127.0.0.1", resolve);
    });
    this.origin = `http://127.0.0.1:${this.relay.address().port}`;
    return this;
  }

  // Lets `bytes` of each following request body pass and holds the rest back until the returned function is called.
  hold(bytes) {
    let release;
    const until = new Promise((resolve) => (release = resolve));
    this.held = { bytes, until };
    return () => {
      this.held = null;
      release();
    };
  }

  find(method, pattern) {
    return this.exchanges.filter((it) => it.method === method && pattern.test(it.path));
  }

  #pass(request, response) {
    const exchange = new Exchange(request);
    this.exchanges.push(exchange);
    const headers = { ...request.headers };
    if (headers["accept-encoding"]) headers["accept-encoding"] = "gzip, br";
    const upstream = http.request({
      host: this.target.hostname,
      port: this.target.port,
      method: request.method,
      path: request.url,
      headers,
      agent: this.agent,
    });
    upstream.on("response", (answer) => {
      exchange.status = answer.statusCode;
      exchange.headers = answer.headers;
      response.writeHead(answer.statusCode, answer.rawHeaders);
      // Events have to arrive at once.
      response.flushHeaders();
      answer.on("data", (chunk) => {
        exchange.size += chunk.length;
        if (exchange.size <= RECORDED_BYTES) exchange.chunks.push(chunk);
      });
      answer.on("end", () => (exchange.ended = true));
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    upstream.on("error", (error) => {
      exchange.error = error;
      response.destroy();
    });
    response.on("close", () => {
      if (!response.writableFinished) upstream.destroy();
    });
    this.#send(request, upstream).catch(() => upstream.destroy());
  }

  async #send(request, upstream) {
    const { held } = this;
    let passed = 0;
    for await (const chunk of request) {
      let rest = chunk;
      if (held && passed + chunk.length > held.bytes) {
        const now = Math.max(0, held.bytes - passed);
        if (now > 0) upstream.write(chunk.subarray(0, now));
        rest = chunk.subarray(now);
        const gone = new Promise((_, reject) => request.once("close", () => reject(new Error("cut off"))));
        await Promise.race([held.until, gone]);
      }
      passed += chunk.length;
      if (!upstream.write(rest) && !upstream.destroyed) {
        await new Promise((resolve) => {
          upstream.once("drain", resolve);
          upstream.once("close", resolve);
        });
      }
    }
    upstream.end();
  }

  async close() {
    this.agent.destroy();
    this.relay.closeAllConnections();
    await new Promise((resolve) => this.relay.close(resolve));
  }
}
