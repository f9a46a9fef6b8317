// The npm package `cors`, which Socket.IO for Node.js uses: microseconds for one decision.
// Of the process's own time, which other programs do not disturb. Takes the numbers of origins; prints JSON, one number a request and size.
import cors from "cors";

const SECONDS = 0.15;
const HEADERS = {
  "access-control-request-method": "POST",
  "access-control-request-headers": "x-requested-with",
};
const response = { statusCode: 200, setHeader() {}, getHeader() {}, end() {} };
const next = () => {};

function time(middleware, request) {
  const run = (loops) => {
    const start = process.cpuUsage();
    for (let i = 0; i < loops; i++) middleware(request, response, next);
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  let loops = 1;
  while (run(loops) < SECONDS * 1e6) loops *= 2;
  return run(loops) / loops;
}

const found = {};
for (const size of process.argv.slice(2).map(Number)) {
  const origins = Array.from({ length: size }, (_, i) => `https://app${i}.example.com`);
  const middleware = cors({ origin: origins });
  const last = origins[size - 1];
  found[`allowed/${size}`] = time(middleware, { method: "GET", headers: { origin: last } });
  found[`refused/${size}`] = time(middleware, {
    method: "GET",
    headers: { origin: "https://evil.example.net" },
  });
  found[`preflight/${size}`] = time(middleware, {
    method: "OPTIONS",
    headers: { origin: last, ...HEADERS },
  });
}
console.log(JSON.stringify(found));
