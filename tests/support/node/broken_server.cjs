// Socket.IO servers for Node.js, constructed as a test says, all in one process.
//
// Reads lines of JSON from stdin, and answers each with one: { "construction": "new Server(httpServer, {…})", "package":
// "socket.io" } with { "port": … } or { "failure": … }, and { "close": port } with {}. What follows the construction, after
// a semicolon, has it as `io`.

const { createServer } = require("http");
const { createInterface } = require("readline");

const servers = new Map();

function construct(construction, name) {
  const Server = require(name).Server || require(name);
  const httpServer = createServer();
  const make = new Function("require", "createServer", "Server", "httpServer", `const io = ${construction}; return io;`);
  const io = make(require, createServer, Server, httpServer);
  return new Promise((resolve) => {
    httpServer.listen(0, "127.0.0.1", () => {
      const { port } = httpServer.address();
      servers.set(port, { io, httpServer });
      resolve({ port });
    });
  });
}

function close(port) {
  const { io, httpServer } = servers.get(port);
  servers.delete(port);
  io.close();
  httpServer.closeAllConnections();
  return {};
}

async function answer({ construction, package: name, close: port }) {
  return port ? close(port) : construct(construction, name);
}

createInterface({ input: process.stdin }).on("line", async (line) => {
  const said = await answer(JSON.parse(line)).catch((error) => ({ failure: error.stack }));
  console.log(JSON.stringify(said));
});
