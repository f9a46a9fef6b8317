// Connects real socket.io-client clients and reports what became of each.
//
// Reads lines from stdin. Each is a JSON list of descriptions, run at once and answered with one line, the JSON list of
// their reports (or `{ "failure": … }` where this program itself went wrong):
//
//   { "mode": "node", "url": "http://127.0.0.1:5000", "asks": true, "options": {…} }
//   { "mode": "page", "url": …, "page": "https://app.example/", "cookies": ["session=…"], "asks": true, "options": {…} }
//
// `options` go to `io(url, options)` as they are. A "node" client is the npm package in Node: no browser, it asks no
// preflight and enforces nothing. A "page" is socket.io-client's browser bundle in a jsdom window of that address,
// whose XMLHttpRequest and WebSocket enforce CORS; `asBrowser` and `enforceFetchStandard` below add what jsdom leaves out.

import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline/promises";
import { CookieJar, JSDOM, VirtualConsole } from "jsdom";
import { io } from "socket.io-client";

const PATIENCE_MS = 20000;

const BROWSER_BUNDLE = readFileSync(
  createRequire(import.meta.url).resolve("socket.io-client/dist/socket.io.js"),
  "utf8",
);

// The client on whose behalf the running code makes its HTTP requests: { description, exchanges }.
const currentClient = new AsyncLocalStorage();

const OPEN = { node: openInNode, page: openInPage };

function openInNode({ url }, options) {
  return { socket: io(url, options), console: [], close() {} };
}

function openInPage({ url, page, cookies }, options) {
  const messages = [];
  const virtualConsole = new VirtualConsole();
  virtualConsole.on("jsdomError", (error) => messages.push(error.message));
  virtualConsole.on("error", (...words) => messages.push(words.join(" ")));
  const cookieJar = new CookieJar();
  for (const cookie of cookies) cookieJar.setCookieSync(cookie, url);
  const { window } = new JSDOM("<!doctype html>", {
    url: page,
    runScripts: "outside-only",
    cookieJar,
    virtualConsole,
  });
  window.eval(BROWSER_BUNDLE);
  return { socket: window.io(url, options), console: messages, close: () => window.close() };
}

async function run(description) {
  const exchanges = [];
  const report = await currentClient.run({ description, exchanges }, () => visit(description));
  return { ...report, exchanges: exchanges.map(describeExchange) };
}

async function visit(description) {
  const options = { reconnection: false, forceNew: true, timeout: PATIENCE_MS, ...description.options };
  const client = OPEN[description.mode](description, options);
  const started = performance.now();
  const { socket } = client;
  const upgradeSettled = whenUpgradeSettles(socket.io.engine, options);
  const echoed = new Promise((resolve) => socket.once("echo", resolve));

  const error = await within(options.timeout, whenConnected(socket), {
    message: `neither connected nor refused within ${options.timeout} ms`,
  });
  const elapsed_ms = Math.round(performance.now() - started);
  const connected = error === null;
  const report = { connected, transport: null, echo: null, echo_event: null, whoami: null, error, elapsed_ms };
  if (connected) {
    await within(options.timeout, upgradeSettled, null);
    const ask = (...words) => within(PATIENCE_MS, socket.emitWithAck(...words), null).then((reply) => reply ?? null);
    if (description.asks) [report.echo, report.echo_event, report.whoami] = await Promise.all([
      ask("echo", "hello"),
      within(PATIENCE_MS, echoed, null),
      ask("whoami"),
    ]);
    report.transport = socket.io.engine.transport.name;
  }
  socket.disconnect();
  client.close();
  return { ...report, console: client.console };
}

function whenConnected(socket) {
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(null));
    socket.once("connect_error", (error) => resolve(describeError(error)));
  });
}

function describeError({ message, description, context, data }) {
  const told = typeof description === "object" ? description?.message : description;
  return {
    message,
    description: told ?? null,
    status: context?.status ?? null,
    body: context?.responseText ?? null,
    data: data ?? null,
  };
}

// Resolves at once where no upgrade will be tried: one transport only, WebSocket first, or none offered.
function whenUpgradeSettles(engine, { transports = ["polling", "websocket"], upgrade = true }) {
  if (!upgrade || transports.length < 2 || transports[0] !== "polling") return Promise.resolve();
  return new Promise((resolve) => {
    engine.once("upgrade", resolve);
    engine.once("upgradeError", resolve);
    engine.once("close", resolve);
    engine.once("handshake", ({ upgrades }) => upgrades.length || resolve());
  });
}

function within(milliseconds, promise, otherwise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds, otherwise)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Every HTTP request of every client passes here: Node's `ws` and XMLHttpRequest, and jsdom's.
const request = http.request;
http.request = function recordedRequest(options, ...rest) {
  const { description, exchanges } = currentClient.getStore();
  const inPage = description.mode === "page";
  const sent = request.call(http, inPage ? asBrowser(options, description) : options, ...rest);
  const exchange = { sent, response: null };
  exchanges.push(exchange);
  const received = (response) => {
    exchange.response = response;
    if (inPage) enforceFetchStandard(sent, response, description);
  };
  sent.prependOnceListener("response", received);
  sent.prependOnceListener("upgrade", received);
  return sent;
};

// Adds the headers that every browser sends and jsdom does not: `Origin` with a same-origin POST (Fetch, "append a
// request Origin header"), and Fetch Metadata. Like Chromium, none of the latter with a WebSocket handshake.
function asBrowser(options, { page }) {
  const { headers } = options;
  if (Object.keys(headers).some((name) => name.toLowerCase() === "sec-websocket-key")) return options;
  const pageUrl = new URL(page);
  const { method = "GET", protocol, hostname, port } = options;
  const target = new URL(`${protocol}//${hostname}:${port}`);
  const added = {
    "Sec-Fetch-Site": fetchSite(pageUrl, target),
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
  };
  if (method !== "GET" && method !== "HEAD") added.Origin = pageUrl.origin;
  return { ...options, headers: { ...headers, ...added } };
}

// Hosts count as one site only when they are equal: enough for pages on other hosts and for loopback servers.
function fetchSite(page, target) {
  if (page.origin === target.origin) return "same-origin";
  return page.protocol === target.protocol && page.hostname === target.hostname ? "same-site" : "cross-site";
}

// jsdom lets two answers pass that browsers refuse (Fetch, "CORS check" and "CORS-preflight fetch"): `*` as the origin
// of a request with credentials, and `*` as the headers of one, or as `Authorization` of any. Spell them as it understands.
function enforceFetchStandard(sent, { headers }, { options }) {
  const withCredentials = Boolean(options?.withCredentials);
  if (withCredentials && headers["access-control-allow-origin"] === "*") {
    headers["access-control-allow-origin"] = "(* is no origin for a request with credentials)";
  }
  const allowed = splitList(headers["access-control-allow-headers"]);
  if (!allowed.includes("*")) return;
  const asked = splitList(sent.getHeader("access-control-request-headers"));
  const covered = withCredentials ? [] : asked.filter((name) => name.toLowerCase() !== "authorization");
  headers["access-control-allow-headers"] = [...allowed.filter((name) => name !== "*"), ...covered].join(", ");
}

function splitList(value = "") {
  return value.split(",").map((word) => word.trim()).filter(Boolean);
}

function describeExchange({ sent, response }) {
  const raw = response?.rawHeaders ?? [];
  return {
    method: sent.method,
    target: sent.path,
    request_headers: sent.getHeaders(),
    status: response?.statusCode ?? null,
    response_headers: raw.flatMap((name, index) => (index % 2 ? [] : [[name, raw[index + 1]]])),
  };
}

async function answer(line) {
  try {
    return await Promise.all(JSON.parse(line).map(run));
  } catch (error) {
    return { failure: error.stack };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(line)));
}
process.exit();
