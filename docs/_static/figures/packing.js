// Five codes in one byte: the number that they write in base 3, and its bits.

import { announcer, button, make, range, readout } from "./drawing.js";
import { packFive, unpackFive } from "./mathematics.js";

const SIGNS = { "-1": "\u2212", 0: "0", 1: "+" };
const POWERS = [1, 3, 9, 27, 81];

export default function mount(place) {
  let codes = [1, 0, -1, 1, 0];
  const keys = codes.map((_, i) => {
    const key = button("", () => {
      codes[i] = ((codes[i] + 2) % 3) - 1; // -1, 0, +1, and round again
      show();
    });
    key.className = "trit";
    return key;
  });
  const sum = make("p", { class: "sum" });
  const bits = Array.from({ length: 8 }, () => make("span", { class: "bit" }));
  const numbers = readout({
    byte: "the byte",
    bits: "bits a code: 8 / 5",
    floor: "three equal codes need",
    spare: "bytes that mean nothing",
  });
  const said = announcer();
  const bytes = range("any byte", { min: 0, max: 255, step: 1, value: 0 }, String, (byte) => {
    const found = unpackFive(byte);
    if (found) {
      codes = found;
      show();
    } else {
      sum.textContent = `${byte} is no number of five digits in base 3: the largest is 242`;
      bits.forEach((bit, i) => write(bit, (byte >> (7 - i)) & 1));
      for (const key of keys) key.textContent = "?";
      numbers.show({ byte: String(byte) });
      said.say(sum.textContent);
    }
  });

  function write(bit, one) {
    bit.textContent = String(one);
    bit.classList.toggle("one", one === 1);
  }

  function show() {
    const byte = packFive(codes);
    keys.forEach((key, i) => {
      key.textContent = SIGNS[codes[i]];
      key.setAttribute("aria-label", `code ${i + 1} is ${codes[i]}; press to change it`);
    });
    const terms = codes.map((code, i) => `${code + 1} \u00d7 ${POWERS[i]}`);
    sum.textContent = `${terms.join(" + ")} = ${byte}`;
    bits.forEach((bit, i) => write(bit, (byte >> (7 - i)) & 1));
    bytes.input.value = byte;
    bytes.element.querySelector("output").textContent = String(byte);
    numbers.show({
      byte: String(byte),
      bits: "1.6",
      floor: Math.log2(3).toFixed(3),
      spare: `${256 - 243} of 256`,
    });
    said.say(`codes ${codes.join(", ")} are the byte ${byte}`);
  }

  place.append(
    make("div", { class: "trits", role: "group", "aria-label": "five codes" }, ...keys),
    sum,
    make("div", { class: "bits", role: "group", "aria-label": "the bits of the byte" }, ...bits),
    make("div", { class: "controls" }, bytes.element),
    numbers.element,
    said.element,
  );
  show();
}
