#!/usr/bin/env luajit
--
-- Copyright (C) The Pharos Authors
--
-- Templates of rules.  The cases of template_rule.txt are what promtool 2.42
-- makes of them for the alert A of one sample; those below need features
-- that it lacks, or hold what is ours.
--

local tap = dofile("t/lua/tap.lua")
local expand = require "pharos.expand"

local is, ok = tap.is, tap.ok

-- bytes that the server puts before a template's text, without the quotes
-- and names around them
local HEAD = 112

local QUERIES = {
    q = { { labels = { __name__ = "q", l = "a" }, value = 1 },
          { labels = { __name__ = "q", l = "b" }, value = 2 } },
    none = {},
}


local function query(expr)
    local rows = {}

    if not QUERIES[expr] then
        return nil, "1:5: parse error: unclosed left parenthesis"
    end

    for i, row in ipairs(QUERIES[expr]) do
        rows[i] = { labels = row.labels, value = row.value }
    end

    return rows
end


local function zone(name)
    local file = io.open("/usr/share/zoneinfo/" .. name, "rb")
    local bytes = file and file:read("*a")

    if file then
        file:close()
    end

    return bytes
end


local expander = expand.new {
    re_match = function(pattern, s)
        return s:find(pattern) ~= nil
    end,
    re_replace = function(pattern, replacement, s)
        return (s:gsub(pattern, replacement))
    end,
    zone = zone,
    max_bytes = 10000,
}


local function expand_value(text, value)
    local good, message = expander:check_rule("A", text)

    if not good then
        return (message:gsub("^template: __alert_A:", "parse error "))
    end

    local out, err = expander:expand_rule {
        rule = "A", text = text, value = value, now_ms = 60000,
        labels = { __name__ = "m", instance = "host.example.com:9100",
                   job = "a-b c" },
        external_labels = { region = "eu" },
        external_url = "http://prom.example:9090/pre", query = query,
    }

    if out then
        return out
    end

    local line, column, rest = err:match(
        "^error executing template __alert_A: template: __alert_A:"
        .. '(%d+):(%d+): executing "__alert_A" at (.*)$')

    if not line then
        return err
    end

    return ("error %s:%d: %s"):format(line,
                                      column - (line == "1" and HEAD or 0),
                                      rest)
end


local function case(text, want)
    is(expand_value(text, 1234567.5), want, text)
end


local file = assert(io.open("t/lua/template_rule.txt"))
local cases = file:read("*a")

file:close()

for text, want in cases:gmatch("(.-)\n=>\n(.-)\n%-%-%-\n") do
    case(text, want)
end


-- queries, of which promtool does not promise the order
case('{{ range query "q" }}{{ .Labels.l }}={{ .Value }} {{ end }}',
     "a=1 b=2 ")
case('{{ with query "q" | first | value }}{{ . | humanize }}{{ end }}', "1")
case('{{ range $i, $e := query "q" }}{{ $i }}:{{ $e.Value }},{{ end }}',
     "0:1,1:2,")
case('{{ range query "q" }}{{ if eq .Labels.l "b" }}{{ break }}{{ end }}'
     .. '{{ .Value }}{{ continue }}x{{ end }}', "1")
case('{{ query "x" }}',
     'error 1:3: <query "x">: error calling query: '
     .. "1:5: parse error: unclosed left parenthesis")
case('{{ $a := 1 }}{{ range query "q" }}{{ $a = .Value }}{{ end }}{{ $a }}',
     "2")

-- younger than that promtool
case("{{ range 3 }}{{ . }}{{ end }}", "012")
case('{{ now }} {{ parseDuration "1h30m" }} {{ parseDuration "-5ms" }}',
     "60 5400 -0.005")
case('{{ parseDuration "x" }}',
     'error 1:3: <parseDuration "x">: error calling parseDuration: '
     .. 'not a valid duration string: "x"')
case("{{ with .Nothing }}{{ else with $value }}{{ . }}{{ end }}",
     "error 1:8: <.Nothing>: can't evaluate field Nothing in type struct { "
     .. "Labels map[string]string; ExternalLabels map[string]string; "
     .. "ExternalURL string; Value interface {} }")
case('{{ with $labels.none }}a{{ else with $value }}{{ . }}{{ end }}',
     "1.2345675e+06")
case('{{ (toDuration 5400).Hours }} {{ toDuration 1.5 }}', "1.5 1.5s")
case('{{ "it\'s o\'clock" | title }} {{ "a.b c:d" | title }}',
     "It's O'clock A.b C:d")
case('{{ pathPrefix }}{{ externalURL }}', "/prehttp://prom.example:9090/pre")
case('{{ urlQueryEscape "a b&c" }}', "a+b%26c")

-- values that are no numbers
is(expand_value("{{ $value }} {{ humanize $value }}", 0 / 0), "NaN NaN",
   "NaN")
is(expand_value("{{ $value }} {{ humanizePercentage $value }}", math.huge),
   "+Inf +Inf%", "infinity")
is(expand_value("{{ if gt $value 1.0 }}a{{ else }}b{{ end }}", 0 / 0), "a",
   "gt is not le, as Go has it")
is(expand_value("{{ humanizeTimestamp $value }}", 1e300),
   "error 1:3: <humanizeTimestamp $value>: error calling humanizeTimestamp: "
   .. "1e+300 cannot be represented as a nanoseconds timestamp since it "
   .. "overflows int64", "a time too far away")

-- limits
ok(expand_value('{{ define "t" }}{{ template "t" }}{{ end }}'
                .. '{{ template "t" }}', 1)
   :find("exceeded maximum template depth"), "recursion is bounded")
ok(expand_value("{{ range 5000 }}aaa{{ end }}", 1)
   :find("output is longer than 10000 bytes"), "output is bounded")
ok(expand_value('{{ printf "%99999d" 1 }}', 1):find("BADWIDTH"),
   "widths are bounded")

tap.done()
