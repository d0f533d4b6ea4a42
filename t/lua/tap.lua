--
-- Copyright (C) The Pharos Authors
--
-- TAP for the Lua tests: ok(), is() and done().  They run from the top of
-- the tree, as prove does.
--

package.path = "lua/?.lua;t/lua/?.lua;" .. package.path

local M = {}

local count, failed = 0, 0


function M.ok(passed, name)
    count = count + 1
    print((passed and "ok " or "not ok ") .. count .. " - "
          .. name:gsub("[\n#]", " "))

    if not passed then
        failed = failed + 1
        print("#   at line " .. debug.getinfo(2, "l").currentline)
    end

    return passed
end


function M.is(got, want, name)
    if not M.ok(got == want, name) then
        print("#   got      " .. tostring(got):gsub("\n", "\n#   "))
        print("#   expected " .. tostring(want):gsub("\n", "\n#   "))
    end
end


function M.done()
    print("1.." .. count)
    os.exit(failed == 0 and 0 or 1)
end


return M
