--
-- Copyright (C) The Pharos Authors
--
-- Escape: text made safe for the place it is put in: HTML, JavaScript, URL
-- queries, JSON.  What place that is within an HTML template is found out
-- by html.lua.
--

local literal = require "pharos.template.literal"
local types = require "pharos.template.types"

local getmetatable, ipairs, tonumber, tostring, type = getmetatable, ipairs,
                                                       tonumber, tostring,
                                                       type
local byte, char, find, format = string.byte, string.char, string.find,
                                 string.format
local gsub, match, sub, concat = string.gsub, string.match, string.sub,
                                 table.concat

local M = {}


local HTML = {
    ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&#34;",
    ["'"] = "&#39;", ["\0"] = "\239\191\189",
}


function M.html(s)
    return (gsub(s, "[&<>\"'%z]", HTML))
end


local JS = {
    ["\\"] = "\\\\", ["'"] = "\\'", ['"'] = '\\"', ["<"] = "\\u003C",
    [">"] = "\\u003E", ["&"] = "\\u0026", ["="] = "\\u003D",
}


-- within a string literal of JavaScript
function M.js(s)
    s = gsub(s, "[%c\\'\"<>&=]", function(c)
        return JS[c] or format("\\u%04X", byte(c))
    end)

    return (gsub(s, "[\194-\244][\128-\191]+", function(c)
        local code, n = literal.utf8_decode(c, 1)

        if code and n == #c and not literal.is_printable(code) then
            return format("\\u%04X", code)
        end
    end))
end


-- url.QueryEscape()
function M.query(s)
    return (gsub(s, "[^%w._~-]", function(c)
        return c == " " and "+" or format("%%%02X", byte(c))
    end))
end


-- url.QueryUnescape()
function M.unquery(s)
    local pos = 1

    while true do
        local at = find(s, "%", pos, true)

        if not at then
            break
        elseif not find(s, "^%%%x%x", at) then
            return nil, "invalid URL escape "
                        .. literal.quote(sub(s, at, at + 2))
        end

        pos = at + 3
    end

    return (gsub(gsub(s, "+", " "), "%%(%x%x)", function(hex)
        return char(tonumber(hex, 16))
    end))
end


--
-- JSON, as Go's encoding/json writes it: keys in order, <, > and & escaped.
--

local JSON = {
    ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r",
    ["\t"] = "\\t", ["\b"] = "\\b", ["\f"] = "\\f",
}


local function json_string(s)
    local out, pos = {}, 1

    while pos <= #s do
        local code, n = literal.utf8_decode(s, pos)
        local c = sub(s, pos, pos + n - 1)

        if not code then
            out[#out + 1] = "\\ufffd"
        elseif JSON[c] then
            out[#out + 1] = JSON[c]
        elseif code < 0x20 or c == "<" or c == ">" or c == "&"
               or code == 0x2028 or code == 0x2029
        then
            out[#out + 1] = format("\\u%04x", code)
        else
            out[#out + 1] = c
        end

        pos = pos + n
    end

    return '"' .. concat(out) .. '"'
end


local function json_number(v)
    if v ~= v or v == math.huge or v == -math.huge then
        return nil, "json: unsupported value: "
                    .. (v ~= v and "NaN" or v > 0 and "+Inf" or "-Inf")
    end

    for precision = 15, 17 do
        local s = format("%." .. precision .. "g", v)

        if tonumber(s) == v then
            return (gsub(s, "e([+-])0?(%d)$", "e%1%2"))
        end
    end
end


local json


local function json_map(v)
    local out = {}

    for i, k in ipairs(types.sorted_keys(v.m)) do
        local s, err = json(v.m[k])

        if not s then
            return nil, err
        end

        out[i] = json_string(k) .. ":" .. s
    end

    return "{" .. concat(out, ",") .. "}"
end


local function json_slice(v)
    local out = {}

    for i, e in ipairs(v) do
        local s, err = json(e)

        if not s then
            return nil, err
        end

        out[i] = s
    end

    return "[" .. concat(out, ",") .. "]"
end


-- the names that the fields of Data and Alert have in JSON
local function json_name(class, name)
    if class == types.Pair or class == types.Sample
       or class == types.RuleData
    then
        return name
    elseif name == "NotificationReason" then
        return "notification_reason"
    end

    return (gsub(name, "^%u+", function(head)
        return #head == 1 and head:lower()
               or head:sub(1, -2):lower() .. head:sub(-1):lower()
    end))
end


local NAMES = { ExternalURL = "externalURL", GeneratorURL = "generatorURL" }


local function json_struct(v, class)
    local out = {}

    if class.name == "time.Time" then
        return json_string(class.methods.Format.call(v,
                           "2006-01-02T15:04:05.999999999Z07:00"))
    end

    for i, name in ipairs(class.fields) do
        local s, err = json(v[name])

        if not s then
            return nil, err
        end

        out[i] = json_string(NAMES[name] or json_name(class, name)) .. ":"
                 .. s
    end

    return "{" .. concat(out, ",") .. "}"
end


function json(v)
    local t = type(v)

    if t == "string" then
        return json_string(v)
    elseif t == "number" then
        return json_number(v)
    elseif t == "cdata" then
        return types.int_text(v)
    elseif t == "boolean" then
        return tostring(v)
    elseif v == types.NIL then
        return "null"
    end

    local class = getmetatable(v)

    if class.kind == "map" then
        return json_map(v)
    elseif class.kind == "slice" then
        return json_slice(v)
    elseif class.kind == "string" then
        return json_string(v.s)
    elseif class.kind == "int" then
        return types.int_text(v.i)
    end

    return json_struct(v, class)
end


M.json = json
M.json_string = json_string


--
-- URLs: what a link may not start with, and what must be encoded in one
-- that is written by a program.
--

local SCHEMES = { http = true, https = true, mailto = true }


function M.is_safe_url(s)
    local scheme = match(s, "^([^:/?#]*):")

    return not scheme or SCHEMES[scheme:lower()] == true
end


-- encodes what no URL may hold, and leaves its structure alone
function M.normalize_url(s)
    return (gsub(s, "[^%w!#$&*+,/:;=?@%[%]%-._~%%]", function(c)
        return format("%%%02x", byte(c))
    end))
end


-- a part of a path or a query: everything else is encoded, too
function M.url_part(s)
    return (gsub(s, "[^%w%-._~]", function(c)
        return format("%%%02x", byte(c))
    end))
end


return M
