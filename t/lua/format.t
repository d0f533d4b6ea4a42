#!/usr/bin/env luajit
--
-- Copyright (C) The Pharos Authors
--
-- Numbers and strings as Go's fmt prints them.  The expected texts are
-- those of Go 1.19.
--

local tap = dofile("t/lua/tap.lua")
local fmt = require "pharos.format"
local humanize = require "pharos.humanize"
local literal = require "pharos.template.literal"
local time = require "pharos.template.time"
local types = require "pharos.template.types"
local words = require "pharos.text"

local is = tap.is


local function printf(want, ...)
    is(fmt.sprintf(...), want, (...) .. " gives " .. want)
end


-- %v: the shortest text, with an exponent from 1e+06 on
for text, v in pairs {
    ["0"] = 0, ["-0"] = -0.0, ["1"] = 1, ["100000"] = 1e5, ["1e+06"] = 1e6,
    ["1.234567e+06"] = 1234567, ["1.23456789e+08"] = 123456789,
    ["0.0001"] = 1e-4, ["1e-05"] = 1e-5, ["0.1"] = 0.1,
    ["0.30000000000000004"] = 0.1 + 0.2, ["3.3333333333333335"] = 10 / 3,
    ["5e-324"] = 5e-324, ["1.7976931348623157e+308"] = 1.7976931348623157e308,
    ["2.2250738585072014e-308"] = 2.2250738585072014e-308,
    ["NaN"] = 0 / 0, ["+Inf"] = math.huge, ["-Inf"] = -math.huge,
} do
    is(fmt.text(v), text, "%v gives " .. text)
end

-- halves go to the even digit
printf("0 2 2 4", "%.0f %.0f %.0f %.0f", 0.5, 1.5, 2.5, 3.5)
printf("2.2 0.12 1.00", "%.1f %.2f %.2f", 2.25, 0.125, 1.005)
printf("1e+02 8e+01 1e+01", "%.0e %.0e %.0g", 95, 85, 9.5)
printf("1235 1.235e+04 0.0001235", "%.4g %.4g %.4g", 1234.5678, 12345.678,
       0.00012345678)
printf("123456789.00", "%.2f", 123456789)

-- flags and widths
printf("  1.50|1.50  |001.50|+1.50| 1.50", "%6.2f|%-6.2f|%06.2f|%+.2f|% .2f",
       1.5, 1.5, 1.5, 1.5, 1.5)
printf("   42|42   |00042|+42|2a|0X2A|101010|*",
       "%5d|%-5d|%05d|%+d|%x|%#X|%b|%c", 42LL, 42LL, 42LL, 42LL, 42LL, 42LL,
       42LL, 42LL)
printf("  +Inf|NaN   |  +Inf", "%6.1f|%-6g|%06f", math.huge, 0 / 0, math.huge)
printf("  é|é  |\"é\"|\"\\u00e9\"|c3a9|C3 A9",
       "%3s|%-3s|%q|%+q|%x|% X", "é", "é", "é", "é", "é", "é")
printf("äö", "%.2s", "äöü")
printf("100% true", "%d%% %t", 100LL, true)

-- what is wrong with a call stands in its result
printf("%!d(float64=1.5)", "%d", 1.5)
printf("%!s(int=1) %!f(string=x)", "%s %f", 1LL, "x")
printf("%!d(MISSING)", "%d")
printf("a%!(EXTRA int=1, string=x)", "a", 1LL, "x")
printf("%!(NOVERB)", "%")
printf("%!y(int=1)", "%y", 1LL)
printf("2 1", "%[2]d %[1]d", 1LL, 2LL)
printf("%!d(BADINDEX)", "%[3]d", 1LL)
printf("<nil> %!s(<nil>)", "%v %s", types.NIL, types.NIL)
printf("9223372036854775807 -9223372036854775808", "%d %d",
       0x7fffffffffffffffLL, -0x7fffffffffffffffLL - 1LL)

-- values with parts
local map = types.string_map { b = "2", a = "1" }

printf("map[a:1 b:2] map[\"a\":\"1\" \"b\":\"2\"]", "%v %q", map, map)
printf("[x y] {n v} {Name:n Value:v}", "%v %v %+v",
       setmetatable({ "x", "y" }, types.StringSlice),
       setmetatable({ Name = "n", Value = "v" }, types.Pair),
       setmetatable({ Name = "n", Value = "v" }, types.Pair))
is(fmt.sprint("a", 1LL, 2LL, "b", 3LL), "a1 2b3", "Sprint's spaces")
is(fmt.sprintln("a", 1LL, true), "a 1 true\n", "Sprintln's spaces")

-- literals
is(literal.quote("a\"\\\n\1\127é\255"), [["a\"\\\n\x01\x7fé\xff"]], "quote")
is(literal.unquote([["\t\x41\u00e9\101\\\""]]), "\tAéA\\\"", "unquote")
is(literal.unquote([["\'"]]), nil, "an escape that Go lacks")
is(tostring(literal.number("0x1F").int), "31LL", "hexadecimal")
is(tostring(literal.number("1_000").int), "1000LL", "with underscores")
is(select(2, literal.number("9223372036854775808")),
   'integer overflow: "9223372036854775808"', "too large")

-- humanized
for v, want in pairs {
    [0] = "0", [1] = "1", [999.94] = "999.9", [1000] = "1k",
    [1234567] = "1.235M", [0.00123] = "1.23m", [-1500] = "-1.5k",
    [1e30] = "1e+06Y",
} do
    is(humanize.si(v), want, "humanize " .. v)
end

for v, want in pairs {
    [0] = "0s", [1] = "1s", [59.95] = "59.95s", [60] = "1m 0s",
    [3661] = "1h 1m 1s", [90061] = "1d 1h 1m 1s", [-90061] = "-1d 1h 1m 1s",
    [0.0012] = "1.2ms", [1.23456789] = "1.235s",
} do
    is(humanize.duration(v), want, "humanizeDuration " .. v)
end

is(humanize.binary(1536), "1.5ki", "humanize1024")
is(humanize.percentage(0.123456), "12.35%", "humanizePercentage")
is(humanize.si("1e3"), "1k", "a number as a string")
is(select(2, humanize.si("1e")), 'strconv.ParseFloat: parsing "1e": '
   .. "invalid syntax", "a string that is no number")
is(humanize.parse_duration("1d2h"), 93600, "a duration")

for text, want in pairs {
    [".5"] = 0.5, ["5."] = 5, ["-1e3"] = -1000, ["+0x1p4"] = 16,
    ["-Inf"] = -math.huge, ["1E-2"] = 0.01, ["0010"] = 10,
} do
    is(humanize.to_float(text), want, text .. " is a number")
end

for _, text in ipairs { "", ".", "1e", "0x1", "1 ", "--1", "1.2.3", "e5" } do
    is(humanize.to_float(text), nil, "'" .. text .. "' is none")
end

-- what a careless pattern would take hours for
is(humanize.to_float(("1"):rep(100000) .. "x"), nil, "a long number")
is(#words.trim("a" .. (" "):rep(200000) .. "b "), 200002, "long spaces")

-- times
local t = time.of_ms(1709210096007)

is(fmt.text(t), "2024-02-29 12:34:56.007 +0000 UTC", "a leap day")
is(time.format(t, "Monday, 2 January 2006 03:04:05.000 pm Z07:00 __2 002"),
   "Thursday, 29 February 2024 12:34:56.007 pm Z  60 060", "a layout")
is(fmt.text(time.zero()), "0001-01-01 00:00:00 +0000 UTC", "the zero time")
is(fmt.text(time.duration(-90061500000000LL)), "-25h1m1.5s", "a duration")

tap.done()
