// The Socket.IO server for Node.js, for comparison: one a line of stdin.
//
// A line is JavaScript, the options of `new Server(…)`, in parentheses. The answer is a line of JSON, `{ "port": … }` of
// a server with these options on 127.0.0.1, or `{ "failure": … }`. All of them end with stdin.

import http from "node:http";
import { createInterface } from "node:readline/promises";
import { Server } from "socket.io";

async function listen(source) {
  const options = eval(source);
  const httpServer = http.createServer((request, response) => response.writeHead(404).end());
  new Server(httpServer, options);
  await new Promise((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
  return { port: httpServer.address().port };
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await listen(line).catch((error) => ({ failure: error.stack }));
  console.log(JSON.stringify(answer));
}
process.exit();
