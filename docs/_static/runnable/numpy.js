// NumPy for WebAssembly comes without BLAS and without vector instructions: it multiplies and adds
// one pair of numbers at a time, and a training step that takes 20 ms at home takes seconds in a
// browser. This file gives some of its functions, for float32, the loops of kernels.js and
// matmul.js, which take four pairs at a time.
import { BINARY, kernels, UNARY } from "./kernels.js";
import { matmul, vecdot } from "./matmul.js";

const NPY_FLOAT = 11; // float32, in NumPy's list of types

// Whether this browser can multiply and add in one instruction.
export const canFuse = () => WebAssembly.validate(kernels(true));

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

// A function such as np.matmul keeps a list of loops, one for every type of number. Where the loop
// for float32 stands in Python's memory, in words; undefined if this is not the layout we know.
function findLoop(pyodide, name) {
  const object = pyodide.runPython(`import numpy; id(numpy.${name})`) >> 2;
  const { HEAP32: words, HEAPU8 } = pyodide._module; // memory that grows has other views
  const [inputs, outputs, functions, n, types] = [2, 3, 6, 8, 11].map((i) => words[object + i]);
  const width = inputs + outputs;
  if (!(n > 0 && n < 100 && width > 0 && width < 4)) return undefined;
  const kinds = [...Array(n).keys()].map((i) =>
    HEAPU8.subarray(types + width * i, types + width * (i + 1)));
  const which = kinds.findIndex((kind) => kind.every((type) => type === NPY_FLOAT));
  return which < 0 ? undefined : (functions >> 2) + which;
}

// Where a WebAssembly program has addresses of functions there are places in a table: a new place
// for every new loop, and NumPy's list points to it.
export function speedUpNumpy(pyodide, memory, fuse = canFuse()) {
  const python = pyodide._module;
  const bytes = kernels(fuse);
  // Not in a browser without vector instructions, nor in a Pyodide that is made in another way.
  if (memory?.buffer !== python.HEAP8.buffer || !WebAssembly.validate(bytes)) return false;
  const names = ["matmul", "vecdot", ...Object.keys(BINARY), ...Object.keys(UNARY)];
  const places = names.map((name) => findLoop(pyodide, name));
  if (places.includes(undefined)) return false;
  const originals = Object.fromEntries(names.map((name, i) =>
    [name, python.wasmTable.get(python.HEAP32[places[i]])]));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    outside: {
      ...originals, memory,
      matmul: (...addresses) => products.matmul(...addresses),
      vecdot: (...addresses) => products.vecdot(...addresses),
    },
  });
  const products = {
    matmul: matmul(python, exports, originals.matmul),
    vecdot: vecdot(python, exports, originals.vecdot),
  };
  const first = python.wasmTable.grow(names.length);
  names.forEach((name, i) => {
    python.wasmTable.set(first + i, exports[name]);
    python.HEAP32[places[i]] = first + i;
  });
  return true;
}
