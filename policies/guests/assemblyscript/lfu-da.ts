// LFU with dynamic aging as a wasm module in AssemblyScript: decides exactly as the built-in lfu-da does.
//
// The key of a document is its uses plus the clock, and the clock is the highest key evicted. The manifest is in
// lfu-da.txt: AssemblyScript has no custom sections, so the build adds it. The contract is policies/abi/README.md.

const room: usize = memory.data(256 * 32, 8);
const USES: usize = 28;

let clock: f64 = 0;

export function init(capacity: u64, slots: u32): void {}

export function events(): usize {
  return room;
}

export function key(now: u64): f64 {
  const uses = load<u32>(room, USES);
  return clock + <f64>(uses > 1 ? uses : 1);
}

export function evicted(key: f64): void {
  if (key > clock && key < f64.MAX_VALUE) clock = key;
}
