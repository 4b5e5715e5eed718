// The matrix product C = A B of float32, by the loops of kernels.js: in tiles of 4 rows and 8
// columns. The numbers of a tile are copied first, so that they lie side by side. Every product and
// sum is an ordinary float32 one; only their order, and how often a number is rounded, differ from
// NumPy's own, as they do between any two BLAS libraries.
import { COLUMNS, ROWS } from "./kernels.js";

const BAND = 64; // rows of a that are packed at a time

// NumPy calls matmul(args, dims, steps, data) with addresses: of three arrays, of the sizes
// (how many products; m, n, p of an m x n by n x p product), and of the strides, in bytes.
export function matmul(python, { pack, tiles, dots, combine }, original) {
  let room = 0, size = 0; // workspace: the packed matrix b, a packed band of a, one tile

  function workspace(numbers) {
    if (numbers > size) {
      if (room) python._free(room);
      room = python._malloc(4 * numbers);
      size = numbers;
    }
    return room;
  }

  // The rows and columns of a tile that C has, each to its place.
  function unpack(from, to, rows, columns, row, column) {
    const floats = python.HEAPF32; // after the workspace: memory that grows has other views
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        floats[(to + y * row + x * column) >>> 2] = floats[(from >>> 2) + y * COLUMNS + x];
      }
    }
  }

  function multiply(m, n, p, count, [a, b, c], [nextA, nextB, nextC], strides) {
    const [aRow, aColumn, bRow, bColumn, cRow, cColumn] = strides;
    const rows = Math.ceil(Math.min(m, BAND) / ROWS), columns = Math.ceil(p / COLUMNS); // of tiles
    const tileA = 4 * ROWS * n, tileB = 4 * COLUMNS * n; // bytes of what is packed for one of them
    const packedA = workspace(n * (ROWS * rows + COLUMNS * columns) + ROWS * COLUMNS);
    const packedB = packedA + rows * tileA, spare = packedB + columns * tileB;
    for (let number = 0; number < count; number++, a += nextA, b += nextB, c += nextC) {
      if (number === 0 || nextB !== 0) pack(p, n, packedB, b, bColumn, bRow);
      for (let first = 0; first < m; first += BAND) {
        const lines = Math.min(BAND, m - first), target = c + first * cRow;
        pack(lines, n, packedA, a + first * aRow, aRow, aColumn);
        // Whole tiles are written where they belong; what is at the edges comes by the spare one.
        const down = cColumn === 4 ? Math.floor(lines / ROWS) : 0, across = Math.floor(p / COLUMNS);
        if (down && across) tiles(n, packedA, packedB, target, cRow, across, down);
        for (let i = 0; ROWS * i < lines; i++) {
          for (let j = i < down ? across : 0; j < columns; j++) {
            tiles(n, packedA + i * tileA, packedB + j * tileB, spare, 4 * COLUMNS, 1, 1);
            unpack(spare, target + ROWS * i * cRow + COLUMNS * j * cColumn,
              Math.min(ROWS, lines - ROWS * i), Math.min(COLUMNS, p - COLUMNS * j), cRow, cColumn);
          }
        }
      }
    }
  }

  // A matrix and a vector: `lines` sums of n products each. Says whether it could.
  function multiplyVector(lines, n, matrix, line, along, vector, step, out, next) {
    if (along === 4 && step === 4) {
      dots(lines, n, matrix, line, vector, 0, out, next);
    } else if (line === 4 && next === 4 && lines >= 16) {
      for (let j = 0; j < lines; j += 16) {
        const at = 4 * Math.min(j, lines - 16); // the last sixteen may have been there in part
        combine(n, vector, step, matrix + at, along, out + at);
      }
    } else {
      return false;
    }
    return true;
  }

  return (args, dims, steps, data) => {
    const words = (address, n) => python.HEAP32.subarray(address >>> 2, (address >>> 2) + n);
    const [count, m, n, p] = words(dims, 4);
    const [nextA, nextB, nextC, ...strides] = words(steps, 9);
    const [a, b, c] = words(args, 3);
    const [aRow, aColumn, bRow, bColumn, cRow, cColumn] = strides;
    const aligned = ((nextA | nextB | nextC | strides.reduce((x, y) => x | y)) & 3) === 0;
    if (n < 2 || m * n * p < 256 || !aligned) {
      original(args, dims, steps, data);
    } else if (m > 1 && p > 1) {
      multiply(m, n, p, count, [a, b, c], [nextA, nextB, nextC], strides);
    } else {
      for (let i = 0; i < count; i++) {
        const [x, y, z] = [a + i * nextA, b + i * nextB, c + i * nextC];
        const done = p === 1 ? multiplyVector(m, n, x, aRow, aColumn, y, bRow, z, cRow) :
          multiplyVector(p, n, y, bColumn, bRow, x, aColumn, z, cColumn);
        if (!done) return original(args, dims, steps, data);
      }
    }
  };
}

// vecdot(args, dims, steps, data): sums of products of the lines of two arrays, pair by pair.
export function vecdot(python, { dots }, original) {
  return (args, dims, steps, data) => {
    const words = (address, n) => python.HEAP32.subarray(address >>> 2, (address >>> 2) + n);
    const [count, n] = words(dims, 2);
    const [nextA, nextB, nextC, stepA, stepB] = words(steps, 5);
    const [a, b, c] = words(args, 3);
    if (count && n >= 16 && stepA === 4 && stepB === 4) {
      dots(count, n, a, nextA, b, nextB, c, nextC);
    } else {
      original(args, dims, steps, data);
    }
  };
}
