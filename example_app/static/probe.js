// Tries the ways to connect, on whichever origin this page has, and tells the lab what happened.
"use strict";

const { lab } = document.body.dataset;
const PATIENCE_MS = 8000;

addEventListener("message", async ({ source, origin, data }) => {
  if (source !== parent || origin !== lab) return;
  const attempt = ATTEMPTS[data.way.attack] ?? connect;
  const result = await attempt(data.server, data.probe, data.way.options);
  parent.postMessage({ probe: data.probe, ...result }, lab);
});

const ATTEMPTS = { jsonp: readByJsonp, "no-cors": fetchBlindly };

// Connects, upgrades where the transports ask for it, and waits for an echo: only that proves
// that both directions work. Then asks whom the server takes it for, by the cookie.
function connect(server, probe, options) {
  return new Promise((resolve) => {
    const socket = io(`${server}/lab`, {
      ...options,
      query: { probe },
      forceNew: true,
      reconnection: false,
      timeout: PATIENCE_MS,
    });
    const end = (connected, words, visitor = null) => {
      clearTimeout(patience);
      socket.close();
      resolve({ connected, words, visitor });
    };
    const patience = setTimeout(() => end(false, `no echo in ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    const echo = (transport) =>
      socket.emit("echo", probe, (words) =>
        socket.emit("whoami", (name) =>
          end(words === probe, `echo over ${transport}, as ${name ?? "nobody"}`, name),
        ),
      );
    socket.on("connect", () => {
      const { engine } = socket.io;
      if (options.transports || engine.transport.name === "websocket") echo(engine.transport.name);
      else engine.once("upgrade", () => echo("websocket, upgraded"));
    });
    socket.on("connect_error", (error) => end(false, error.message));
  });
}

// Any page can include any script: where the answer is one, the page gets what is in it.
function readByJsonp(server, probe) {
  return new Promise((resolve) => {
    let session = "";
    window.___eio ??= [];
    const index = window.___eio.push((packet) => { session = packet; }) - 1;
    const script = document.createElement("script");
    script.src = `${server}/socket.io/?EIO=4&transport=polling&j=${index}&probe=${probe}`;
    const end = (words) => {
      script.remove();
      const connected = session.includes('"sid"');
      resolve({ connected, words: connected ? "the page holds a session's id" : words });
    };
    script.onload = () => end("the script held no session");
    script.onerror = () => end("the script did not load");
    document.body.append(script);
  });
}

// Such an answer cannot be read, so that only the server can tell whether it opened a session.
async function fetchBlindly(server, probe) {
  const target = `${server}/socket.io/?EIO=4&transport=polling&probe=${probe}`;
  try {
    const answer = await fetch(target, { mode: "no-cors", credentials: "include" });
    return { connected: null, words: `the page sees an answer of type ${answer.type}` };
  } catch (error) {
    return { connected: false, words: `${error.name}: ${error.message}` };
  }
}
