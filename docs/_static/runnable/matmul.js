// NumPy for WebAssembly comes without BLAS: its matrix product multiplies one pair of numbers at a
// time, and a training step that takes 20 ms at home takes seconds in a browser. This file gives
// `np.matmul`, and so the operator @, a float32 product that takes four pairs at a time.
//
// The product C = A B is computed in tiles of 4 rows and 8 columns. JavaScript copies the numbers
// of a tile so that they lie side by side, and a loop of a few WebAssembly instructions, written
// out below, multiplies and adds. Every product and sum is an ordinary float32 one; only their
// order differs from NumPy's own, as it does between any two BLAS libraries.

const ROWS = 4, COLUMNS = 8; // of a tile: eight accumulators of four numbers each
const NPY_FLOAT = 11; // float32, in NumPy's list of types

// --- A WebAssembly module, byte by byte ------------------------------------------------------

const I32 = 0x7f, V128 = 0x7b;
const get = (local) => [0x20, local], set = (local) => [0x21, local];
const constant = (n) => [0x41, n], add = [0x6a], subtract = [0x6b];
const load = (offset) => [0xfd, 0x00, 0, offset], splat = (offset) => [0xfd, 0x09, 0, offset];
const store = (offset) => [0xfd, 0x0b, 0, offset];
const times = [0xfd, 0xe6, 0x01], plus = [0xfd, 0xe4, 0x01];

function number(n) { // LEB128
  return n < 128 ? [n] : [(n & 127) | 128, ...number(n >> 7)];
}

const list = (items) => [...number(items.length), ...items.flat()];
const name = (text) => list([...new TextEncoder().encode(text)]);
const section = (id, bytes) => [id, ...list(bytes)];

// tile(n, a, b, c, stride): for k < n, add a[k][i] * b[k][j] to c[i][j]; all of a tile at once.
function tileFunction() {
  const [n, a, b, c, stride] = [0, 1, 2, 3, 4];
  const sum = (i, half) => 5 + 2 * i + half, column = (half) => 13 + half, row = 15;
  const rows = [...Array(ROWS).keys()];
  const body = [
    0x03, 0x40, // loop
    ...[0, 1].flatMap((half) => [get(b), load(16 * half), set(column(half))].flat()),
    ...rows.flatMap((i) => [
      get(a), splat(4 * i), set(row),
      ...[0, 1].flatMap((half) =>
        [get(sum(i, half)), get(row), get(column(half)), times, plus, set(sum(i, half))]),
    ].flat()),
    ...[get(a), constant(16), add, set(a), get(b), constant(32), add, set(b)].flat(),
    ...[get(n), constant(1), subtract, set(n), get(n)].flat(), 0x0d, 0, // again, unless n is 0
    0x0b,
    ...rows.flatMap((i) => [
      ...[0, 1].flatMap((half) => [get(c), get(sum(i, half)), store(16 * half)].flat()),
      ...[get(c), get(stride), add, set(c)].flat(),
    ]),
    0x0b,
  ];
  return list([...list([[11, V128]]), ...body]); // eight sums, two columns, one row
}

function moduleBytes() {
  const type = (n) => [0x60, ...list(Array(n).fill(I32)), 0];
  return new Uint8Array([
    0, ...new TextEncoder().encode("asm"), 1, 0, 0, 0,
    ...section(1, list([type(5), type(4)])),
    ...section(2, list([
      [...name("python"), ...name("memory"), 2, 0, 0],
      [...name("page"), ...name("matmul"), 0, 1], // JavaScript's function, in a form for the table
    ])),
    ...section(3, list([[0]])),
    ...section(7, list([[...name("matmul"), 0, 0], [...name("tile"), 0, 1]])),
    ...section(10, list([tileFunction()])),
  ]);
}

// --- The product -----------------------------------------------------------------------------

// NumPy calls matmul(args, dims, steps, data) with addresses: of three arrays, of the sizes
// (how many products; m, n, p of an m x n by n x p product), and of the strides, in bytes.
function product(python, tile, original) {
  let room = 0, size = 0; // workspace: a packed matrix b, four packed rows of a, one tile

  function workspace(n, p) {
    const wanted = n * (p + ROWS) + ROWS * COLUMNS;
    if (wanted > size) {
      if (room) python._free(room);
      room = python._malloc(4 * wanted);
      size = wanted;
    }
    return room;
  }

  return (args, dims, steps, data) => {
    const at = (address, i) => python.HEAP32[(address >> 2) + i];
    const [count, m, n, p] = [0, 1, 2, 3].map((i) => at(dims, i));
    const strides = Array.from({ length: 9 }, (_, i) => at(steps, i));
    if (m < 2 || p < 2 || n < 2 || m * n * p < 512 || strides.some((stride) => stride & 3)) {
      return original(args, dims, steps, data);
    }
    const wide = COLUMNS * Math.ceil(p / COLUMNS); // columns, with those of the last tile
    const packedB = workspace(n, wide), packedA = packedB + 4 * n * wide;
    const spare = packedA + 4 * n * ROWS;
    const floats = python.HEAPF32; // after the workspace: memory that grows has other views
    const [nextA, nextB, nextC, aRow, aColumn, bRow, bColumn, cRow, cColumn] = strides;
    let [a, b, c] = [0, 1, 2].map((i) => at(args, i));
    for (let number = 0; number < count; number++, a += nextA, b += nextB, c += nextC) {
      if (number === 0 || nextB !== 0) {
        pack(floats, packedB, COLUMNS, wide, b, bColumn, p, bRow, n);
      }
      for (let i = 0; i < m; i += ROWS) {
        pack(floats, packedA, ROWS, ROWS, a + i * aRow, aRow, m - i, aColumn, n);
        for (let j = 0; j < p; j += COLUMNS) {
          const target = c + i * cRow + j * cColumn;
          if (cColumn === 4 && i + ROWS <= m && j + COLUMNS <= p) {
            tile(n, packedA, packedB + 4 * n * j, target, cRow);
          } else {
            tile(n, packedA, packedB + 4 * n * j, spare, 4 * COLUMNS);
            for (let y = 0; y < Math.min(ROWS, m - i); y++) {
              for (let x = 0; x < Math.min(COLUMNS, p - j); x++) {
                floats[(target + y * cRow + x * cColumn) >> 2] =
                  floats[(spare >> 2) + y * COLUMNS + x];
              }
            }
          }
        }
      }
    }
  };
}

// Copy a matrix into strips of `width` lines, number k of every line of a strip side by side;
// lines beyond those that there are become zeros.
function pack(floats, to, width, total, from, line, lines, along, n) {
  let target = to >> 2;
  const step = along >> 2;
  for (let first = 0; first < total; first += width) {
    for (let within = 0; within < width; within++) {
      let source = (from + (first + within) * line) >> 2;
      const there = first + within < lines;
      for (let k = 0, place = target + within; k < n; k++, place += width, source += step) {
        floats[place] = there ? floats[source] : 0;
      }
    }
    target += n * width;
  }
}

// --- Into NumPy ------------------------------------------------------------------------------

// Python's memory is an export of its WebAssembly module, which Pyodide keeps to itself: look at
// every module that is made while Python is loaded.
export async function withMemory(load) {
  const ways = ["instantiate", "instantiateStreaming"];
  const before = ways.map((way) => WebAssembly[way]);
  let memory = null;
  ways.forEach((way, i) => {
    WebAssembly[way] = async (...given) => {
      const made = await before[i].apply(WebAssembly, given);
      memory ??= (made.instance ?? made).exports.memory ?? null;
      return made;
    };
  });
  try {
    return { pyodide: await load(), memory };
  } finally {
    ways.forEach((way, i) => { WebAssembly[way] = before[i]; });
  }
}

// np.matmul keeps a list of functions, one for every type of number. Where a WebAssembly program
// has addresses of functions there are places in a table; a new place, and the list points to it.
export function speedUpMatmul(pyodide, memory) {
  const python = pyodide._module;
  const bytes = moduleBytes();
  // Not in a browser without vector instructions, nor in a Pyodide that is made in another way.
  if (memory?.buffer !== python.HEAP8.buffer || !WebAssembly.validate(bytes)) return false;
  const words = () => python.HEAP32;
  const object = pyodide.runPython("import numpy; id(numpy.matmul)") >> 2;
  const [functions, n, types] = [words()[object + 6], words()[object + 8], words()[object + 11]];
  if (!(n > 0 && n < 100)) return false; // not the layout that we know
  const kinds = Array.from(python.HEAPU8.subarray(types, types + 3 * n));
  const which = [...Array(n).keys()].find((i) =>
    kinds.slice(3 * i, 3 * i + 3).every((kind) => kind === NPY_FLOAT));
  if (which === undefined) return false;
  const entry = (functions >> 2) + which;
  const original = python.wasmTable.get(words()[entry]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    python: { memory },
    page: { matmul: (...addresses) => fast(...addresses) },
  });
  const fast = product(python, exports.tile, original);
  const place = python.wasmTable.grow(1);
  python.wasmTable.set(place, exports.matmul);
  words()[entry] = place;
  return true;
}
