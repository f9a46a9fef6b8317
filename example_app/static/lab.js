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
  at("ways").append(
    ...grid.ways.map((way) =>
      element("th", { scope: "col", title: way.summary, ...(way.attack && { class: "attack" }) }, way.title),
    ),
  );
  at("rows").append(...grid.rows.map(layOutRow));
}

function layOutRow(row) {
  const head = element("th", { scope: "row" }, row.title, element("code", {}, row.origin));
  const cells = grid.ways.map((way) => {
    const button = element("button", { type: "button", class: "cell", id: cellId(row, way) });
    button.addEventListener("click", () => showDetails(row, way));
    return element("td", { "data-way": way.title }, button);
  });
  return element("tr", {}, head, ...cells);
}

function cellId(row, way) {
  return `${row.key}.${way.key}`;
}

// --- The pages that try --------------------------------------------------------------------

function openProbes() {
  for (const row of grid.rows) {
    const frame = element("iframe", { title: row.title, tabindex: "-1" });
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

function attempt(row, way, probe, page) {
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
    page.postMessage({ probe, way }, row.is_sandboxed ? "*" : row.host);
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
  return mine === run ? cells : null;
}

async function tryRow(row, name, mine, cells) {
  const page = await ready.get(row.key);
  for (const way of grid.ways) {
    const probe = `${name}.${cellId(row, way)}`;
    const result = await attempt(row, way, probe, page);
    const answers = await (await fetch(`/lab/answers/${probe}`)).json();
    if (mine !== run) return;
    const cell = judge(row, way, result, answers);
    cells.push(cell);
    fill(cell);
    tally(cells);
  }
}

function judge(row, way, result, answers) {
  const isError = answers.some(({ status }) => status >= 400);
  // Only the server can tell what became of a request whose answer no page may read.
  const connected = result.connected ?? (answers.length > 0 && !isError);
  const observed = connected ? "connected" : isError ? "refused" : "blocked";
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
  for (const button of document.querySelectorAll(".cell")) {
    delete button.dataset.agrees;
    delete button.dataset.outcome;
    button.replaceChildren(element("span", { class: "outcome" }, "…"));
  }
  at("score").dataset.state = "waiting";
  tally([]);
}

function fill(cell) {
  const button = at(`${cell.row}.${cell.way}`);
  results.set(button.id, cell);
  button.dataset.agrees = cell.agrees;
  button.dataset.outcome = cell.observed;
  button.replaceChildren(
    element("span", { class: "outcome" }, cell.observed),
    element("span", { class: "beside" }, cell.agrees ? "as predicted" : `predicted: ${cell.predicted}`),
  );
}

function tally(cells) {
  const all = grid.rows.length * grid.ways.length;
  const agreed = cells.filter((cell) => cell.agrees).length;
  at("progress").value = cells.length / all;
  at("agreed").textContent = `${agreed} of ${all}`;
  at("score-words").textContent = cells.length < all ? "cells agree so far" : "cells agree";
  if (cells.length === all) at("score").dataset.state = agreed === all ? "connected" : "refused";
}

function showDetails(row, way) {
  const cell = results.get(cellId(row, way));
  if (!cell) return;
  at("details-title").textContent = `${row.title}, ${way.title}`;
  at("details-agrees").textContent = cell.agrees ? "as predicted" : "not as predicted";
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

function show(described) {
  grid = described;
  at("source").textContent = grid.source;
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

async function report(cells) {
  const answer = await fetch(collector(), {
    method: "POST",
    body: JSON.stringify({ userAgent: navigator.userAgent, form: grid.form, cells }),
  });
  return (await answer.json()).again;
}

async function refresh() {
  show(await (await fetch("/lab/grid")).json());
}

async function start() {
  await refresh();
  layOut();
  openProbes();
  let cells = await tryAll();
  // A run that somebody cut short has nothing to report.
  while (cells && collector() && (await report(cells))) {
    await refresh();
    cells = await tryAll();
  }
}

// Where the policy stands above the grid, it is folded.
if (matchMedia("(max-width: 1400px)").matches) document.querySelector(".policy").open = false;
start();
