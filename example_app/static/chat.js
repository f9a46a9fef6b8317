"use strict";

const at = (id) => document.getElementById(id);
const server = document.body.dataset.server;
const state = at("state");

const socket = io(server, {
  withCredentials: true,
  extraHeaders: { "my-custom-header": "abcd" },
});

function show(name, words) {
  state.dataset.state = name;
  state.textContent = words;
}

function allowTalking(allowed) {
  for (const control of at("composer").elements) control.disabled = !allowed;
}

// --- Connected -----------------------------------------------------------------------------

socket.on("connect", () => {
  at("refusal").hidden = true;
  at("chat").hidden = false;
  allowTalking(true);
  const { engine } = socket.io;
  at("seen-transport").textContent = engine.transport.name;
  engine.once("upgrade", (transport) => {
    at("seen-transport").textContent = transport.name;
  });
});

socket.on("welcome", ({ name, tab, seen, history }) => {
  show("connected", tab > 1 ? `connected as ${name}, tab ${tab}` : `connected as ${name}`);
  at("seen-origin").textContent = seen.origin;
  at("seen-cookie").textContent = seen.cookie ? `chat_session, so you are ${seen.cookie}` : "none came";
  at("seen-header").textContent = seen.header ?? "did not come";
  at("messages").replaceChildren();
  history.forEach(append);
});

socket.on("people", (people) => {
  at("people").replaceChildren(
    ...people.map(({ name, tabs }) => element("li", tabs > 1 ? `${name} · ${tabs} tabs` : name)),
  );
});

socket.on("said", append);

function append(message) {
  at("empty").hidden = true;
  const item = element("li");
  const head = element("p", message.name, "speaker");
  head.style.setProperty("--hue", hue(message.name));
  if (message.tab > 1) head.append(element("span", `tab ${message.tab}`, "badge"));
  const time = element("time", new Date(message.at).toLocaleTimeString([], { timeStyle: "short" }));
  time.dateTime = message.at;
  head.append(time);
  item.append(head, element("p", message.text));
  at("messages").append(item);
  item.scrollIntoView({ block: "nearest" });
}

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function hue(name) {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (at("text").value.trim()) socket.emit("say", at("text").value);
  at("text").value = "";
  at("text").focus();
});

// --- Not connected -------------------------------------------------------------------------

socket.on("disconnect", () => {
  show("waiting", "connection lost, trying again…");
  allowTalking(false);
});

socket.on("connect_error", async (error) => {
  const why = await reasonOf();
  if (!why) {
    show("waiting", "no answer, trying again…");
    return;
  }
  // A refusal stays one however often it is asked for; reloading the page asks again.
  socket.disconnect();
  show("refused", "refused");
  at("client-says").textContent = error.message;
  at("browser-says").textContent = await whatTheBrowserSays();
  at("answer").textContent = why.answer;
  at("why").textContent = why.why;
  at("command").textContent = `flask sio-cors explain ${location.origin}`;
  at("lines").replaceChildren(...why.lines.split(/(?<=\n)/).map(markIfOurs));
  at("remedy").hidden = !why.lines;
  at("chat").hidden = true;
  at("refusal").hidden = false;
});

function markIfOurs(line) {
  return element(line.includes(`"${location.origin}"`) ? "mark" : "span", line);
}

// This page's own server knows the policy; the refusal itself does not tell.
async function reasonOf() {
  try {
    const answer = await (await fetch("/why")).json();
    return answer.why ? answer : null;
  } catch {
    return null;
  }
}

async function whatTheBrowserSays() {
  try {
    await fetch(`${server}/socket.io/?EIO=4&transport=polling`, { credentials: "include" });
    return "nothing";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}
