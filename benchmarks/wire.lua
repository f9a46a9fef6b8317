-- wrk's requests, by the environment: SCENARIO, ORIGIN, and SIDS, a session a thread for "poll".
-- At the end it prints one line of JSON.

local scenario, origin = os.getenv("SCENARIO"), os.getenv("ORIGIN")
local path = "/socket.io/?EIO=4&transport=polling"
local threads = 0

function setup(thread)
  local sids = {}
  for sid in (os.getenv("SIDS") or ""):gmatch("%S+") do sids[#sids + 1] = sid end
  threads = threads + 1
  thread:set("sid", sids[threads] or "")
end

function init()
  local headers = { Origin = origin }
  if scenario == "preflight" then
    headers["Access-Control-Request-Method"] = "POST"
    headers["Access-Control-Request-Headers"] = "x-requested-with"
    one = wrk.format("OPTIONS", path, headers)
  elseif scenario == "poll" then
    path = path .. "&sid=" .. sid
    send = wrk.format("POST", path, headers, '42["echo","hello"]')
    receive = wrk.format("GET", path, headers)
  else
    one = wrk.format("GET", path, headers)
  end
end

local is_sent = false

function request()
  if one then return one end
  is_sent = not is_sent
  return is_sent and send or receive
end

function done(summary, latency)
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "p50": %.0f, "p99": %.0f, "statuses": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
