--
-- Copyright (C) The Pharos Authors
--
-- Functions: those of Go's text/template, of Prometheus's rules and of
-- Alertmanager's notifications.
--
-- An entry is { params, call, variadic, ctx }: params name types that
-- compile.lua checks ("any", "string", "strings", "int", "time", "duration",
-- "sample", "result"); the last one repeats if variadic is set; with ctx set
-- call gets the execution's context first.  call returns a value, or nil
-- and what went wrong.
--

local escape = require "pharos.escape"
local fmt = require "pharos.format"
local humanize = require "pharos.humanize"
local text = require "pharos.text"
local time = require "pharos.template.time"
local types = require "pharos.template.types"

local getmetatable, setmetatable, ipairs = getmetatable, setmetatable, ipairs
local select, tonumber, type = select, tonumber, type
local format, sub, concat = string.format, string.sub, table.concat

local M = {}

local NIL = types.NIL
local int, int_of, kind, string_of = types.int, types.int_of, types.kind,
                                     types.string_of


--
-- Comparison, with Go's typing: an int is never equal to a float.
--

local function scalar(v)
    local s = string_of(v)

    if s then
        return s, "string"
    end

    local i = int_of(v)

    if i then
        return i, "int"
    end

    local k = kind(v)

    return v, (k == "float" or k == "bool") and k or nil
end


local function eq(first, ...)
    local a, ka = scalar(first)
    local k = kind(first)
    local n = select("#", ...)

    if k == "map" or k == "slice" then
        return nil, format("non-comparable type %s: %s", fmt.text(first),
                           types.name(first))
    elseif n == 0 then
        return nil, "missing argument for comparison"
    end

    for i = 1, n do
        local arg = select(i, ...)
        local b, kb = scalar(arg)

        if ka ~= kb then
            if first ~= NIL and arg ~= NIL then
                return nil, "incompatible types for comparison"
            end
        elseif not ka and first ~= NIL and arg ~= NIL
               and (kind(arg) == "map" or kind(arg) == "slice")
        then
            return nil, format("non-comparable type %s: %s",
                               fmt.text(arg), types.name(arg))
        elseif a == b then
            return true
        end
    end

    return false
end


local function lt(first, second)
    local a, ka = scalar(first)
    local b, kb = scalar(second)

    if not ka or not kb or ka == "bool" or kb == "bool" then
        return nil, "invalid type for comparison"
    elseif ka ~= kb then
        return nil, "incompatible types for comparison"
    end

    return a < b
end


local function le(first, second)
    local less, err = lt(first, second)

    if less == nil then
        return nil, err
    end

    return less or scalar(first) == scalar(second)
end


-- not (a <= b), as Go has it, which a NaN makes true
local function negated(fn)
    return function(first, second)
        local v, err = fn(first, second)

        if v == nil then
            return nil, err
        end

        return not v
    end
end


local function ne(first, second)
    return negated(eq)(first, second)
end


--
-- Access.
--

-- the place from 1 of an index from 0
local function place(index, n)
    local i = int_of(index)

    if index == NIL then
        return nil, "cannot index slice/array with nil"
    elseif not i then
        return nil, "cannot index slice/array with type "
                    .. types.name(index)
    elseif i < 0LL or i >= n then
        return nil, "index out of range: " .. types.int_text(i)
    end

    return tonumber(i) + 1
end


local function index_one(item, index)
    local k = kind(item)

    if k == "map" then
        local key = string_of(index)

        if not key then
            if index == NIL then
                return nil, "value is nil; should be of type string"
            end
            return nil, format("value has type %s; should be string",
                               types.name(index))
        end

        local v = item.m[key]

        return v == nil and getmetatable(item).elem or v
    elseif k == "slice" then
        local i, err = place(index, #item)

        return i and item[i], err
    elseif k == "string" then
        local s = string_of(item)
        local i, err = place(index, #s)

        return i and int(s:byte(i)), err
    end

    return nil, "can't index item of type " .. types.name(item)
end


local function index(item, ...)
    if item == NIL then
        return nil, "index of untyped nil"
    end

    for i = 1, select("#", ...) do
        local err

        if item == NIL then
            return nil, "index of nil pointer"
        end

        item, err = index_one(item, (select(i, ...)))
        if err then
            return nil, err
        end
    end

    return item
end


local function slice(item, ...)
    local n = select("#", ...)

    if item == NIL then
        return nil, "slice of untyped nil"
    elseif n > 3 then
        return nil, format("too many slice indexes: %d", n)
    end

    local s = string_of(item)
    local len = s and #s or kind(item) == "slice" and #item

    if not len then
        return nil, "can't slice item of type " .. types.name(item)
    elseif s and n == 3 then
        return nil, "cannot 3-index slice a string"
    end

    local bounds = { 0, len, len }

    for i = 1, n do
        local at, err = place((select(i, ...)), len + 1)

        if not at then
            return nil, err
        end

        bounds[i] = at - 1
    end

    if bounds[1] > bounds[2] then
        return nil, format("invalid slice index: %d > %d", bounds[1],
                           bounds[2])
    elseif bounds[2] > bounds[3] then
        return nil, format("invalid slice index: %d > %d", bounds[2],
                           bounds[3])
    elseif s then
        return sub(s, bounds[1] + 1, bounds[2])
    end

    local out = {}

    for i = bounds[1] + 1, bounds[2] do
        out[#out + 1] = item[i]
    end

    return setmetatable(out, getmetatable(item))
end


local function len(item)
    local k = kind(item)

    if k == "string" then
        return int(#string_of(item))
    elseif k == "slice" then
        return int(#item)
    elseif k == "map" then
        local n = 0

        for _ in pairs(item.m) do
            n = n + 1
        end

        return int(n)
    elseif item == NIL then
        return nil, "len of nil pointer"
    end

    return nil, "len of type " .. types.name(item)
end


-- what html, js and urlquery take: one string, or anything printed
local function printed(fn)
    return { params = { "any" }, variadic = true, call = function(...)
        local s = select("#", ...) == 1 and string_of((...))

        return fn(s or fmt.sprint(...))
    end }
end


M.builtin = {
    ["eq"] = { params = { "any", "any" }, variadic = true, call = eq },
    ["ne"] = { params = { "any", "any" }, call = ne },
    ["lt"] = { params = { "any", "any" }, call = lt },
    ["le"] = { params = { "any", "any" }, call = le },
    ["gt"] = { params = { "any", "any" }, call = negated(le) },
    ["ge"] = { params = { "any", "any" }, call = negated(lt) },
    ["not"] = { params = { "any" }, call = function(v)
        return not types.is_true(v)
    end },
    -- short-circuit: compile.lua evaluates their arguments one by one
    ["and"] = { params = { "any", "any" }, variadic = true, logic = "and" },
    ["or"] = { params = { "any", "any" }, variadic = true, logic = "or" },
    ["index"] = { params = { "any", "any" }, variadic = true, call = index },
    ["slice"] = { params = { "any", "any" }, variadic = true, call = slice },
    ["len"] = { params = { "any" }, call = len },
    ["print"] = { params = { "any" }, variadic = true, call = fmt.sprint },
    ["println"] = { params = { "any" }, variadic = true,
                    call = fmt.sprintln },
    ["printf"] = { params = { "string", "any" }, variadic = true,
                   call = fmt.sprintf },
    ["html"] = printed(escape.html),
    ["js"] = printed(escape.js),
    ["urlquery"] = printed(escape.query),
    ["call"] = { params = { "any", "any" }, variadic = true,
                 call = function(f)
        if f == NIL then
            return nil, "call of nil"
        end

        return nil, "non-function of type " .. types.name(f)
    end },
}


--
-- Both of Prometheus and Alertmanager.
--

local function html(s)
    return setmetatable({ s = s }, types.HTML)
end


local function re_replace_all(ctx, pattern, replacement, s)
    return ctx.env.re_replace(pattern, replacement, s)
end


local function re_match(ctx, pattern, s)
    return ctx.env.re_match(pattern, s)
end


M.common = {
    toUpper = { params = { "string" }, call = text.upper },
    toLower = { params = { "string" }, call = text.lower },
    match = { params = { "string", "string" }, ctx = true, call = re_match },
    reReplaceAll = { params = { "string", "string", "string" }, ctx = true,
                     call = re_replace_all },
    safeHtml = { params = { "string" }, call = html },
    humanizeDuration = { params = { "any" }, call = humanize.duration },
}


--
-- Prometheus's.
--

local function query(ctx, expr)
    local rows, err = ctx.env.query(expr)

    if not rows then
        return nil, err
    end

    for i, row in ipairs(rows) do
        rows[i] = setmetatable({ Labels = types.string_map(row.labels),
                                 Value = row.value }, types.Sample)
    end

    return setmetatable(rows, types.QueryResult)
end


local function first(result)
    if #result == 0 then
        return nil, "first() called on vector with no elements"
    end

    return result[1]
end


-- a merge sort, because that of Lua is not stable
local function sort_by(list, key)
    local n = #list

    if n < 2 then
        return list
    end

    local half = math.floor(n / 2)
    local a, b, out = {}, {}, {}

    for i = 1, n do
        local to = i <= half and a or b

        to[#to + 1] = list[i]
    end

    a, b = sort_by(a, key), sort_by(b, key)

    local i, j = 1, 1

    while i <= #a or j <= #b do
        if j > #b or (i <= #a and key(a[i]) <= key(b[j])) then
            out[#out + 1] = a[i]
            i = i + 1
        else
            out[#out + 1] = b[j]
            j = j + 1
        end
    end

    return out
end


local function sort_by_label(label, result)
    local sorted = sort_by(result, function(s)
        return s.Labels.m[label] or ""
    end)

    return setmetatable(sorted, types.QueryResult)
end


local function args(...)
    local m = {}

    for i = 1, select("#", ...) do
        m["arg" .. i - 1] = (select(i, ...))
    end

    return setmetatable({ m = m }, types.AnyMap)
end


local function to_time(v)
    local f, err = humanize.to_float(v)

    if not f then
        return nil, err
    end

    local ms

    ms, err = humanize.timestamp_ms(f)
    if not ms then
        return nil, err
    end

    return time.of_ms(ms)
end


local function to_duration(v)
    local f, err = humanize.to_float(v)

    if not f then
        return nil, err
    end

    return time.duration(int(f * 1e9))
end


local function humanize_timestamp(v)
    local f, err = humanize.to_float(v)

    if not f then
        return nil, err
    elseif f ~= f or f == math.huge or f == -math.huge then
        return fmt.sprintf("%.4g", f)
    end

    local t

    t, err = to_time(f)

    return t and fmt.text(t), err
end


-- /graph?g0.expr=...&g0.tab=0, relative to the external URL
local function link(tab)
    return { params = { "string" }, call = function(expr)
        return "/graph?g0.expr=" .. escape.query(expr) .. "&g0.tab=" .. tab
    end }
end


M.rule = {
    query = { params = { "string" }, ctx = true, call = query },
    first = { params = { "result" }, call = first },
    label = { params = { "string", "sample" }, call = function(name, s)
        return s.Labels.m[name] or ""
    end },
    value = { params = { "sample" }, call = function(s)
        return s.Value
    end },
    strvalue = { params = { "sample" }, call = function(s)
        return s.Labels.m.__value__ or ""
    end },
    args = { params = { "any" }, variadic = true, call = args },
    sortByLabel = { params = { "string", "result" }, call = sort_by_label },
    title = { params = { "string" }, call = text.title },
    stripPort = { params = { "string" }, call = text.strip_port },
    stripDomain = { params = { "string" }, call = text.strip_domain },
    humanize = { params = { "any" }, call = humanize.si },
    humanize1024 = { params = { "any" }, call = humanize.binary },
    humanizePercentage = { params = { "any" }, call = humanize.percentage },
    humanizeTimestamp = { params = { "any" }, call = humanize_timestamp },
    toTime = { params = { "any" }, call = to_time },
    toDuration = { params = { "any" }, call = to_duration },
    now = { params = {}, ctx = true, call = function(ctx)
        return ctx.env.now_ms / 1000
    end },
    pathPrefix = { params = {}, ctx = true, call = function(ctx)
        return text.url_path(ctx.env.external_url)
    end },
    externalURL = { params = {}, ctx = true, call = function(ctx)
        return ctx.env.external_url
    end },
    parseDuration = { params = { "string" }, call = humanize.parse_duration },
    graphLink = link("0"),
    tableLink = link("1"),
    urlQueryEscape = { params = { "string" }, call = escape.query },
}


--
-- Alertmanager's.
--

local function string_slice(...)
    return setmetatable({ ... }, types.StringSlice)
end


local function dict(...)
    local n, m = select("#", ...), {}

    if n % 2 ~= 0 then
        return nil, "dict requires an even number of arguments"
    end

    for i = 1, n, 2 do
        local key, v = select(i, ...)

        if type(key) ~= "string" then
            return nil, "dict keys must be strings"
        end

        m[key] = v
    end

    return setmetatable({ m = m }, types.AnyMap)
end


local function append(list, ...)
    local out = {}

    for i, v in ipairs(list) do
        out[i] = v
    end

    for i = 1, select("#", ...) do
        out[#out + 1] = (select(i, ...))
    end

    return setmetatable(out, types.AnySlice)
end


M.notice = {
    title = { params = { "string" }, call = function(s)
        return text.title(text.lower(s))
    end },
    trimSpace = { params = { "string" }, call = text.trim },
    join = { params = { "string", "strings" }, call = function(sep, list)
        return concat(list, sep)
    end },
    safeUrl = { params = { "string" }, call = function(s)
        return setmetatable({ s = s }, types.URL)
    end },
    urlUnescape = { params = { "string" }, call = escape.unquery },
    stringSlice = { params = { "string" }, variadic = true,
                    call = string_slice },
    date = { params = { "string", "time" }, call = function(layout, t)
        return time.format(t, layout)
    end },
    tz = { params = { "string", "time" }, ctx = true,
           call = function(ctx, name, t)
        return time.in_zone(t, name, ctx.env.zone)
    end },
    now = { params = {}, ctx = true, call = function(ctx)
        return time.of_ms(ctx.env.now_ms)
    end },
    since = { params = { "time" }, ctx = true, call = function(ctx, t)
        return time.sub(time.of_ms(ctx.env.now_ms), t)
    end },
    toJson = { params = { "any" }, call = escape.json },
    base64encode = { params = { "string" }, call = text.base64_encode },
    base64decode = { params = { "string" }, call = text.base64_decode },
    list = { params = { "any" }, variadic = true, call = function(...)
        return setmetatable({ ... }, types.AnySlice)
    end },
    append = { params = { "slice", "any" }, variadic = true, call = append },
    dict = { params = { "any" }, variadic = true, call = dict },
    routeLabels = { params = { "string" }, ctx = true,
                    call = function(ctx, name)
        return ctx.env.route_label(name)
    end },
}


local function merged(...)
    local out = {}

    for i = 1, select("#", ...) do
        for name, entry in pairs((select(i, ...))) do
            out[name] = entry
        end
    end

    return out
end


M.sets = {
    rule = merged(M.builtin, M.common, M.rule),
    notice = merged(M.builtin, M.common, M.notice),
}


return M
