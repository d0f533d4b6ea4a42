#!/usr/bin/env luajit
--
-- Copyright (C) The Pharos Authors
--
-- Templates of notices, against what amtool 0.25 renders of the same data
-- where it knows the functions.
--

local tap = dofile("t/lua/tap.lua")
local expand = require "pharos.expand"

local is, ok = tap.is, tap.ok


local function zone(name)
    local file = io.open("/usr/share/zoneinfo/" .. name, "rb")
    local bytes = file and file:read("*a")

    if file then
        file:close()
    end

    return bytes
end


local expander = expand.new { zone = zone }

local data = expand.data_of {
    receiver = "web.1", status = "firing", external_url = "http://am:9093",
    group_labels = { alertname = "A" },
    common_labels = { alertname = "A", job = "j" },
    common_annotations = { r = "book" },
    route_labels = { team = "a-{{ .Status }}",
                     both = '{{ routeLabels "team" }}!',
                     x = '{{ routeLabels "y" }}', y = '{{ routeLabels "x" }}' },
    alerts = {
        { status = "firing", fingerprint = "abc",
          labels = { alertname = "A", severity = "critical", x = "1" },
          annotations = { summary = "S <b>", d = "z" },
          starts_ms = 1700000000123, generator_url = "http://g/?a=b&c" },
        { status = "resolved", fingerprint = "def",
          labels = { alertname = "A", severity = "warning" },
          annotations = { summary = "R" }, starts_ms = 1700000000000,
          ends_ms = 1700003600000, generator_url = "http://g/2" },
    },
}


local function case(text, want)
    local out, err = expander:expand_notice(text, data, 1700007200000)

    is(out or err, want, text)
end


case('{{ .CommonLabels.SortedPairs.Values | join "," }}', "A,j")
case("{{ .CommonLabels }} {{ .GroupLabels.Names }}",
     "alertname=A, job=j [alertname]")
case("{{ .CommonLabels.Remove .GroupLabels.Names }}", "job=j")
case('{{ with .CommonLabels.Remove (stringSlice "job") }}{{ . }}{{ end }}',
     "alertname=A")
case('{{ .CommonLabels.Remove "x" }}',
     'template: :1:24: executing "" at <"x">: can\'t handle "x" for arg of '
     .. "type []string")
case("{{ range .Alerts.Firing }}{{ .Annotations.summary }}"
     .. "{{ .Annotations.none }}|{{ end }}", "S <b>|")
case("{{ len .Alerts.Resolved }} {{ .Alerts.Firing | len }}", "1 1")
case('{{ range .Alerts }}{{ .Labels.SortedPairs.Values | join "-" }} '
     .. "{{ end }}", "A-critical-1 A-warning ")
case("{{ (index .Alerts 0).StartsAt }}", "2023-11-14 22:13:20.123 +0000 UTC")
case("{{ (index .Alerts 0).EndsAt }} {{ (index .Alerts 0).EndsAt.IsZero }}",
     "0001-01-01 00:00:00 +0000 UTC true")
case('{{ (index .Alerts 0).StartsAt.Format "Mon 02 Jan 06 3:04PM MST" }}',
     "Tue 14 Nov 23 10:13PM UTC")
case("{{ (index .Alerts 0).StartsAt.Unix }}", "1700000000")
case("{{ (index .Alerts 1).EndsAt.Sub (index .Alerts 1).StartsAt }}",
     "1h0m0s")
case("{{ (index .Alerts 5).Status }}",
     'template: :1:4: executing "" at <index .Alerts 5>: error calling '
     .. "index: index out of range: 5")
case('{{ .Nope }}',
     "template: :1:3: executing \"\" at <.Nope>: can't evaluate field Nope "
     .. "in type *template.Data")
case('{{ .Status 5 }}',
     'template: :1:3: executing "" at <.Status>: Status has arguments but '
     .. "cannot be invoked as function")
case('{{ join "," .Alerts }}',
     'template: :1:12: executing "" at <.Alerts>: wrong type for value; '
     .. "expected []string; got template.Alerts")
case('{{ template "x" }}',
     'template: :1:12: executing "" at <{{template "x"}}>: template "x" '
     .. "not defined")
case("{{ range $k, $v := .CommonLabels }}{{ $k }}={{ $v }};{{ end }}",
     "alertname=A;job=j;")

-- functions that amtool 0.25 lacks
case('{{ "hELLO wORLD" | title }} {{ " a " | trimSpace }}|', "Hello World a|")
case('{{ (index .Alerts 0).StartsAt | tz "Europe/Berlin" | date "15:04 MST" }}',
     "23:13 CET")
case('{{ (index .Alerts 0).StartsAt | tz "No/Where" }}',
     'template: :1:32: executing "" at <tz "No/Where">: error calling tz: '
     .. "unknown time zone No/Where")
case("{{ since (index .Alerts 1).EndsAt }}", "1h0m0s")
case("{{ (index .Alerts 1).EndsAt | since | humanizeDuration }}", "1h 0m 0s")
case("{{ .CommonLabels | toJson }} {{ toJson .Alerts.Names }}",
     "template: :1:46: executing \"\" at <.Alerts.Names>: can't evaluate "
     .. "field Names in type template.Alerts")
case('{{ .CommonLabels | toJson }} {{ list 1 "<" true nil | toJson }}',
     '{"alertname":"A","job":"j"} [1,"\\u003c",true,null]')
case('{{ (index .Alerts 0).StartsAt | toJson }}',
     '"2023-11-14T22:13:20.123Z"')
case('{{ "a b%" | urlquery }} {{ urlUnescape "a%20b+c" }}', "a+b%25 a b c")
case('{{ urlUnescape "%zz" }}',
     'template: :1:3: executing "" at <urlUnescape "%zz">: error calling '
     .. 'urlUnescape: invalid URL escape "%zz"')
case('{{ base64encode "hi?>" }} {{ base64decode "aGk_Pg==" }}',
     "aGk_Pg== hi?>")
case('{{ $d := dict "a" 1 "b" "x" }}{{ $d.a }}{{ $d.b }}{{ $d.c }}',
     "1x<no value>")
case('{{ append (list 1) 2 3 }}', "[1 2 3]")
case('{{ toUpper "straße älter" }} {{ toLower "ÄÖ Ж" }}',
     "STRAßE ÄLTER äö ж")

case('{{ routeLabels "both" }}{{ routeLabels "none" }}|', "a-firing!|")
case("{{ .Receiver }}", "web\\.1")
ok(expander:expand_notice('{{ routeLabels "x" }}', data, 0) == nil
   and select(2, expander:expand_notice('{{ routeLabels "x" }}', data, 0))
       :find("route label cycle detected: x -> y -> x", 1, true) ~= nil,
   "labels of routes that ask for each other")


-- HTML documents, as amtool renders them with --template.type=html
local function html(text, want)
    local out, err = expander:expand_notice(text, data, 0, true)

    is(out or err, want, text)
end


html('<a href="{{ .ExternalURL }}/x?z={{ "a b&c" }}">'
     .. "{{ (index .Alerts 0).Annotations.summary }}</a>"
     .. "<!-- {{ .Status }} -->z",
     '<a href="http://am:9093/x?z=a%20b%26c">S &lt;b&gt;</a>z')
html([[<a href="{{ "javascript:alert(1)" }}" title='{{ "a\"b'c+" }}' ]]
     .. [[class={{ "a b" }}>{{ "<b>" | safeHtml }}{{ "<i>" }}</a>]],
     [[<a href="#ZgotmplZ" title='a&#34;b&#39;c&#43;' class=a&#32;b>]]
     .. "<b>&lt;i&gt;</a>")
html([[<p style="color: {{ "red" }}; x: {{ "expression(1)" }}">]],
     [[<p style="color: red; x: ZgotmplZ">]])
html('{{ define "t" }}{{ "a&b" }}{{ end }}{{ template "t" }}'
     .. '<a title="{{ template "t" }}" href="?q={{ template "t" }}">',
     'a&amp;b<a title="a&amp;b" href="?q=a%26b">')
html('<title>{{ "<x>" }}</title>a < b', "<title>&lt;x&gt;</title>a &lt; b")
html('{{ if true }}<a href="{{ end }}x">',
     "html/template:: {{if}} branches end in different contexts")
html("<script>var x = {{ .Status }}</script>",
     "html/template:: {{.Status}} appears in a script")
html('{{ define "r" }}<b>{{ if . }}{{ template "r" false }}{{ end }}</b>'
     .. '{{ end }}{{ template "r" true }}', "<b><b></b></b>")


-- files of templates
local loaded, err = expander:load {
    { name = "a.tmpl", text = '{{ define "x" }}[{{ .Status }}]{{ end }}' },
    { name = "b.tmpl", text = '{{ define "y" }}{{ template "x" . }}{{ end }}'
                              .. '{{ define "x" }} {{ end }}' },
}

ok(loaded, "files of templates are taken: " .. tostring(err))
case('{{ template "y" . }}', "[firing]")
case('{{ define "x" }}own{{ end }}{{ template "y" . }}', "own")

loaded, err = expander:load { { name = "c.tmpl", text = "a\n{{ nofunc }}" } }
is(loaded, nil, "a malformed file is refused")
is(err, 'template: c.tmpl:2: function "nofunc" not defined',
   "the message has file and line")
case('{{ template "y" . }}', "[firing]")

tap.done()
