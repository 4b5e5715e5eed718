// The loops that NumPy's arithmetic on float32 spends its time in, four numbers at a time, written
// as WebAssembly instructions. All addresses, sizes and strides are in bytes, counts at least 1.
import {
  F32, I32, V128, add, and, atLeast, below, call, choose, equal, fused, get, instruction, integer,
  lane, leave, load, loadInteger, loadLane, loadNumber, loop, moduleBytes, multiply, plus, plusNumber,
  positive, repeat, select, set, shiftRight, splat, step, store, storeNumber, subtract, times,
  timesNumber, when, zeros,
} from "./assembler.js";

export const ROWS = 4, COLUMNS = 8; // of a tile of the product: eight sums of four numbers each

const range = (n) => [...Array(n).keys()];
const locals = (n, first = 0) => range(n).map((i) => first + i);

// pack(lines, n, to, from, line, along): the lines of a matrix in fours, the four numbers k of every
// four side by side, as they may be already. If the last four are not whole, the last line comes
// again.
function pack() {
  const [lines, n, to, from, line, along, k] = locals(7), four = locals(4, 7);
  const numbers = four.slice(1).reduce(
    (v, place, i) => loadLane(get(place), v, i + 1), splat(get(four[0])));
  const next = (i) => select(get(line), integer(0), below(integer(i), get(lines)));
  return { parameters: 6, locals: [[5, I32]], body: loop([
    get(from), set(four[0]),
    [1, 2, 3].map((i) => [add(get(four[i - 1]), next(i)), set(four[i])]),
    add(get(four[3]), get(line)), set(from),
    get(n), set(k),
    choose(and(equal(get(line), integer(4)), below(integer(3), get(lines))),
      repeat(k, store(get(to), load(get(four[0]))), step(to, integer(16)),
        step(four[0], get(along))),
      repeat(k, store(get(to), numbers), step(to, integer(16)),
        four.map((place) => step(place, get(along))))),
    step(lines, integer(-4)),
  ], positive(get(lines))) };
}

// tiles(n, a, b, c, stride, columns, rows): so many tiles of C side by side, and so many rows of
// them. Four packed lines of a, and twice four of b, make a tile.
function tiles(multiplyAdd) {
  const [n, a, b, c, stride, columns, rows, k, from, left, right, to, tile, count] = locals(14);
  const row = 14, halves = [15, 16], sums = range(ROWS).map((i) => [17 + 2 * i, 18 + 2 * i]);
  const strip = multiply(get(n), integer(16));
  return { parameters: 7, locals: [[7, I32], [1 + 2 + 2 * ROWS, V128]], body: repeat(rows,
    get(b), set(right), get(c), set(tile), get(columns), set(count),
    repeat(count,
      sums.flat().map((sum) => [zeros, set(sum)]),
      get(n), set(k), get(a), set(from),
      get(right), set(left), add(get(left), strip), set(right),
      repeat(k,
        load(get(left)), set(halves[0]), load(get(right)), set(halves[1]),
        sums.map((of, i) => [splat(get(from), 4 * i), set(row), of.map((sum, half) =>
          [multiplyAdd(get(row), get(halves[half]), get(sum)), set(sum)])]),
        step(from, integer(16)), step(left, integer(16)), step(right, integer(16))),
      get(tile), set(to),
      sums.map((of) => [
        of.map((sum, half) => store(get(to), get(sum), 16 * half)), step(to, get(stride))]),
      step(tile, integer(4 * COLUMNS))),
    step(a, strip), step(c, multiply(get(stride), integer(ROWS)))) };
}

// dots(count, n, a, nextA, b, nextB, c, nextC): the sum over k < n of a[k] b[k], for every pair of
// lines. Four sums of four numbers run side by side, and those that are left over after them.
function dots(multiplyAdd) {
  const [count, n, a, nextA, b, nextB, c, nextC, k, x, y] = locals(11);
  const sums = locals(4, 11), total = 15;
  const together = plus(plus(get(sums[0]), get(sums[1])), plus(get(sums[2]), get(sums[3])));
  const lanes = range(4).map((i) => lane(get(sums[0]), i));
  return { parameters: 8, locals: [[3, I32], [4, V128], [1, F32]], body: repeat(count,
    sums.map((sum) => [zeros, set(sum)]),
    get(a), set(x), get(b), set(y),
    shiftRight(get(n), integer(4)), set(k), // sixteen at a time
    when(get(k), repeat(k,
      sums.map((sum, i) =>
        [multiplyAdd(load(get(x), 16 * i), load(get(y), 16 * i), get(sum)), set(sum)]),
      step(x, integer(64)), step(y, integer(64)))),
    together, set(sums[0]),
    lanes.reduce(plusNumber), set(total),
    and(get(n), integer(15)), set(k),
    when(get(k), repeat(k,
      plusNumber(get(total), timesNumber(loadNumber(get(x)), loadNumber(get(y)))), set(total),
      step(x, integer(4)), step(y, integer(4)))),
    storeNumber(get(c), get(total)),
    step(a, get(nextA)), step(b, get(nextB)), step(c, get(nextC))) };
}

// combine(n, a, nextA, b, nextB, c): sixteen columns of a row times a matrix.
function combine(multiplyAdd) {
  const [n, a, nextA, b, nextB, c, row, ...sums] = locals(11);
  return { parameters: 6, locals: [[5, V128]], body: [
    repeat(n,
      splat(get(a)), set(row),
      sums.map((sum, i) => [multiplyAdd(get(row), load(get(b), 16 * i), get(sum)), set(sum)]),
      step(a, get(nextA)), step(b, get(nextB))),
    sums.map((sum, i) => store(get(c), get(sum), 16 * i))] };
}

// --- Element by element ----------------------------------------------------------------------

export const BINARY = {
  add: instruction(0x92, 0xe4), subtract: instruction(0x93, 0xe5),
  multiply: instruction(0x94, 0xe6), divide: instruction(0x95, 0xe7),
  minimum: instruction(0x96, 0xe8), maximum: instruction(0x97, 0xe9),
};
export const UNARY = { absolute: instruction(0x8b, 0xe0), sqrt: instruction(0x91, 0xe3) };

// A loop as NumPy calls it, with addresses: of the arrays, of n, and of the strides. Operands are
// numbers side by side, or one for all (stride 0). What else there is, NumPy's own loop does.
function elementwise({ single, vector }, operands, original) {
  const [args, dims, steps, data, n, k] = locals(6);
  const arrays = locals(operands + 1, 6), out = arrays[operands];
  const strides = (wanted) => wanted.map((stride, i) =>
    equal(loadInteger(get(steps), 4 * i), integer(stride)));
  const all = (conditions) => conditions.reduce(and);
  // The result may be an operand itself, but not begin inside the 64 bytes that are read at a time.
  const apart = locals(operands, 6).map((array) =>
    atLeast(subtract(subtract(get(out), get(array)), integer(1)), integer(63)));
  const forward = (wanted, bytes) => [...wanted, 4].map((stride, i) =>
    stride ? step(arrays[i], integer(bytes)) : []);
  const pass = (wanted) => [
    shiftRight(get(n), integer(4)), set(k), // sixteen at a time
    repeat(k,
      range(4).map((part) => store(get(out), [wanted.map((stride, i) =>
        (stride ? load(get(arrays[i]), 16 * part) : splat(get(arrays[i])))), vector], 16 * part)),
      forward(wanted, 64)),
    and(get(n), integer(15)), set(k),
    when(get(k), repeat(k,
      storeNumber(get(out), [wanted.map((_, i) => loadNumber(get(arrays[i]))), single]),
      forward(wanted, 4))),
    leave,
  ];
  const kinds = operands === 1 ? [[4]] : [[4, 4], [0, 4], [4, 0]];
  return { parameters: 4, locals: [[2 + operands + 1, I32]], body: [
    arrays.map((array, i) => [loadInteger(get(args), 4 * i), set(array)]),
    loadInteger(get(dims)), set(n),
    when(all([atLeast(get(n), integer(16)), ...apart]),
      kinds.map((wanted) => when(all(strides([...wanted, 4])), pass(wanted)))),
    call(original, get(args), get(dims), get(steps), get(data)),
  ] };
}

// All of it as a module. It imports the loops that NumPy has, under the same names, and two
// functions of JavaScript, which it passes on in a form that NumPy can call. With `fuse`, a number
// is rounded once where a product is added, if the processor can do that: "relaxed" WebAssembly,
// which not every browser knows.
export function kernels(fuse) {
  const multiplyAdd = fuse ? fused : (a, b, c) => plus(c, times(a, b));
  const loops = { ...BINARY, ...UNARY }, products = ["matmul", "vecdot"];
  const names = [...products, ...Object.keys(loops)];
  const passOn = (which) => ({ parameters: 4, locals: [], body: call(which, locals(4).map(get)) });
  return moduleBytes(Object.fromEntries(names.map((name) => [name, 4])), {
    ...Object.fromEntries(names.map((name, i) => [name, i < products.length ? passOn(i) :
      elementwise(loops[name], name in BINARY ? 2 : 1, i)])),
    pack: pack(), tiles: tiles(multiplyAdd), dots: dots(multiplyAdd), combine: combine(multiplyAdd),
  });
}
