-- The calls of the benchmarks, for wrk:
--   wrk … -s calls.lua URL -- post KEY        a new lead each time
--   wrk … -s calls.lua URL -- twin KEY        a lead that the table filled by fill_leads.sql holds already
--   wrk … -s calls.lua URL -- crowd "" FILE   a new lead of a tenant whose key is in FILE (one a line), after Zipf
--   wrk … -s calls.lua URL -- get KEY FILE    paths of FILE (one a line) in turn, from a random one on
-- Ends by printing one line of JSON.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
   thread:set("number", #threads)
end

function init(arguments)
   act, key = arguments[1], arguments[2]
   headers = { ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json" }
   refused, count = 0, 0
   math.randomseed(os.time() + number)
   run = string.format("%x%x", os.time(), number)
   first = math.random(1000000000)
   if act == "get" then
      paths = {}
      for line in io.lines(arguments[3]) do table.insert(paths, line) end
      count = math.random(#paths)
   end
   if act == "crowd" then
      keys, sums = {}, {}
      for line in io.lines(arguments[3]) do
         table.insert(keys, line)
         table.insert(sums, (sums[#sums] or 0) + 1 / #keys)
      end
   end
end

-- One of many keys: the n-th as often as 1/n says.
local function zipf()
   local wanted, low, high = math.random() * sums[#sums], 1, #sums
   while low < high do
      local middle = math.floor((low + high) / 2)
      if sums[middle] < wanted then low = middle + 1 else high = middle end
   end
   return keys[low]
end

function request()
   count = count + 1
   if act == "crowd" then headers["Authorization"] = "Bearer " .. zipf() end
   if act == "get" then return wrk.format("GET", paths[count % #paths + 1], headers) end
   if act == "twin" then
      local twin = string.format('{"company":"Twin %s %d Ltd","phone":"+8615%09d"}', run, count, math.random(100000))
      return wrk.format("POST", "/v1/leads", headers, twin)
   end
   local body = string.format(
      '{"company":"Bench %s %d Ltd","person":"P. Marsh","phone":"+8613%09d","email":"p%d@%s.example",' ..
      '"source":"website","region":"Central","product":"Rack R1"}',
      run, count, (first + count * 7919) % 1000000000, count, run)
   return wrk.format("POST", "/v1/leads", headers, body)
end

function response(status)
   if status ~= 200 and status ~= 201 then refused = refused + 1 end
end

function done(summary, latency)
   local refused = 0
   for _, thread in ipairs(threads) do refused = refused + thread:get("refused") end
   local errors = summary.errors
   io.write(string.format(
      '{"calls":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50":%.3f,"p99":%.3f}\n',
      summary.requests, summary.duration / 1e6, refused,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
