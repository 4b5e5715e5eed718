// WebAssembly modules, byte by byte: as many instructions as kernels.js needs, and no compiler. Code
// is written as nested lists of bytes; an operand is what its own code leaves on the stack.

export const I32 = 0x7f, F32 = 0x7d, V128 = 0x7b; // a vector is four float32 numbers

export const get = (local) => [0x20, local], set = (local) => [0x21, local];
export const integer = (n) => [0x41, signed(n)];
export const add = (a, b) => [a, b, 0x6a], subtract = (a, b) => [a, b, 0x6b];
export const multiply = (a, b) => [a, b, 0x6c], shiftRight = (a, b) => [a, b, 0x76];
export const and = (a, b) => [a, b, 0x71], equal = (a, b) => [a, b, 0x46];
export const below = (a, b) => [a, b, 0x49], atLeast = (a, b) => [a, b, 0x4f]; // without a sign
export const positive = (a) => [a, integer(0), 0x4a];
export const step = (local, by) => [add(get(local), by), set(local)];

export const loadInteger = (from, offset = 0) => [from, 0x28, 2, number(offset)];
export const loadNumber = (from, offset = 0) => [from, 0x2a, 2, number(offset)];
export const storeNumber = (to, value, offset = 0) => [to, value, 0x38, 2, number(offset)];
export const load = (from, offset = 0) => [from, 0xfd, 0x00, 0, number(offset)];
export const store = (to, value, offset = 0) => [to, value, 0xfd, 0x0b, 0, number(offset)];
export const splat = (from, offset = 0) => [from, 0xfd, 0x09, 0, number(offset)]; // one, four times
export const loadLane = (from, vector, lane) => [from, vector, 0xfd, 0x56, 0, 0, lane];
export const lane = (vector, i) => [vector, 0xfd, 0x1f, i];
export const zeros = [0xfd, 0x0c, Array(16).fill(0)];

// An instruction for single numbers, and the one for vectors.
export const instruction = (single, vector) => ({ single: [single], vector: [0xfd, number(vector)] });
export const plus = (a, b) => [a, b, 0xfd, number(0xe4)];
export const times = (a, b) => [a, b, 0xfd, number(0xe6)];
export const fused = (a, b, c) => [a, b, c, 0xfd, number(0x105)]; // a b + c, rounded once or twice
export const plusNumber = (a, b) => [a, b, 0x92], timesNumber = (a, b) => [a, b, 0x94];

export const select = (a, b, condition) => [a, b, condition, 0x1b]; // one of the two
export const when = (condition, ...then) => [condition, 0x04, 0x40, then, 0x0b];
export const choose = (condition, then, otherwise) => [
  condition, 0x04, 0x40, then, 0x05, otherwise, 0x0b,
];
export const call = (which, ...operands) => [operands, 0x10, number(which)];
export const leave = [0x0f];
// Do `body` once, and again while the condition holds.
export const loop = (body, condition) => [0x03, 0x40, body, condition, 0x0d, 0, 0x0b];
// Do `body` `count` times, a local that is at least 1 and ends at 0.
export const repeat = (count, ...body) => loop([body, step(count, integer(-1))], get(count));

export function number(n) { // LEB128: seven bits in a byte
  return n < 128 ? [n] : [(n & 127) | 128, ...number(n >> 7)];
}

function signed(n) {
  return n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)];
}

const list = (items) => [number(items.length), items].flat(Infinity);
const sized = (...bytes) => list(bytes.flat(Infinity));
const name = (text) => sized(...new TextEncoder().encode(text));
const section = (id, items) => [id, sized(list(items))];
const signature = (parameters) => [0x60, list(Array(parameters).fill(I32)), 0];

// A module that imports `memory` and the functions `imports` {name: number of parameters}, and
// exports the functions {name: { parameters, locals: [[how many, type], ...], body }}.
export function moduleBytes(imports, functions) {
  const outside = Object.entries(imports), inside = Object.entries(functions);
  const types = [...outside.map(([, n]) => n), ...inside.map(([, { parameters }]) => parameters)];
  return new Uint8Array([
    0, ...new TextEncoder().encode("asm"), 1, 0, 0, 0,
    section(1, types.map(signature)),
    section(2, [
      [name("outside"), name("memory"), 2, 0, 0],
      ...outside.map(([key], i) => [name("outside"), name(key), 0, number(i)]),
    ]),
    section(3, inside.map((_, i) => number(outside.length + i))),
    section(7, inside.map(([key], i) => [name(key), 0, number(outside.length + i)])),
    section(10, inside.map(([, { locals, body }]) => sized(list(locals), body, 0x0b))),
  ].flat(Infinity));
}
