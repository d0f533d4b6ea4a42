--
-- Copyright (C) The Pharos Authors
--
-- Text: case, words, host names and base64, as template functions need
-- them.  Letters beyond ASCII are those of Latin, Greek, Cyrillic and
-- Armenian; others keep their case.
--

local literal = require "pharos.template.literal"

local byte, char, find, gsub = string.byte, string.char, string.find,
                               string.gsub
local lower, match, sub, upper = string.lower, string.match, string.sub,
                                 string.upper
local concat, floor, tonumber = table.concat, math.floor, tonumber

local M = {}


--
-- Case.  A range is { first upper, last upper, distance to lower, step }:
-- step 2 where upper and lower letters alternate.
--

local RANGES = {
    { 0xc0, 0xd6, 32, 1 }, { 0xd8, 0xde, 32, 1 },
    { 0x100, 0x12e, 1, 2 }, { 0x132, 0x136, 1, 2 }, { 0x139, 0x147, 1, 2 },
    { 0x14a, 0x176, 1, 2 }, { 0x178, 0x178, -121, 1 },
    { 0x179, 0x17d, 1, 2 }, { 0x218, 0x21e, 1, 2 }, { 0x386, 0x386, 38, 1 },
    { 0x388, 0x38a, 37, 1 }, { 0x38c, 0x38c, 64, 1 },
    { 0x38e, 0x38f, 63, 1 }, { 0x391, 0x3a1, 32, 1 },
    { 0x3a3, 0x3ab, 32, 1 }, { 0x400, 0x40f, 80, 1 },
    { 0x410, 0x42f, 32, 1 }, { 0x460, 0x480, 1, 2 }, { 0x48a, 0x4be, 1, 2 },
    { 0x4c1, 0x4cd, 1, 2 }, { 0x4d0, 0x52e, 1, 2 }, { 0x531, 0x556, 48, 1 },
    { 0x1e00, 0x1e94, 1, 2 }, { 0x1ea0, 0x1efe, 1, 2 },
}


local function to_lower_code(code)
    for i = 1, #RANGES do
        local r = RANGES[i]

        if code >= r[1] and code <= r[2] and (code - r[1]) % r[4] == 0 then
            return code + r[3]
        end
    end

    return code
end


local function to_upper_code(code)
    if code == 0xb5 then
        return 0x39c
    elseif code == 0x3c2 then
        return 0x3a3
    end

    for i = 1, #RANGES do
        local r = RANGES[i]
        local c = code - r[3]

        if c >= r[1] and c <= r[2] and (c - r[1]) % r[4] == 0 then
            return c
        end
    end

    return code
end


local function map_codes(s, fn)
    return (gsub(s, "[\194-\244][\128-\191]+", function(c)
        local code, n = literal.utf8_decode(c, 1)

        if code and n == #c then
            return literal.utf8_char(fn(code))
        end
    end))
end


function M.upper(s)
    return map_codes(upper(s), to_upper_code)
end


function M.lower(s)
    return map_codes(lower(s), to_lower_code)
end


local WORD = "[%w_\128-\255]"

-- what stands within a word if letters are on both sides of it
local WITHIN = "^['.:][%a\128-\255]"


-- the first letter of each word in upper case, the rest as it is
function M.title(s)
    local out, pos = {}, 1
    local in_word, after_letter = false, false

    while pos <= #s do
        local _, n = literal.utf8_decode(s, pos)
        local c = sub(s, pos, pos + n - 1)

        if find(c, WORD) then
            out[#out + 1] = in_word and c or M.upper(c)
            in_word = true
            after_letter = find(c, "[%a\128-\255]") ~= nil
        else
            out[#out + 1] = c
            in_word = in_word and after_letter and find(s, WITHIN, pos) ~= nil
        end

        pos = pos + n
    end

    return concat(out)
end


-- by hand: a pattern for both ends takes quadratic time on long spaces
function M.trim(s)
    local first = find(s, "[^ \t\n\v\f\r]")
    local last = #s

    if not first then
        return ""
    end

    while find(s, "^[ \t\n\v\f\r]", last) do
        last = last - 1
    end

    return sub(s, first, last)
end


--
-- Hosts.
--

-- "host:port" or "[host]:port" to its parts, nil if it is neither
local function split_host_port(s)
    local host, port = match(s, "^%[([^%[%]]*)%]:([^:%[%]]*)$")

    if not host then
        host, port = match(s, "^([^:%[%]]*):([^:%[%]]*)$")
    end

    return host, port
end


function M.strip_port(s)
    return split_host_port(s) or s
end


local function is_ipv4(s)
    local parts = { match(s, "^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }

    for _, p in ipairs(parts) do
        if tonumber(p) > 255 or find(p, "^0%d") then
            return false
        end
    end

    return #parts == 4
end


-- groups of a part of an IPv6 address; nil if malformed
local function count_groups(s)
    local n = 0

    if s == "" then
        return 0
    end

    for group in (s .. ":"):gmatch("([^:]*):") do
        if not find(group, "^%x%x?%x?%x?$") then
            return nil
        end

        n = n + 1
    end

    return n
end


local function is_ipv6(s)
    -- an IPv4 tail takes the place of two groups
    local head, tail = match(s, "^(.*:)(%d+%.%d+%.%d+%.%d+)$")

    if tail then
        if not is_ipv4(tail) then
            return false
        end
        s = head .. "0:0"
    end

    local before, after = match(s, "^(.-)::(.*)$")

    if not before then
        return count_groups(s) == 8
    end

    local a, b = count_groups(before), count_groups(after)

    return a ~= nil and b ~= nil and a + b < 8
end


-- the first label of a host name, port and IP addresses kept
function M.strip_domain(s)
    local host, port = split_host_port(s)

    host = host or s

    if is_ipv4(host) or is_ipv6(host) then
        return s
    end

    host = match(host, "^[^.]*")

    if not port or port == "" then
        return host
    end

    return host .. ":" .. port
end


-- the path of a URL
function M.url_path(url)
    local rest = match(url, "^%a[%w+.-]*://[^/?#]*(.*)$") or url

    return match(rest, "^[^?#]*")
end


--
-- base64, in the alphabet that URLs take, with padding.
--

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                 .. "0123456789-_"


function M.base64_encode(s)
    local out = {}

    for i = 1, #s, 3 do
        local a, b, c = byte(s, i, i + 2)
        local v = a * 65536 + (b or 0) * 256 + (c or 0)

        for k = 0, 3 do
            local d = floor(v / 64 ^ (3 - k)) % 64

            out[#out + 1] = (k == 2 and not b or k == 3 and not c) and "="
                            or sub(ALPHABET, d + 1, d + 1)
        end
    end

    return concat(out)
end


function M.base64_decode(s)
    local clean = gsub(s, "[\r\n]", "")
    local digits, padding = match(clean, "^([%w_-]*)(=?=?)$")
    local out = {}

    if not digits or (#digits + #padding) % 4 ~= 0 then
        local bad = find(clean, "[^%w_-]") or #clean + 1

        return nil, "illegal base64 data at input byte " .. bad - 1
    end

    for i = 1, #digits, 4 do
        local v, n = 0, 0

        for k = i, i + 3 do
            local c = sub(digits, k, k)

            v = v * 64
            if c ~= "" then
                v = v + find(ALPHABET, c, 1, true) - 1
                n = n + 1
            end
        end

        for k = 1, n - 1 do
            out[#out + 1] = char(floor(v / 256 ^ (3 - k)) % 256)
        end
    end

    return concat(out)
end


return M
