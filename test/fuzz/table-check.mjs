/**
 * Checks a connection table against its own invariants (src/conntrack/table.ts), from outside, slowly. To be called between
 * packets: nothing may be reserved then.
 */
function fail(what) {
  throw new Error(`table: ${what}`);
}

/**
 * Throws an Error that names the broken invariant. `layout`: the module conntrack/layout.js; `longestMs`: the longest timeout
 * that any connection can have.
 */
export function checkTable(layout, tracker, longestMs) {
  const { R_DEADLINE, R_STATUS, F_COLD, IPS_CONFIRMED, IPS_DYING } = layout;
  const table = tracker.table;
  const w = table.words;
  const used = new Set();
  const cold = new Set();
  const tuple = new Int32Array(10);
  for (let slot = table.nextInUse(0); slot >= 0; slot = table.nextInUse(slot + 1)) {
    used.add(slot);
    const base = slot << 5;
    const status = w[base + R_STATUS];
    if ((status & IPS_CONFIRMED) === 0) fail(`slot ${slot} stays reserved`);
    if ((status & IPS_DYING) !== 0) fail(`slot ${slot} is dying, and in use`);
    const left = (w[base + R_DEADLINE] - tracker.nowMs) | 0;
    if (left > longestMs) fail(`slot ${slot} has ${left} ms left, at most ${longestMs}`);
    if (left < -3000) fail(`slot ${slot} is overdue by ${-left} ms`);
    const zones = table.zonesOf(slot);
    for (let direction = 0; direction < 2; direction++) {
      table.readTuple(slot, direction, tuple);
      const hash = table.hash(tuple, direction === 0 ? zones & 0xffff : zones >>> 16);
      const ref = table.find(tuple, hash, zones & 0xffff, zones >>> 16);
      if (ref >> 1 !== slot) fail(`slot ${slot} direction ${direction} is not found by its tuple: ${ref}`);
    }
    if ((status & F_COLD) !== 0) {
      const number = table.coldIndex[slot];
      if (cold.has(number)) fail(`two slots share a cold record`);
      cold.add(number);
    }
  }
  if (used.size !== table.count) fail(`count ${table.count}, but ${used.size} slots in use`);
  if (table.peak < table.count) fail('peak');
  checkFree(layout, table, used);
  checkWheel(layout, table, used);
  checkIndex(layout, table, used);
  for (const c of table.freeCold) {
    if (cold.has(c)) fail(`cold record ${c} is free, and used or free twice`);
    cold.add(c);
  }
  if (cold.size !== table.cold.length - 1) fail('a cold record is lost');
}

function checkFree({ R_ID, R_NEXT }, table, used) {
  const w = table.words;
  let free = 0;
  for (let slot = table.freeSlot; slot >= 0; slot = w[(slot << 5) + R_NEXT] - 1) {
    if (w[(slot << 5) + R_ID] !== 0) fail(`free slot ${slot} has an id`);
    if (++free > table.capacity) fail('the free list has a cycle');
  }
  if (free + used.size !== table.freshSlot) fail(`${free} free + ${used.size} used slots are not ${table.freshSlot}`);
}

function checkWheel({ R_NEXT, R_PREV, R_STATE, WHEEL_SHIFT }, table, used) {
  const w = table.words;
  const seen = new Set();
  for (const [position, first] of table.wheel.heads.entries()) {
    let previous = 0;
    for (let link = first; link !== 0; ) {
      const base = (link - 1) << 5;
      if (seen.has(link - 1)) fail(`slot ${link - 1} is on the wheel twice`);
      if (!used.has(link - 1)) fail(`slot ${link - 1} is on the wheel, and not in use`);
      seen.add(link - 1);
      if (w[base + R_PREV] !== previous) fail(`slot ${link - 1} has a wrong previous slot`);
      if (w[base + R_STATE] >>> WHEEL_SHIFT !== position) fail(`slot ${link - 1} has a wrong place on the wheel`);
      previous = link;
      link = w[base + R_NEXT];
    }
  }
  if (seen.size !== used.size) fail(`${seen.size} slots on the wheel, ${used.size} in use`);
}

function checkIndex({ F_SECOND_INDEX, R_STATUS }, table, used) {
  let entries = 0;
  for (let i = 1; i < table.index.length; i += 2) if (table.index[i] !== 0) entries++;
  let expected = 0;
  for (const slot of used) expected += (table.words[(slot << 5) + R_STATUS] & F_SECOND_INDEX) !== 0 ? 2 : 1;
  if (entries !== expected) fail(`${entries} index entries, expected ${expected}`);
}
