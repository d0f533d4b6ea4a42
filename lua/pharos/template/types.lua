--
-- Copyright (C) The Pharos Authors
--
-- Types: how values of Go templates look in Lua.
--
--   string, bool     the Lua value
--   float64          a Lua number
--   int              an int64_t cdata (42LL), which tells it from a float
--   nil              types.NIL
--   all else         a table whose metatable is its class, made with
--                    types.class(): maps keep their pairs in .m, slices
--                    their items in 1 .. #v, structs their fields by name
--
-- A class says what Go's reflection would: kind, the type's name for
-- messages, fields, methods.  Nothing else of a value can be reached.
--

local type, getmetatable, setmetatable = type, getmetatable, setmetatable
local tostring, tonumber, pairs, ipairs = tostring, tonumber, pairs, ipairs
local sort, concat = table.sort, table.concat

local M = {}


M.NIL = setmetatable({}, { kind = "nil", name = "<nil>" })

local NIL = M.NIL


-- def: name, kind ("map", "slice", "struct", "int", "string"), and as far as
-- they apply: elem (the zero value of a map's or slice's element), fields (a
-- list of names in order), methods (name -> function), pointer, tostring
function M.class(def)
    def.methods = def.methods or {}
    def.field = {}

    for _, name in ipairs(def.fields or {}) do
        def.field[name] = true
    end

    return def
end


function M.int(n)
    return 0LL + n
end


-- digits of an int64_t
function M.int_text(v)
    return (tostring(v):gsub("U?LL$", ""))
end


-- "bool", "float", "int", "string", "nil", "map", "slice", "struct"
function M.kind(v)
    local t = type(v)

    if t == "string" then
        return "string"
    elseif t == "number" then
        return "float"
    elseif t == "cdata" then
        return "int"
    elseif t == "boolean" then
        return "bool"
    end

    return getmetatable(v).kind
end


function M.name(v)
    local t = type(v)

    if t == "string" then
        return "string"
    elseif t == "number" then
        return "float64"
    elseif t == "cdata" then
        return "int"
    elseif t == "boolean" then
        return "bool"
    end

    return getmetatable(v).name
end


-- the plain string of a string or of a type that is one underneath
function M.string_of(v)
    if type(v) == "string" then
        return v
    elseif type(v) == "table" and getmetatable(v).kind == "string" then
        return v.s
    end

    return nil
end


-- the int64_t of an int or of a type that is one underneath
function M.int_of(v)
    if type(v) == "cdata" then
        return v
    elseif type(v) == "table" and getmetatable(v).kind == "int" then
        return v.i
    end

    return nil
end


function M.is_true(v)
    local t = type(v)

    if t == "boolean" then
        return v
    elseif t == "string" then
        return v ~= ""
    elseif t == "number" then
        return v ~= 0
    elseif t == "cdata" then
        return v ~= 0LL
    end

    local kind = getmetatable(v).kind

    if kind == "nil" then
        return false
    elseif kind == "map" then
        return next(v.m) ~= nil
    elseif kind == "slice" then
        return #v > 0
    elseif kind == "string" then
        return v.s ~= ""
    elseif kind == "int" then
        return v.i ~= 0LL
    end

    return true
end


function M.sorted_keys(m)
    local keys = {}

    for k in pairs(m) do
        keys[#keys + 1] = k
    end

    sort(keys)

    return keys
end


--
-- The types that the data of rules and notices is made of.
--

M.StringMap = M.class {
    name = "map[string]string", kind = "map", elem = "",
}

M.AnyMap = M.class {
    name = "map[string]interface {}", kind = "map", elem = NIL,
}

M.AnySlice = M.class {
    name = "[]interface {}", kind = "slice", elem = NIL,
}

M.StringSlice = M.class {
    name = "[]string", kind = "slice", elem = "",
}

-- text that is HTML, or a URL, already
M.HTML = M.class { name = "template.HTML", kind = "string" }
M.URL = M.class { name = "template.URL", kind = "string" }


local function join(v, sep)
    return concat(v, sep)
end


M.Strings = M.class {
    name = "template.Strings", kind = "slice", elem = "",
    methods = {
        Join = { params = { "string" }, call = join },
    },
}

M.Pair = M.class {
    name = "template.Pair", kind = "struct", fields = { "Name", "Value" },
}


local function column(name)
    return function(pairs_list)
        local out = {}

        for i, p in ipairs(pairs_list) do
            out[i] = p[name]
        end

        return setmetatable(out, M.Strings)
    end
end


local function pairs_text(v)
    local out = {}

    for i, p in ipairs(v) do
        out[i] = p.Name .. "=" .. p.Value
    end

    return concat(out, ", ")
end


M.Pairs = M.class {
    name = "template.Pairs", kind = "slice", tostring = pairs_text,
    methods = {
        Names = { params = {}, call = column("Name") },
        Values = { params = {}, call = column("Value") },
        String = { params = {}, call = pairs_text },
    },
}


-- alertname comes first, the rest in order
local function sorted_pairs(kv)
    local out = {}

    if kv.m.alertname then
        out[1] = setmetatable({ Name = "alertname", Value = kv.m.alertname },
                              M.Pair)
    end

    for _, k in ipairs(M.sorted_keys(kv.m)) do
        if k ~= "alertname" then
            out[#out + 1] = setmetatable({ Name = k, Value = kv.m[k] },
                                         M.Pair)
        end
    end

    return setmetatable(out, M.Pairs)
end


local function remove(kv, names)
    local drop, out = {}, {}

    for _, name in ipairs(names) do
        drop[name] = true
    end

    for k, v in pairs(kv.m) do
        if not drop[k] then
            out[k] = v
        end
    end

    return setmetatable({ m = out }, M.KV)
end


local function kv_text(kv)
    return pairs_text(sorted_pairs(kv))
end


M.KV = M.class {
    name = "template.KV", kind = "map", elem = "", tostring = kv_text,
    methods = {
        SortedPairs = { params = {}, call = sorted_pairs },
        Remove = { params = { "strings" }, call = remove },
        Names = { params = {}, call = function(kv)
            return column("Name")(sorted_pairs(kv))
        end },
        Values = { params = {}, call = function(kv)
            return column("Value")(sorted_pairs(kv))
        end },
        String = { params = {}, call = kv_text },
    },
}

M.Alert = M.class {
    name = "template.Alert", kind = "struct",
    fields = { "Status", "Labels", "Annotations", "StartsAt", "EndsAt",
               "GeneratorURL", "Fingerprint" },
}

M.AlertSlice = M.class { name = "[]template.Alert", kind = "slice" }


local function with_status(status)
    return function(alerts)
        local out = {}

        for _, a in ipairs(alerts) do
            if a.Status == status then
                out[#out + 1] = a
            end
        end

        return setmetatable(out, M.AlertSlice)
    end
end


M.Alerts = M.class {
    name = "template.Alerts", kind = "slice",
    methods = {
        Firing = { params = {}, call = with_status("firing") },
        Resolved = { params = {}, call = with_status("resolved") },
    },
}

M.Data = M.class {
    name = "*template.Data", kind = "struct", pointer = true,
    fields = { "Receiver", "Status", "Alerts", "NotificationReason",
               "GroupLabels", "CommonLabels", "CommonAnnotations",
               "RouteLabels", "ExternalURL" },
}

-- what query returns
M.Sample = M.class {
    name = "*template.sample", kind = "struct", pointer = true,
    fields = { "Labels", "Value" },
}

M.QueryResult = M.class { name = "template.queryResult", kind = "slice" }

-- the dot of a rule's labels and annotations
M.RuleData = M.class {
    name = "struct { Labels map[string]string; "
           .. "ExternalLabels map[string]string; ExternalURL string; "
           .. "Value interface {} }",
    kind = "struct",
    fields = { "Labels", "ExternalLabels", "ExternalURL", "Value" },
}


function M.string_map(m)
    return setmetatable({ m = m }, M.StringMap)
end


function M.to_number(v)
    return tonumber(v)
end


return M
