// Lets the page of each origin try each way to connect, and compares with what the policy predicts.
//
// With ?report=URL, an address on this machine, the finished grid is posted there as JSON; where
// the answer is {"again": true}, the grid is tried once more, under the policy that is then in force.
"use strict";

const at = (id) => document.getElementById(id);
const PATIENCE_MS = 12000;
// Browsers open six connections to a host, and a polling page holds one open while it waits.
const AT_ONCE = 2;

const waiting = new Map(); // probe -> what to call with the result
const ready = new Map(); // row key -> promise of its page's window
let grid; // what /lab/grid answered last
let run = 0;

// --- Making the page -----------------------------------------------------------------------

function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}

function layOut() {
  const clients = grid.ways.filter((way) => !way.attack).length;
  at("groups").append(
    element("th", { role: "columnheader", scope: "colgroup", colspan: clients }, "As Socket.IO's client does"),
    element("th", { role: "columnheader", scope: "colgroup", colspan: grid.ways.length - clients }, "As an attacker does"),
  );
  at("ways").append(
    ...grid.ways.map((way) =>
      element("th", { role: "columnheader", scope: "col", title: way.summary }, element("span", {}, way.title)),
    ),
  );
  at("rows").append(...grid.rows.map(layOutRow));
  at("attack-servers").append(
    ...grid.attack.servers.map((server) =>
      element("th", { role: "columnheader", scope: "col" }, SERVERS[server.key], element("code", { id: `source.${server.key}` })),
    ),
  );
  at("attacks").append(...grid.attack.ways.map(layOutAttack));
  at("tenant-servers").append(
    ...grid.tenants.map((tenant) =>
      element("th", { role: "columnheader", scope: "col" }, `${tenant.key}'s host`, element("code", {}, tenant.server)),
    ),
  );
  at("tenants").append(...grid.tenants.map(layOutTenant));
}

const RELATIONS = {
  "same-origin": "the server's origin",
  "same-site": "same site, other origin",
  "cross-site": "another site",
};
const SERVERS = { plain: "Flask-SocketIO alone", guarded: "with Flask-SIO-CORS" };
const ATTACKS = {
  websocket: "opens a WebSocket, with which your cookies go",
  credentials: "polls, with your cookies",
  jsonp: "puts the server's address into a <script>",
  "no-cors": "fetches it blindly, without CORS",
};

function layOutRow(row) {
  const head = element("th", { role: "rowheader", scope: "row" }, row.title, element("code", {}, row.origin), element("small", {}, RELATIONS[row.site]));
  const cells = grid.ways.map((way) => {
    const button = element("button", { type: "button", class: "cell", id: cellId(row, way) });
    button.addEventListener("click", () => showDetails(row, way));
    return element("td", { role: "cell" }, button);
  });
  return element("tr", { role: "row" }, head, ...cells);
}

function layOutAttack(way) {
  const cells = grid.attack.servers.map((server) =>
    element("td", { role: "cell" }, element("p", { class: "cell", id: `${server.key}.${way.key}` })),
  );
  return element("tr", { role: "row" }, element("th", { role: "rowheader", scope: "row" }, ATTACKS[way.key]), ...cells);
}

function layOutTenant(tenant) {
  const cells = grid.tenants.map((host) =>
    element("td", { role: "cell" }, element("p", { class: "cell", id: `tenant.${tenant.key}.${host.key}` })),
  );
  const head = element("th", { role: "rowheader", scope: "row" }, `${tenant.key}'s page`, element("code", {}, tenant.origin));
  return element("tr", { role: "row" }, head, ...cells);
}

function cellId(row, way) {
  return `${row.key}.${way.key}`;
}

// --- The pages that try --------------------------------------------------------------------

function openProbes() {
  for (const row of [...grid.rows, ...grid.tenants]) {
    const frame = element("iframe", { title: row.title ?? row.key, tabindex: "-1" });
    if (row.is_sandboxed) frame.setAttribute("sandbox", "allow-scripts");
    ready.set(
      row.key,
      new Promise((resolve) => frame.addEventListener("load", () => resolve(frame.contentWindow))),
    );
    frame.src = `${row.host}/lab/probe`;
    at("probes").append(frame);
  }
}

addEventListener("message", ({ data, origin }) => {
  const expected = waiting.get(data?.probe);
  if (expected && expected.origin === origin) expected.settle(data);
});

function attempt(row, way, probe, page, server = grid.server) {
  return new Promise((resolve) => {
    const settle = (result) => {
      clearTimeout(patience);
      waiting.delete(probe);
      resolve(result);
    };
    const patience = setTimeout(
      () => settle({ connected: false, words: "the page did not answer" }),
      PATIENCE_MS,
    );
    waiting.set(probe, { origin: row.origin, settle });
    // A sandboxed page has no origin that could be named here; nothing secret is said.
    page.postMessage({ probe, way, server }, row.is_sandboxed ? "*" : row.host);
  });
}

// --- Trying --------------------------------------------------------------------------------

async function tryAll() {
  const mine = ++run;
  const name = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
  const cells = [];
  clear();
  const rows = [...grid.rows];
  const work = async () => {
    while (rows.length && mine === run) await tryRow(rows.shift(), name, mine, cells);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const attacks = await attackAll(name, mine);
  const tenants = await tryTenants(name, mine);
  if (mine !== run) return null;
  at("score").removeAttribute("data-pending");
  return { cells, attacks, tenants };
}

async function tryTenants(name, mine) {
  const found = [];
  const way = grid.ways.find(({ key }) => key === "credentials");
  for (const tenant of grid.tenants) {
    const page = await ready.get(tenant.key);
    for (const host of grid.tenants) {
      const probe = `${name}.tenant.${tenant.key}.${host.key}`;
      const result = await attempt(tenant, way, probe, page, host.server);
      const observed = outcomeOf(result, await answersTo(probe));
      if (mine !== run) return found;
      const agrees = (observed === "connected") === tenant.may_connect[host.key];
      found.push({ page: tenant.key, host: host.key, observed, agrees });
      fillTenant(found.at(-1));
    }
  }
  return found;
}

async function attackAll(name, mine) {
  const attacks = [];
  const row = grid.rows.find(({ key }) => key === grid.attack.row);
  const page = await ready.get(row.key);
  for (const way of grid.attack.ways) {
    for (const server of grid.attack.servers) {
      const probe = `${name}.attack.${server.key}.${way.key}`;
      const result = await attempt(row, way, probe, page, server.url);
      const observed = outcomeOf(result, await answersTo(probe));
      if (mine !== run) return attacks;
      const attack = { server: server.key, way: way.key, observed, visitor: result.visitor ?? null };
      attacks.push(attack);
      fillAttack(attack);
    }
  }
  return attacks;
}

async function answersTo(probe) {
  return (await fetch(`/lab/answers/${probe}`)).json();
}

async function tryRow(row, name, mine, cells) {
  const page = await ready.get(row.key);
  for (const way of grid.ways) {
    const probe = `${name}.${cellId(row, way)}`;
    const result = await attempt(row, way, probe, page);
    const answers = await answersTo(probe);
    if (mine !== run) return;
    const cell = judge(row, way, result, answers);
    cells.push(cell);
    fill(cell);
    tally(cells);
  }
}

function outcomeOf(result, answers) {
  const isError = answers.some(({ status }) => status >= 400);
  // Only the server can tell what became of a request whose answer no page may read.
  const connected = result.connected ?? (answers.length > 0 && !isError);
  return connected ? "connected" : isError ? "refused" : "blocked";
}

function judge(row, way, result, answers) {
  const observed = outcomeOf(result, answers);
  const isNamed = way.attack && answers[0]?.origin;
  const predictions = isNamed ? grid.predictions_if_named : grid.predictions;
  const predicted = predictions[row.key][way.key];
  return {
    row: row.key,
    way: way.key,
    origin: row.origin,
    predicted: predicted.outcome,
    why: predicted.why,
    observed,
    agrees: observed === predicted.outcome,
    words: result.words,
    answers,
  };
}

// --- Showing -------------------------------------------------------------------------------

const results = new Map(); // cell id -> what judge() returned

function clear() {
  results.clear();
  for (const cell of document.querySelectorAll(".cell")) {
    delete cell.dataset.state;
    cell.replaceChildren(element("span", { class: "outcome" }, "…"));
  }
  at("score").dataset.state = "waiting";
  at("score").dataset.pending = "";
  at("differ").hidden = true;
  tally([]);
}

// What happened, and whether that is good: in words, by a mark, and by the cell's form.
function fill(cell) {
  const button = at(`${cell.row}.${cell.way}`);
  results.set(button.id, cell);
  const isIn = cell.observed === "connected";
  button.dataset.state = cell.agrees ? (isIn ? "in" : "out") : "wrong";
  button.replaceChildren(
    element("span", { class: "outcome" }, cell.observed),
    element("span", { class: "short", "aria-hidden": "true" }, isIn ? "in" : "out"),
    element("span", { class: "beside" }, element("b", {}, cell.agrees ? "✓" : "✕"), element("span", {}, ` ${verdictOn(cell)}`)),
  );
  const blind = ["page", "subdomain"].map((row) => results.get(`${row}.no-cors`)?.observed);
  at("differ").hidden = !(blind[0] === "refused" && blind[1] === "connected");
}

function verdictOn({ agrees, predicted, observed, way }) {
  if (!agrees) return `should be ${predicted}`;
  if (!grid.ways.find(({ key }) => key === way).attack) return "as it should";
  return observed === "connected" ? "this page may" : "attack fails";
}

function fillAttack({ server, way, observed, visitor }) {
  const { may_connect: mayConnect, may_use_cookies: mayUseCookies } = grid.attack;
  const cell = at(`${server}.${way}`);
  const isIn = observed === "connected";
  const isHole = isIn && (!mayConnect || (visitor && !mayUseCookies));
  const got = { jsonp: "reads a session", "no-cors": "opens a session" }[way] ?? `acts as ${visitor ?? "nobody"}`;
  // A client of a page that may come has to get in, with cookies where it may bring them.
  const isShutOut = !isIn && mayConnect && (way === "websocket" || (way === "credentials" && mayUseCookies));
  const bad = isHole ? "a hole" : isShutOut ? "should get in" : "";
  const good = isIn ? "the policy lets it" : way === "credentials" && mayConnect ? "not with cookies" : "attack fails";
  cell.dataset.state = bad ? "wrong" : isIn ? "in" : "out";
  cell.replaceChildren(
    element("span", { class: "outcome" }, isIn ? got : observed),
    element("span", { class: "beside" }, element("b", {}, bad ? "✕" : "✓"), element("span", {}, ` ${bad || good}`)),
  );
}

function fillTenant({ page, host, observed, agrees }) {
  const cell = at(`tenant.${page}.${host}`);
  const isIn = observed === "connected";
  cell.dataset.state = agrees ? (isIn ? "in" : "out") : "wrong";
  const verdict = agrees ? (page === host ? "at home" : "kept apart") : "not as the policy says";
  cell.replaceChildren(
    element("span", { class: "outcome" }, observed),
    element("span", { class: "beside" }, element("b", {}, agrees ? "✓" : "✕"), element("span", {}, ` ${verdict}`)),
  );
}

function tally(cells) {
  const all = grid.rows.length * grid.ways.length;
  const agreed = cells.filter((cell) => cell.agrees).length;
  at("progress").value = cells.length / all;
  at("agreed").textContent = `${agreed} of ${all}`;
  at("score-words").textContent = cells.length < all ? "as the policy says, so far" : "as the policy says";
  if (cells.length === all) at("score").dataset.state = agreed === all ? "connected" : "refused";
}

function showDetails(row, way) {
  const cell = results.get(cellId(row, way));
  if (!cell) return;
  at("details-title").textContent = `${row.title}, ${way.title}`;
  at("details-agrees").textContent = cell.agrees ? `good: ${verdictOn(cell)}` : `not good: ${verdictOn(cell)}`;
  at("details-tried").textContent = `${way.summary}, on a page of ${row.origin} (${RELATIONS[row.site]})`;
  at("details-agrees").dataset.state = cell.agrees ? "connected" : "refused";
  at("details-predicted").textContent = `${cell.predicted}: ${cell.why}`;
  at("details-observed").textContent = cell.observed;
  at("details-words").textContent = cell.words;
  at("details-answers").replaceChildren(...cell.answers.map(describeAnswer));
  at("details").showModal();
}

function describeAnswer({ method, origin, status, headers }) {
  const lines = Object.entries(headers).map(([name, value]) => `\n${name}: ${value}`);
  return element("li", {}, element("b", {}, `${method} ${origin ? `from ${origin}` : "without Origin"} → ${status}`), lines.join(""));
}

// --- The policy ----------------------------------------------------------------------------

const form = at("policy");

function showPolicy(values) {
  for (const control of form.elements) {
    if (!control.name) continue;
    const value = values[control.name];
    if (control.type === "checkbox") control.checked = Boolean(value);
    else control.value = value ?? "";
  }
}

function readPolicy() {
  const named = [...form.elements].filter((control) => control.name);
  return Object.fromEntries(
    named.map((c) => [c.name, c.type === "checkbox" ? c.checked : c.value]),
  );
}

function showProblems(problems) {
  for (const list of document.querySelectorAll(".problems")) list.replaceChildren();
  for (const control of form.elements) control.removeAttribute("aria-invalid");
  for (const problem of problems) {
    const field = document.querySelector(`[data-field="${problem.field}"]`);
    field.querySelector(".problems").append(describeProblem(problem));
    field.querySelector("[name]").setAttribute("aria-invalid", "true");
    const folded = field.closest(".rare");
    if (folded) folded.open = true;
  }
  document.querySelector("[aria-invalid]")?.focus();
}

function describeProblem(problem) {
  const item = element("li", {}, element("code", {}, problem.value), ` ${problem.reason}. `);
  if (problem.replacement) {
    const use = element("button", { type: "button", class: "quiet" }, `Write ${problem.replacement}`);
    use.addEventListener("click", () => {
      correct(form.elements[problem.field], problem);
      form.elements[problem.field].focus();
      item.remove();
    });
    item.append(use);
  } else if (problem.correction) {
    item.append("In Python: ", element("code", {}, problem.correction));
  }
  return item;
}

function correct(control, { value, replacement }) {
  if (control.type === "checkbox") {
    control.checked = replacement === "True";
    return;
  }
  const separator = control.tagName === "TEXTAREA" ? "\n" : ", ";
  const entries = control.value.split(separator.trim() || "\n").map((entry) => entry.trim());
  control.value = entries.map((entry) => (entry === value ? replacement : entry)).join(separator);
}

async function apply() {
  const answer = await fetch("/lab/policy", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(readPolicy()),
  });
  const said = await answer.json();
  if (answer.status === 422) {
    showProblems(said.problems);
    at("applied").textContent = "Not applied; the old policy stays in force.";
    return;
  }
  showProblems([]);
  at("applied").textContent = "In force.";
  show(said);
  await tryAll();
}

const sources = new Map(); // a server's key -> how it is written

function showSources() {
  for (const [key, source] of sources) if (at(`source.${key}`)) at(`source.${key}`).textContent = source;
}

function show(described) {
  grid = described;
  at("source").textContent = grid.source;
  for (const server of grid.attack.servers) sources.set(server.key, server.source);
  showSources();
  at("may").textContent = !grid.attack.may_connect
    ? "The policy does not let it in."
    : grid.attack.may_use_cookies
      ? "The policy lets it in, with your cookies: to this policy it is no attacker."
      : "The policy lets it in, but not with your cookies.";
  showPolicy(grid.form);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  apply();
});
at("example").addEventListener("change", ({ target }) => {
  showPolicy(target.value ? JSON.parse(target.value) : grid.form);
  showProblems([]);
});
at("again").addEventListener("click", tryAll);

// --- Reporting -----------------------------------------------------------------------------

function collector() {
  const address = new URLSearchParams(location.search).get("report");
  const isHere = address && ["localhost", "127.0.0.1"].includes(new URL(address).hostname);
  return isHere ? address : null;
}

async function report(result) {
  const answer = await fetch(collector(), {
    method: "POST",
    body: JSON.stringify({ userAgent: navigator.userAgent, form: grid.form, ...result }),
  });
  return (await answer.json()).again;
}

async function refresh() {
  show(await (await fetch("/lab/grid")).json());
}

async function start() {
  await refresh();
  layOut();
  showSources();
  openProbes();
  let result = await tryAll();
  // A run that somebody cut short has nothing to report.
  while (result && collector() && (await report(result))) {
    await refresh();
    result = await tryAll();
  }
}

// Where there is little room, the grid comes first, and its explanation is folded.
if (matchMedia("(max-width: 900px)").matches) at("differ").open = at("words").open = false;
start();
