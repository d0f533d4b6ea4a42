--
-- Copyright (C) The Pharos Authors
--
-- Humanize: numbers, durations and points in time for human readers, as
-- Prometheus's template functions write them.
--

local fmt = require "pharos.format"
local literal = require "pharos.template.literal"
local types = require "pharos.template.types"

local getmetatable, ipairs, tonumber, type = getmetatable, ipairs, tonumber,
                                             type
local find, lower, match = string.find, string.lower, string.match
local abs, floor, huge = math.abs, math.floor, math.huge

local M = {}

local LARGE = { "k", "M", "G", "T", "P", "E", "Z", "Y" }
local SMALL = { "m", "u", "n", "p", "f", "a", "z", "y" }
local BINARY = { "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi" }

local SPECIAL = {
    ["inf"] = huge, ["infinity"] = huge, ["nan"] = 0 / 0,
}


-- the place behind the digits from pos on, and whether there are any
local function digits(s, pos, set)
    local after = match(s, "^" .. set .. "+()", pos)

    return after or pos, after ~= nil
end


-- 12.5e3 or 0x1.8p3, piece by piece: one pattern for all could take cubic
-- time to see that a long text is no number
local function is_number(s)
    local hex = find(s, "^0x")
    local set = hex and "%x" or "%d"
    local pos, before, behind, any

    pos, before = digits(s, hex and 3 or 1, set)

    if find(s, "^%.", pos) then
        pos, behind = digits(s, pos + 1, set)
    end

    if not before and not behind then
        return false
    end

    if find(s, hex and "^p" or "^e", pos) then
        pos = match(s, "^[+-]()", pos + 1) or pos + 1
        pos, any = digits(s, pos, "%d")
        return any and pos == #s + 1
    end

    return not hex and pos == #s + 1
end


-- strconv.ParseFloat(); nil if the text is no number
local function parse_float(s)
    local sign, word = match(lower(s), "^([+-]?)(.*)$")

    if SPECIAL[word] then
        return sign == "-" and -SPECIAL[word] or SPECIAL[word]
    elseif not is_number(word) then
        return nil
    end

    local v = tonumber(word)

    return v and (sign == "-" and -v or v)
end


-- a float64 of what a template may hold as a number
function M.to_float(v)
    local t = type(v)

    if t == "number" then
        return v
    elseif t == "cdata" then
        return tonumber(v)
    elseif t == "string" then
        local f = parse_float(v)

        if not f then
            return nil, "strconv.ParseFloat: parsing " .. literal.quote(v)
                        .. ": invalid syntax"
        end

        return f
    elseif t == "table" and getmetatable(v).name == "time.Duration" then
        return tonumber(v.i) / 1e9
    end

    return nil, "can't convert " .. types.name(v) .. " to float"
end


local function is_special(v)
    return v ~= v or v == huge or v == -huge
end


local function scaled(v, prefixes, base, done)
    local prefix = ""

    for _, p in ipairs(prefixes) do
        if done(abs(v)) then
            break
        end

        prefix = p
        v = v / base
    end

    return v, prefix
end


local function below(limit)
    return function(v)
        return v < limit
    end
end


local function at_least_one(v)
    return v >= 1
end


-- multiplied as Go does it, because dividing by 0.001 rounds differently
local function small(v)
    local prefix = ""

    for _, p in ipairs(SMALL) do
        if at_least_one(abs(v)) then
            break
        end

        prefix = p
        v = v * 1000
    end

    return v, prefix
end


function M.si(i)
    local v, err = M.to_float(i)
    local prefix

    if not v then
        return nil, err
    elseif v == 0 or is_special(v) then
        return fmt.sprintf("%.4g", v)
    elseif abs(v) >= 1 then
        v, prefix = scaled(v, LARGE, 1000, below(1000))
    else
        v, prefix = small(v)
    end

    return fmt.sprintf("%.4g%s", v, prefix)
end


function M.binary(i)
    local v, err = M.to_float(i)
    local prefix

    if not v then
        return nil, err
    elseif abs(v) <= 1 or is_special(v) then
        return fmt.sprintf("%.4g", v)
    end

    v, prefix = scaled(v, BINARY, 1024, below(1024))

    return fmt.sprintf("%.4g%s", v, prefix)
end


function M.percentage(i)
    local v, err = M.to_float(i)

    if not v then
        return nil, err
    end

    return fmt.sprintf("%.4g%%", v * 100)
end


local function long_duration(v)
    local sign = v < 0 and "-" or ""

    v = abs(v)

    local whole = floor(v)
    local s, m = whole % 60, floor(whole / 60) % 60
    local h, d = floor(whole / 3600) % 24, floor(whole / 86400)

    if d ~= 0 then
        return fmt.sprintf("%s%.0fd %.0fh %.0fm %.0fs", sign, d, h, m, s)
    elseif h ~= 0 then
        return fmt.sprintf("%s%.0fh %.0fm %.0fs", sign, h, m, s)
    elseif m ~= 0 then
        return fmt.sprintf("%s%.0fm %.0fs", sign, m, s)
    end

    return fmt.sprintf("%s%.4gs", sign, v)
end


-- seconds: "1d 2h 3m 4s", "1.5s", "3ms"
function M.duration(i)
    local v, err = M.to_float(i)

    if not v then
        return nil, err
    elseif is_special(v) then
        return fmt.sprintf("%.4g", v)
    elseif v == 0 then
        return fmt.sprintf("%.4gs", v)
    elseif abs(v) >= 1 then
        return long_duration(v)
    end

    local prefix

    v, prefix = small(v)

    return fmt.sprintf("%.4g%ss", v, prefix)
end


-- milliseconds of seconds since the epoch
function M.timestamp_ms(v)
    if is_special(v) then
        return nil, "value is NaN or Inf"
    elseif v * 1e9 > 9223372036854775807 or v * 1e9 < -9223372036854775808
    then
        return nil, fmt.text(v) .. " cannot be represented as a nanoseconds"
                    .. " timestamp since it overflows int64"
    end

    local ms = v * 1e9 / 1e6

    -- toward zero, as Go's integer division does
    return ms < 0 and -floor(-ms) or floor(ms)
end


local UNITS = { { "y", 31536000 }, { "w", 604800 }, { "d", 86400 },
                { "h", 3600 }, { "m", 60 }, { "s", 1 }, { "ms", 0.001 } }


-- "1h30m", "-5m", "0" to seconds
function M.parse_duration(s)
    local sign, rest = match(s, "^(-?)(.*)$")
    local ms, known = 0, false

    if rest == "0" then
        return 0
    elseif s == "" then
        return nil, "empty duration string"
    end

    for _, unit in ipairs(UNITS) do
        local n, tail = match(rest, "^(%d+)" .. unit[1] .. "(.*)$")

        -- the m of 5ms is no minute
        if n and not (unit[1] == "m" and find(tail, "^s")) then
            ms = ms + tonumber(n) * (unit[2] * 1000)
            rest, known = tail, true
        end
    end

    if not known or rest ~= "" then
        return nil, "not a valid duration string: " .. literal.quote(s)
    end

    return (sign == "-" and -ms or ms) / 1000
end


return M
