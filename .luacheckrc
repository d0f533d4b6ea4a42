-- Lua runs in LuaJIT; the tests print, nothing else does.
std = "luajit"
max_line_length = 80
