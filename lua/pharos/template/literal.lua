--
-- Copyright (C) The Pharos Authors
--
-- Literals: Go's quoted strings, character constants and numbers, read and
-- written.
--

local byte, char, find, format = string.byte, string.char, string.find,
                                 string.format
local gsub, lower, sub = string.gsub, string.lower, string.sub
local floor, tonumber, concat = math.floor, tonumber, table.concat

local M = {}

local SIMPLE = {
    a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v",
    ["\\"] = "\\", ["'"] = "'", ['"'] = '"',
}

local NAMED = {
    ["\a"] = "\\a", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
    ["\r"] = "\\r", ["\t"] = "\\t", ["\v"] = "\\v", ["\\"] = "\\\\",
}


function M.utf8_char(code)
    if code < 0x80 then
        return char(code)
    elseif code < 0x800 then
        return char(0xc0 + floor(code / 64), 0x80 + code % 64)
    elseif code < 0x10000 then
        return char(0xe0 + floor(code / 4096),
                    0x80 + floor(code / 64) % 64, 0x80 + code % 64)
    end

    return char(0xf0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64,
                0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end


-- the smallest code point of each length of sequence, against overlong forms
local LOWEST = { 0, 0x80, 0x800, 0x10000 }


--
-- The code point at pos and its length in bytes; an ill-formed byte gives
-- nil and 1.
--
function M.utf8_decode(s, pos)
    local c = byte(s, pos)

    if c < 0x80 then
        return c, 1
    elseif c < 0xc2 or c > 0xf4 then
        return nil, 1
    end

    local n = c < 0xe0 and 2 or c < 0xf0 and 3 or 4
    local code = c % 2 ^ (7 - n)

    for i = 1, n - 1 do
        local d = byte(s, pos + i)

        if not d or d < 0x80 or d > 0xbf then
            return nil, 1
        end

        code = code * 64 + d % 64
    end

    if code < LOWEST[n] or code > 0x10ffff
       or (code >= 0xd800 and code <= 0xdfff)
    then
        return nil, 1
    end

    return code, n
end


-- code points that Go escapes although they are beyond ASCII; the rare ones
-- (unassigned, private) are left as they are
local function is_printable(code)
    if code < 0x20 or (code >= 0x7f and code <= 0xa0) or code == 0xad then
        return false
    end

    return not ((code >= 0x2000 and code <= 0x200f)
                or (code >= 0x2028 and code <= 0x202f)
                or (code >= 0x205f and code <= 0x206f)
                or code == 0x3000 or code == 0xfeff
                or (code >= 0xe000 and code <= 0xf8ff)
                or code % 0x10000 >= 0xfffe)
end


M.is_printable = is_printable


-- strconv.Quote(), or QuoteToASCII() with ascii set
function M.quote(s, ascii, delim)
    local out = { delim or '"' }
    local pos = 1

    delim = delim or '"'

    while pos <= #s do
        local code, n = M.utf8_decode(s, pos)
        local c = sub(s, pos, pos + n - 1)

        if not code then
            out[#out + 1] = format("\\x%02x", byte(c))
        elseif c == delim then
            out[#out + 1] = "\\" .. c
        elseif NAMED[c] then
            out[#out + 1] = NAMED[c]
        elseif code < 0x20 or code == 0x7f then
            out[#out + 1] = format("\\x%02x", code)
        elseif is_printable(code) and (not ascii or code < 0x7f) then
            out[#out + 1] = c
        elseif code < 0x10000 then
            out[#out + 1] = format("\\u%04x", code)
        else
            out[#out + 1] = format("\\U%08x", code)
        end

        pos = pos + n
    end

    out[#out + 1] = delim

    return concat(out)
end


-- one escape after the backslash at pos: its bytes and what follows it, or
-- nil if it is malformed
local function unescape(s, pos, delim)
    local c = sub(s, pos + 1, pos + 1)

    if SIMPLE[c] then
        if (c == "'" or c == '"') and c ~= delim then
            return nil
        end

        return SIMPLE[c], pos + 2
    end

    local digits = c == "x" and 2 or c == "u" and 4 or c == "U" and 8

    if digits then
        local hex = sub(s, pos + 2, pos + 1 + digits)

        if #hex ~= digits or find(hex, "%X") then
            return nil
        end

        local code = tonumber(hex, 16)

        if c == "x" then
            return char(code), pos + 4
        elseif code > 0x10ffff or (code >= 0xd800 and code <= 0xdfff) then
            return nil
        end

        return M.utf8_char(code), pos + 2 + digits
    end

    local octal = sub(s, pos + 1, pos + 3)

    if find(octal, "^[0-3][0-7][0-7]$") then
        return char(tonumber(octal, 8)), pos + 4
    end

    return nil
end


-- the value of "..." or `...` with its delimiters, nil if malformed
function M.unquote(text)
    local delim = sub(text, 1, 1)
    local s = sub(text, 2, -2)

    if delim == "`" then
        return (gsub(s, "\r", ""))
    end

    local out, pos = {}, 1

    while pos <= #s do
        local back = find(s, "\\", pos, true)

        if not back then
            break
        end

        out[#out + 1] = sub(s, pos, back - 1)

        local c, after = unescape(s, back, delim)

        if not c then
            return nil
        end

        out[#out + 1] = c
        pos = after
    end

    out[#out + 1] = sub(s, pos)

    return concat(out)
end


local function char_constant(text)
    local s = M.unquote(text)

    if s and s ~= "" then
        local code, n = M.utf8_decode(s, 1)

        if n == #s then
            return { int = 0LL + (code or byte(s)) }
        end
    end

    return nil, format("malformed character constant: %s", text)
end


local BASES = {
    ["0x"] = 16, ["0b"] = 2, ["0o"] = 8,
}


-- digits of a base to int64_t, nil if they are none or too many
local function int_of(digits, base)
    local v, limit = 0LL, 0x7fffffffffffffffLL

    if digits == "" then
        return nil
    end

    for i = 1, #digits do
        local d = tonumber(sub(digits, i, i), base)

        if not d or v > (limit - d) / base then
            return nil
        end

        v = v * base + d
    end

    return v
end


local function parse_int(text)
    local sign, digits = text:match("^([+-]?)(.*)$")
    local base = BASES[lower(sub(digits, 1, 2))]

    if base then
        digits = sub(digits, 3)
    elseif find(digits, "^0[0-7_]+$") then
        base, digits = 8, sub(digits, 2)
    end

    local v = int_of(gsub(digits, "_", ""), base or 10)

    return v and (sign == "-" and -v or v)
end


--
-- A number: { int = , float = }, int where it is written as one, or has no
-- fraction; is_float tells that it is a float64 where nothing else decides.
--
function M.number(text)
    if sub(text, 1, 1) == "'" then
        return char_constant(text)
    end

    local i = parse_int(text)

    if i then
        return { int = i, float = tonumber(i) }
    end

    local f = tonumber((gsub(text, "_", "")))

    if not f or find(text, "^[+-]?0[bBoO]") then
        return nil, format("illegal number syntax: %s", M.quote(text))
    elseif not find(text, "[.eEpP]") then
        return nil, format("integer overflow: %s", M.quote(text))
    end

    local n = { float = f, is_float = true }

    if f == floor(f) and f >= -2 ^ 63 and f < 2 ^ 63 then
        n.int = 0LL + f
    end

    return n
end


return M
