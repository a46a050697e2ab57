-- queens.lua FILE: writes how many ways there are to place N queens on a board
-- of N by N so that none attacks another, and one placement for the largest N.

local LARGEST = 9

local function solve(n)
  local solutions, first = 0, nil
  local column_of, columns, rising, falling = {}, {}, {}, {}

  local function place(row)
    if row > n then
      solutions = solutions + 1
      first = first or { table.unpack(column_of) }
      return
    end
    for column = 1, n do
      local up, down = row + column, row - column
      if not (columns[column] or rising[up] or falling[down]) then
        columns[column], rising[up], falling[down] = true, true, true
        column_of[row] = column
        place(row + 1)
        columns[column], rising[up], falling[down] = nil, nil, nil
      end
    end
  end

  place(1)
  return solutions, first
end

local out = assert(io.open(assert(arg[1], "usage: queens.lua FILE"), "w"))
local board
for n = 1, LARGEST do
  local solutions
  solutions, board = solve(n)
  out:write(string.format("%d queens: %d\n", n, solutions))
end
for _, column in ipairs(board) do
  out:write(string.rep(". ", column - 1), "Q ", string.rep(". ", LARGEST - column), "\n")
end
assert(out:close())
