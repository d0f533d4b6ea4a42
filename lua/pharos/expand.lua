--
-- Copyright (C) The Pharos Authors
--
-- Expand: what the server asks of templates: is this one well-formed, what
-- is the text of this label of a rule, of this field of a notice.
--
-- An expander is made once, with what templates may call of the outside:
--
--   re_match(pattern, s)                 bool, or nil and a message
--   re_replace(pattern, replacement, s)  text, or nil and a message
--   zone(name)                           bytes of a time zone's file, or nil
--   max_bytes                            of one text
--

local html = require "pharos.template.html"
local sets = require "pharos.template.set"
local time = require "pharos.template.time"
local types = require "pharos.template.types"

local setmetatable, ipairs = setmetatable, ipairs
local gsub, concat = string.gsub, table.concat

local M = {}

local Expander = {}
Expander.__index = Expander

-- compiled texts are kept; when there are more of them, all are forgotten
local MAX_CACHED = 2000

-- the names that Prometheus defines before the text of a rule's template
local RULE_HEAD = "{{$labels := .Labels}}"
                  .. "{{$externalLabels := .ExternalLabels}}"
                  .. "{{$externalURL := .ExternalURL}}"
                  .. "{{$value := .Value}}"


function M.new(outside)
    return setmetatable({ outside = outside, cache = {}, ncached = 0,
                          notices = sets.new("notice") }, Expander)
end


-- the set of one text, compiled before or now
function Expander:compiled(dialect, name, text)
    local key = dialect .. "\0" .. name .. "\0" .. text
    local set = self.cache[key]

    if set then
        return set
    end

    if dialect == "rule" then
        set = sets.new("rule")
    else
        set = sets.new("notice", self.notices)
    end

    local ok, err = set:parse(name, text)

    if ok and dialect == "html" then
        set.document, err = html.prepare(set, name)
        ok = set.document
    end

    if not ok then
        return nil, err
    end

    if self.ncached >= MAX_CACHED then
        self.cache, self.ncached = {}, 0
    end

    self.cache[key] = set
    self.ncached = self.ncached + 1

    return set
end


-- gives back the memory of what was compiled
function Expander:forget()
    self.cache, self.ncached = {}, 0
end


local function rule_name(rule)
    return "__alert_" .. rule
end


-- true, or nil and what is wrong with the text of a rule's template
function Expander:check_rule(rule, text)
    local set, err = self:compiled("rule", rule_name(rule), RULE_HEAD .. text)

    return set and true, err
end


function Expander:check_notice(text)
    local set, err = self:compiled("notice", "", text)

    return set and true, err
end


function Expander:check_html(text)
    local set, err = self:compiled("html", "", text)

    return set and true, err
end


function Expander:env(request)
    return {
        re_match = self.outside.re_match,
        re_replace = self.outside.re_replace,
        zone = self.outside.zone,
        max_bytes = self.outside.max_bytes,
        query = request.query,
        external_url = request.external_url,
        now_ms = request.now_ms,
    }
end


--
-- The text of a label or annotation.  request: rule, text, labels, value,
-- external_labels, external_url, now_ms, query(expr) -> list of { labels,
-- value }, or nil and a message.
--
function Expander:expand_rule(request)
    local name = rule_name(request.rule)
    local set, err = self:compiled("rule", name, RULE_HEAD .. request.text)

    if not set then
        return nil, "error parsing template " .. name .. ": " .. err
    end

    local data = setmetatable({
        Labels = types.string_map(request.labels),
        ExternalLabels = types.string_map(request.external_labels),
        ExternalURL = request.external_url,
        Value = request.value,
    }, types.RuleData)

    local text

    text, err = set:execute(name, data, self:env(request))
    if not text then
        return nil, "error executing template " .. name .. ": " .. err
    end

    return text
end


--
-- Forgets the templates of notices and takes those of the files, a list of
-- { name, text }, in order.
--
function Expander:load(files)
    local set = sets.new("notice")

    for _, file in ipairs(files) do
        local ok, err = set:parse(file.name, file.text)

        if not ok then
            return nil, err
        end
    end

    self.notices = set
    self.cache, self.ncached = {}, 0

    return true
end


local function kv(m)
    return setmetatable({ m = m }, types.KV)
end


local function time_of(ms)
    return ms and time.of_ms(ms) or time.zero()
end


local function alert_of(a)
    return setmetatable({
        Status = a.status, Labels = kv(a.labels),
        Annotations = kv(a.annotations), StartsAt = time_of(a.starts_ms),
        EndsAt = time_of(a.ends_ms), GeneratorURL = a.generator_url,
        Fingerprint = a.fingerprint,
    }, types.Alert)
end


-- a notice as templates see it, of one in plain tables
function M.data_of(notice)
    local alerts = {}

    for i, a in ipairs(notice.alerts) do
        alerts[i] = alert_of(a)
    end

    return setmetatable({
        -- quoted for a regular expression, as Alertmanager does
        Receiver = gsub(notice.receiver, "[\\.+*?()|%[%]{}^$]", "\\%0"),
        Status = notice.status,
        Alerts = setmetatable(alerts, types.Alerts),
        NotificationReason = notice.reason or "",
        GroupLabels = kv(notice.group_labels),
        CommonLabels = kv(notice.common_labels),
        CommonAnnotations = kv(notice.common_annotations),
        RouteLabels = kv(notice.route_labels or {}),
        ExternalURL = notice.external_url,
    }, types.Data)
end


--
-- The function routeLabels: a label of the route, which may be a template
-- that asks for others.  Each is rendered once; a circle is an error.
--
function Expander:route_labels(data, env)
    local done, stack = {}, {}

    return function(name)
        local text = data.RouteLabels.m[name]

        if not text or done[name] then
            return done[name] or ""
        end

        stack[#stack + 1] = name

        for i = 1, #stack - 1 do
            if stack[i] == name then
                return nil, "route label cycle detected: "
                            .. concat(stack, " -> ")
            end
        end

        local set, err = self:compiled("notice", "", text)
        local out

        if set then
            out, err = set:execute("", data, env)
        end

        stack[#stack] = nil
        done[name] = out

        return out, err
    end
end


--
-- The text of a field of a receiver.  data is of data_of(), so that many
-- fields of one notice share it.  With as_html set the text is a document,
-- and what is put into it is escaped.
--
function Expander:expand_notice(text, data, now_ms, as_html)
    local dialect = as_html and "html" or "notice"
    local set, err = self:compiled(dialect, "", text)

    if not set then
        return nil, err
    end

    local env = self:env { external_url = data.ExternalURL, now_ms = now_ms }

    env.route_label = self:route_labels(data, env)

    return set:execute(set.document or "", data, env)
end


-- the same for a notice in plain tables
function Expander:expand_plain(text, notice, now_ms, as_html)
    return self:expand_notice(text, M.data_of(notice), now_ms, as_html)
end


return M
