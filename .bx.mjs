// src/runtime/training/gradients.ts
import {
  add,
  cast,
  customGrad,
  env as env2,
  grads,
  greater,
  log,
  matMul,
  mul,
  neg,
  relu,
  scalar,
  softmax,
  sub,
  sum,
  tensor2d,
  tidy,
  transpose,
  zerosLike
} from "@tensorflow/tfjs-core";

// src/solve/mapping/agents/actions.ts
var ACTIONS = 6;
var actionIndex = (action) => {
  switch (action) {
    case "K":
    case "N":
      return 0;
    case "R":
      return 1;
    case "D":
      return 2;
    case "C":
      return 3;
    case "X":
      return 4;
    case "E":
      return 5;
    default:
      return action;
  }
};
function moveOf(moves, count, action) {
  for (let k = 0; k < count; k++) if (actionIndex(moves[k].action) === action) return k;
  return -1;
}

// src/errors.ts
var CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
var printable = (text) => text.replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
var quote = (name) => {
  const short = name.length > 120 ? `${name.slice(0, 117)}...` : name;
  return `'${printable(short).replaceAll("\n", "\\n")}'`;
};
var StrataError = class extends Error {
  code;
  where;
  details;
  help;
  constructor(parts) {
    super(printable(parts.message), parts.cause === void 0 ? void 0 : { cause: parts.cause });
    this.name = new.target.name;
    this.code = parts.code;
    this.where = parts.where === void 0 ? void 0 : printable(parts.where);
    this.details = (parts.details ?? []).map(printable);
    this.help = parts.help === void 0 ? void 0 : printable(parts.help);
  }
  /** The same facts for tools. */
  toJSON() {
    return {
      kind: this.name,
      code: this.code,
      message: this.message,
      where: this.where ?? null,
      details: this.details,
      help: this.help ?? null
    };
  }
  /** The same facts for people. */
  format() {
    const lines = [`error[${this.code}]: ${this.message}`];
    if (this.where !== void 0) lines.push(`  at   ${this.where}`);
    for (const detail of this.details) lines.push(`  note ${detail}`);
    if (this.help !== void 0) lines.push(`  help ${this.help}`);
    return lines.join("\n");
  }
};
var InfeasibleError = class extends StrataError {
};
var InternalError = class extends StrataError {
};
function invariant(condition, message) {
  if (!condition) throw broken(message);
}
var broken = (message, cause) => new InternalError({
  code: "internal",
  message,
  help: "this is a bug in Strata: please report it with the model and the command",
  cause
});
var outOfMemory = (what, bytes) => new InfeasibleError({
  code: "out-of-memory",
  message: `${what} can't give ${bytes} bytes`,
  help: "compile for a smaller --capacity, a smaller batch, or run on another backend"
});
var workingSetTooLarge = (instruction, needed, capacity, facts) => new InfeasibleError({
  code: "working-set-too-large",
  message: `instruction ${instruction} needs ${needed} bytes of ${facts?.memory ?? "fast memory"} at once, there are ${capacity}`,
  where: facts === void 0 ? `instruction ${instruction}` : `node ${quote(facts.node)}`,
  details: facts === void 0 ? [] : [`largest of what it reads and writes: ${facts.operands.join(", ")}`],
  help: "raise the fast memory's capacity, or make the batch or the sequence smaller"
});

// src/solve/mapping/instance.ts
var READ = 0;
var WRITE = 1;
var UPDATE = 2;
var alignUp = (bytes, alignment) => Math.ceil(bytes / alignment) * alignment;
function prepare(problem) {
  const { hardware, values, instructions } = problem;
  const steps = instructions.length + 1;
  const bandwidth = hardware.slowBytesPerSecond;
  const capacity = Math.floor(hardware.fastBytes / hardware.alignment) * hardware.alignment;
  const compute = new Float64Array(steps);
  const base = new Float64Array(steps);
  const room = new Float64Array(steps).fill(capacity);
  const staged = new Float64Array(steps);
  const accessAt = new Int32Array(steps + 1);
  const valueOf2 = [];
  const producedList = [];
  const lists = [];
  const current = new Int32Array(values.length).fill(-1);
  const version = (value, produced) => {
    valueOf2.push(value);
    producedList.push(produced);
    lists.push([]);
    return current[value] = valueOf2.length - 1;
  };
  const stepOf = [];
  const versionOf = [];
  const kind = [];
  const slowBytes = [];
  const fastSeconds = [];
  instructions.forEach((instruction, i) => {
    const t2 = i + 1;
    accessAt[t2] = stepOf.length;
    compute[t2] = instruction.fixedSeconds + instruction.computeSeconds;
    base[t2] = instruction.fixedSeconds;
    room[t2] = Math.max(0, capacity - alignUp(instruction.scopedBytes, hardware.alignment));
    let fastTotal = 0;
    for (const last of [false, true]) {
      for (const access of instruction.accesses) {
        if (access.kind === "write" !== last || values[access.value].bytes === 0) continue;
        const own = last || current[access.value] < 0 ? version(access.value, last ? 1 : 0) : current[access.value];
        const seconds = access.readBytes / hardware.fastReadBytesPerSecond + access.writeBytes / hardware.fastWriteBytesPerSecond;
        lists[own].push(stepOf.length);
        stepOf.push(t2);
        versionOf.push(own);
        kind.push(last ? WRITE : access.kind === "update" ? UPDATE : READ);
        slowBytes.push(access.readBytes + access.writeBytes);
        fastSeconds.push(hardware.slowDirect ? seconds : 0);
        fastTotal += seconds;
        if (!hardware.slowDirect) staged[t2] += alignUp(values[access.value].bytes, hardware.alignment);
      }
    }
    if (!hardware.slowDirect) {
      base[t2] = instruction.fixedSeconds + Math.max(instruction.computeSeconds, fastTotal);
      compute[t2] = base[t2];
    }
  });
  accessAt[steps] = stepOf.length;
  accessAt[0] = 0;
  const versions = valueOf2.length;
  const first = new Int32Array(versions + 1);
  const list = new Int32Array(stepOf.length);
  const previous = new Int32Array(stepOf.length).fill(-1);
  const next = new Int32Array(stepOf.length).fill(-1);
  let filled = 0;
  lists.forEach((own, v) => {
    first[v] = filled;
    own.forEach((access, k) => {
      list[filled++] = access;
      previous[access] = own[k - 1] ?? -1;
      next[access] = own[k + 1] ?? -1;
    });
  });
  first[versions] = filled;
  const mustEndSlow = new Uint8Array(versions);
  for (let v = 0; v < versions; v++)
    if (values[valueOf2[v]].mustEndSlow && current[valueOf2[v]] === v) mustEndSlow[v] = 1;
  const storable = new Uint8Array(stepOf.length);
  for (let a = stepOf.length - 1; a >= 0; a--) {
    const gapEnd = next[a] < 0 ? steps : stepOf[next[a]];
    const later = next[a] >= 0 && storable[next[a]] === 1;
    if (mustEndSlow[versionOf[a]] === 0 || gapEnd > stepOf[a] + 1 || later) storable[a] = 1;
  }
  return {
    problem,
    largestRoom: room.reduce((most, bytes) => Math.max(most, bytes), 0),
    flatRoom: room.every((bytes) => bytes === capacity) && !staged.some((bytes) => bytes > 0),
    storable,
    steps,
    bandwidth,
    compute,
    base,
    room,
    staged,
    versions,
    valueOf: Int32Array.from(valueOf2),
    bytes: Float64Array.from(valueOf2, (value) => values[value].bytes),
    footprint: Float64Array.from(valueOf2, (value) => alignUp(values[value].bytes, hardware.alignment)),
    produced: Uint8Array.from(producedList),
    mustEndSlow,
    first,
    list,
    accesses: stepOf.length,
    stepOf: Int32Array.from(stepOf),
    versionOf: Int32Array.from(versionOf),
    kind: Uint8Array.from(kind),
    slowBytes: Float64Array.from(slowBytes),
    fastSeconds: Float64Array.from(fastSeconds),
    previous,
    next,
    accessAt
  };
}
var stepTime = (instance, t2, slow, fast) => Math.max(instance.compute[t2], instance.base[t2] + slow / instance.bandwidth + fast);
function allSlowBytes(instance) {
  const slow = new Float64Array(instance.steps);
  for (let a = 0; a < instance.accesses; a++) slow[instance.stepOf[a]] += instance.slowBytes[a];
  return slow;
}
function allSlowSeconds(instance) {
  const slow = allSlowBytes(instance);
  let total = 0;
  for (let t2 = 0; t2 < instance.steps; t2++) total += stepTime(instance, t2, slow[t2], 0);
  return total;
}
function allFastSeconds(instance) {
  const fast = new Float64Array(instance.steps);
  for (let a = 0; a < instance.accesses; a++) fast[instance.stepOf[a]] += instance.fastSeconds[a];
  let total = 0;
  for (let t2 = 0; t2 < instance.steps; t2++) total += stepTime(instance, t2, 0, fast[t2]);
  return total;
}

// src/solve/mapping/addresses.ts
function newAddresses(steps) {
  let leaves = 1;
  while (leaves < steps) leaves *= 2;
  return {
    leaves,
    pieces: 0,
    offset: new Float64Array(64),
    size: new Float64Array(64),
    from: new Int32Array(64),
    last: new Int32Array(64),
    covers: new Int32Array(2 * leaves).fill(-1),
    starts: new Int32Array(steps).fill(-1),
    nextStart: { list: new Int32Array(64) },
    links: 0,
    linkPiece: new Int32Array(256),
    linkNext: new Int32Array(256),
    linkBefore: new Int32Array(256),
    linkNode: new Int32Array(256),
    linkOther: new Int32Array(256),
    pieceLinks: new Int32Array(64),
    freeLink: -1,
    freePieces: [],
    taken: new Float64Array(steps),
    hitOffset: new Float64Array(64),
    hitEnd: new Float64Array(64)
  };
}
function clearAddresses(addresses) {
  addresses.pieces = 0;
  addresses.links = 0;
  addresses.freeLink = -1;
  addresses.freePieces.length = 0;
  addresses.covers.fill(-1);
  addresses.starts.fill(-1);
  addresses.taken.fill(0);
}
var grownFloats = (old) => {
  const grown = new Float64Array(2 * old.length);
  grown.set(old);
  return grown;
};
var grownInts = (old) => {
  const grown = new Int32Array(2 * old.length);
  grown.set(old);
  return grown;
};
function link(a, node, piece) {
  let at = a.freeLink;
  if (at >= 0) a.freeLink = a.linkNext[at];
  else {
    if (a.links === a.linkPiece.length) {
      a.linkPiece = grownInts(a.linkPiece);
      a.linkNext = grownInts(a.linkNext);
      a.linkBefore = grownInts(a.linkBefore);
      a.linkNode = grownInts(a.linkNode);
      a.linkOther = grownInts(a.linkOther);
    }
    at = a.links++;
  }
  const head = a.covers[node];
  a.linkPiece[at] = piece;
  a.linkNext[at] = head;
  a.linkBefore[at] = -1;
  a.linkNode[at] = node;
  a.linkOther[at] = a.pieceLinks[piece];
  a.pieceLinks[piece] = at;
  if (head >= 0) a.linkBefore[head] = at;
  a.covers[node] = at;
}
function giveBack(a, piece) {
  for (let t2 = a.from[piece]; t2 <= a.last[piece]; t2++) a.taken[t2] -= a.size[piece];
  for (let at = a.pieceLinks[piece]; at >= 0; ) {
    const other = a.linkOther[at];
    const before = a.linkBefore[at];
    const next = a.linkNext[at];
    if (before >= 0) a.linkNext[before] = next;
    else a.covers[a.linkNode[at]] = next;
    if (next >= 0) a.linkBefore[next] = before;
    a.linkNext[at] = a.freeLink;
    a.freeLink = at;
    at = other;
  }
  const list = a.nextStart.list;
  const from = a.from[piece];
  if (a.starts[from] === piece) a.starts[from] = list[piece];
  else {
    let at = a.starts[from];
    while (list[at] !== piece) at = list[at];
    list[at] = list[piece];
  }
  a.freePieces.push(piece);
}
function take(a, offset, size, from, last) {
  if (a.freePieces.length === 0 && a.pieces === a.offset.length) {
    a.offset = grownFloats(a.offset);
    a.size = grownFloats(a.size);
    a.from = grownInts(a.from);
    a.last = grownInts(a.last);
    a.nextStart.list = grownInts(a.nextStart.list);
    a.pieceLinks = grownInts(a.pieceLinks);
  }
  const piece = a.freePieces.pop() ?? a.pieces++;
  a.pieceLinks[piece] = -1;
  a.offset[piece] = offset;
  a.size[piece] = size;
  a.from[piece] = from;
  a.last[piece] = last;
  a.nextStart.list[piece] = a.starts[from];
  a.starts[from] = piece;
  for (let t2 = from; t2 <= last; t2++) a.taken[t2] += size;
  let low = from + a.leaves;
  let high = last + a.leaves + 1;
  for (; low < high; low >>= 1, high >>= 1) {
    if (low & 1) link(a, low++, piece);
    if (high & 1) link(a, --high, piece);
  }
  return piece;
}
function cutShort(a, piece, last) {
  for (let t2 = last + 1; t2 <= a.last[piece]; t2++) a.taken[t2] -= a.size[piece];
  a.last[piece] = Math.min(a.last[piece], last);
}
function hit(a, count, piece) {
  if (count === a.hitOffset.length) {
    a.hitOffset = grownFloats(a.hitOffset);
    a.hitEnd = grownFloats(a.hitEnd);
  }
  a.hitOffset[count] = a.offset[piece];
  a.hitEnd[count] = a.offset[piece] + a.size[piece];
  return count + 1;
}
function collect(a, from, last) {
  let count = 0;
  for (let node = from + a.leaves; node >= 1; node >>= 1) {
    for (let at = a.covers[node]; at >= 0; at = a.linkNext[at]) {
      const piece = a.linkPiece[at];
      if (a.last[piece] >= from) count = hit(a, count, piece);
    }
  }
  for (let t2 = from + 1; t2 <= last; t2++) {
    for (let piece = a.starts[t2]; piece >= 0; piece = a.nextStart.list[piece]) {
      if (a.last[piece] >= t2) count = hit(a, count, piece);
    }
  }
  return count;
}
function sortHits(a, count) {
  const { hitOffset, hitEnd } = a;
  let gap = 1;
  while (gap < count / 3) gap = 3 * gap + 1;
  for (; gap >= 1; gap = gap / 3 | 0) {
    for (let i = gap; i < count; i++) {
      const offset = hitOffset[i];
      const end = hitEnd[i];
      let j = i;
      for (; j >= gap && hitOffset[j - gap] > offset; j -= gap) {
        hitOffset[j] = hitOffset[j - gap];
        hitEnd[j] = hitEnd[j - gap];
      }
      hitOffset[j] = offset;
      hitEnd[j] = end;
    }
  }
}
function bestFit(a, size, from, last, ceiling) {
  if (size > ceiling) return -1;
  const count = collect(a, from, last);
  if (count > 1) sortHits(a, count);
  let end = 0;
  let best = -1;
  let smallest = Infinity;
  for (let k = 0; k < count && end <= ceiling; k++) {
    const hole = Math.min(a.hitOffset[k], ceiling) - end;
    if (hole >= size && hole < smallest) {
      best = end;
      smallest = hole;
    }
    if (a.hitEnd[k] > end) end = a.hitEnd[k];
  }
  if (ceiling - end >= size && ceiling - end < smallest) best = end;
  return best;
}
function isFree(a, offset, size, from, last) {
  if (from > last) return true;
  const count = collect(a, from, last);
  for (let k = 0; k < count; k++) if (a.hitOffset[k] < offset + size && offset < a.hitEnd[k]) return false;
  return true;
}

// src/solve/mapping/moves.ts
var newMove = () => ({
  action: "D",
  offset: -1,
  from: 0,
  last: -1,
  stall: 0,
  storeStall: 0,
  inSteps: [],
  inBytes: [],
  storeSteps: [],
  storeBytes: [],
  storeEnd: -1
});
function clearMove(move, action) {
  move.action = action;
  move.offset = -1;
  move.from = 0;
  move.last = -1;
  move.stall = 0;
  move.storeStall = 0;
  move.storeEnd = -1;
  move.inSteps.length = 0;
  move.inBytes.length = 0;
  move.storeSteps.length = 0;
  move.storeBytes.length = 0;
  return move;
}
var DUST = 1e-9;
var nextStep = (state, access) => {
  const next = state.instance.next[access];
  return next < 0 ? state.instance.steps : state.instance.stepOf[next];
};
function roomAt(state, version, t2) {
  const { instance, ceiling } = state;
  if (instance.staged[t2] === 0) return ceiling[t2];
  for (let a = instance.accessAt[t2]; a < instance.accessAt[t2 + 1]; a++)
    if (instance.versionOf[a] === version && state.fast[a] === 0) return ceiling[t2] + instance.footprint[version];
  return ceiling[t2];
}
var hasRoom = (state, version, t2) => state.addresses.taken[t2] + state.instance.footprint[version] <= roomAt(state, version, t2);
function horizon(state, version, last) {
  const { instance } = state;
  let dirty = instance.produced[version] === 1;
  const end = instance.first[version + 1];
  for (let k = instance.first[version]; k < end && !dirty; k++) dirty = instance.kind[instance.list[k]] === UPDATE;
  if (!dirty) return last;
  return instance.mustEndSlow[version] === 1 ? instance.steps - 1 : instance.stepOf[instance.list[end - 1]];
}
function clearance(state, version, from, last) {
  const { taken } = state.addresses;
  const size = state.instance.footprint[version];
  let lowest = Infinity;
  for (let t2 = from; t2 <= last; t2++) {
    const room = roomAt(state, version, t2);
    if (taken[t2] + size > room) return -1;
    if (room < lowest) lowest = room;
  }
  if (state.instance.flatRoom) return lowest;
  for (let t2 = horizon(state, version, last); t2 > last; t2--) lowest = Math.min(lowest, roomAt(state, version, t2));
  return lowest;
}
function planRange(state, move, version, from, last) {
  const ceiling = clearance(state, version, from, last);
  if (ceiling < 0) return false;
  const offset = state.fluid ? 0 : bestFit(state.addresses, state.instance.footprint[version], from, last, ceiling);
  if (offset < 0) return false;
  move.offset = offset;
  move.from = from;
  move.last = last;
  return true;
}
function planExtension(state, move, version, last) {
  const range = state.ranges[state.resident[version]];
  const size = state.instance.footprint[version];
  for (let t2 = range.last + 1; t2 <= last; t2++)
    if ((state.fluid ? state.addresses.taken[t2] : range.offset) + size > roomAt(state, version, t2)) return false;
  if (!state.fluid && last > range.last && !isFree(state.addresses, range.offset, size, range.last + 1, last))
    return false;
  move.from = range.last + 1;
  move.last = last;
  return true;
}
function planCopyIn(state, move, access, late) {
  const { instance, idle } = state;
  const version = instance.versionOf[access];
  const t2 = instance.stepOf[access];
  const before = instance.previous[access];
  const lowest = Math.max(before < 0 ? 0 : instance.stepOf[before] + 1, state.ready[version]);
  if (lowest >= t2) return -1;
  const bytes = instance.bytes[version];
  let need = bytes;
  let from = t2;
  for (let s = t2 - 1; s >= lowest && need > DUST * bytes; s--) {
    if (!hasRoom(state, version, s)) break;
    const free = idle[s];
    if (free <= DUST * bytes) continue;
    const moved = free < need ? free : need;
    move.inSteps.push(s);
    move.inBytes.push(moved);
    need -= moved;
    from = s;
  }
  if (need > DUST * bytes) {
    if (!late || !hasRoom(state, version, t2 - 1)) return -1;
    move.stall = need / instance.bandwidth;
  }
  return Math.min(from, t2 - 1);
}
function planStore(state, move, version, from, limit, late) {
  const { instance, idle } = state;
  const bytes = instance.bytes[version];
  let need = bytes;
  let s = from;
  for (; s < limit && need > DUST * bytes; s++) {
    const free = idle[s];
    if (free <= DUST * bytes) continue;
    const moved = free < need ? free : need;
    move.storeSteps.push(s);
    move.storeBytes.push(moved);
    need -= moved;
  }
  if (need > DUST * bytes) {
    if (!late || limit <= from) return false;
    move.storeStall = need / instance.bandwidth;
  }
  move.storeEnd = s;
  return s > from;
}
function serveFast(state, access) {
  const { instance } = state;
  const t2 = instance.stepOf[access];
  const bytes = instance.slowBytes[access];
  state.slow[t2] -= bytes;
  if (state.slow[t2] < 0) state.slow[t2] = 0;
  state.fastTime[t2] += instance.fastSeconds[access];
  const time = stepTime(instance, t2, state.slow[t2], state.fastTime[t2]);
  state.idle[t2] += (time - state.time[t2]) * instance.bandwidth + bytes;
  state.latency += time - state.time[t2];
  state.time[t2] = time;
  state.fast[access] = 1;
  if (instance.staged[t2] > 0) state.ceiling[t2] += instance.footprint[instance.versionOf[access]];
}
function beginRange(state, move, version) {
  const size = state.instance.footprint[version];
  state.resident[version] = state.ranges.length;
  state.ranges.push({ value: version, offset: move.offset, from: move.from, last: move.last });
  state.piece[version] = take(state.addresses, move.offset, size, move.from, move.last);
}
function extendRange(state, version, last) {
  const range = state.ranges[state.resident[version]];
  if (last <= range.last) return;
  const size = state.instance.footprint[version];
  state.piece[version] = take(state.addresses, range.offset, size, range.last + 1, last);
  range.last = last;
}
function shortenRange(state, version, last) {
  const range = state.ranges[state.resident[version]];
  if (last >= range.last) return;
  cutShort(state.addresses, state.piece[version], last);
  range.last = last;
}
function bookCopyIn(state, move, access) {
  const { instance } = state;
  for (let k = 0; k < move.inSteps.length; k++) state.idle[move.inSteps[k]] -= move.inBytes[k];
  state.latency += move.stall;
  state.copies.push({
    value: instance.versionOf[access],
    direction: "in",
    release: move.from,
    deadline: instance.stepOf[access]
  });
}
function bookStore(state, move, version, from) {
  for (let k = 0; k < move.storeSteps.length; k++) state.idle[move.storeSteps[k]] -= move.storeBytes[k];
  state.latency += move.storeStall;
  state.copies.push({ value: version, direction: "out", release: from, deadline: move.storeEnd });
  state.ready[version] = move.storeEnd;
  state.dirty[version] = 0;
}
var changes = (kind) => kind === WRITE || kind === UPDATE;

// src/solve/mapping/extended.ts
function extendedMoves(state, moves) {
  const { instance } = state;
  const access = state.position;
  const version = instance.versionOf[access];
  const kind = instance.kind[access];
  const t2 = instance.stepOf[access];
  const after = nextStep(state, access);
  const last = instance.next[access] < 0;
  const mustStore = instance.mustEndSlow[version] === 1;
  const dirtyAfter = changes(kind) || state.dirty[version] === 1;
  const forgotten = last && !mustStore;
  const next = instance.next[access];
  const keepable = !last && (!dirtyAfter && instance.kind[next] !== UPDATE || instance.storable[next] === 1);
  let count = 0;
  const open = (action) => clearMove(moves[count] ??= newMove(), action);
  if (state.resident[version] >= 0 && kind !== WRITE) {
    if (keepable && planExtension(state, open("K"), version, after)) count++;
    const move = open("R");
    if (!dirtyAfter || forgotten) count++;
    else if (planStore(state, move, version, t2 + 1, after, true) && planExtension(state, move, version, move.storeEnd - 1))
      count++;
    return count;
  }
  if (kind === WRITE) {
    if (instance.storable[access] === 1) {
      if (keepable && planRange(state, open("K"), version, t2, after)) count++;
      const move = open("E");
      if (forgotten) {
        if (planRange(state, move, version, t2, t2)) count++;
      } else if (planStore(state, move, version, t2 + 1, after, false) && planRange(state, move, version, t2, move.storeEnd - 1))
        count++;
    }
  } else if (kind !== UPDATE || instance.storable[access] === 1) {
    let move = open("C");
    let from = planCopyIn(state, move, access, true);
    if (from >= 0) {
      if (!dirtyAfter || forgotten) {
        if (planRange(state, move, version, from, t2)) count++;
      } else if (planStore(state, move, version, t2 + 1, after, true) && planRange(state, move, version, from, move.storeEnd - 1))
        count++;
      if (keepable) {
        move = open("X");
        from = planCopyIn(state, move, access, true);
        if (from >= 0 && planRange(state, move, version, from, after)) count++;
      }
    }
  }
  open("D");
  return count + 1;
}
function playExtended(state, move) {
  const { instance } = state;
  const access = state.position++;
  const version = instance.versionOf[access];
  const kind = instance.kind[access];
  const t2 = instance.stepOf[access];
  if (move.action === "D") {
    if (changes(kind)) state.ready[version] = t2 + 1;
    return;
  }
  serveFast(state, access);
  if (changes(kind)) state.dirty[version] = 1;
  switch (move.action) {
    case "K":
      if (kind === WRITE) beginRange(state, move, version);
      else extendRange(state, version, move.last);
      break;
    case "R":
      if (move.storeEnd >= 0) {
        extendRange(state, version, move.storeEnd - 1);
        bookStore(state, move, version, t2 + 1);
      }
      state.resident[version] = -1;
      break;
    case "E":
    case "C":
      if (move.action === "C") bookCopyIn(state, move, access);
      beginRange(state, move, version);
      if (move.storeEnd >= 0) bookStore(state, move, version, t2 + 1);
      state.resident[version] = -1;
      break;
    case "X":
      bookCopyIn(state, move, access);
      beginRange(state, move, version);
      break;
    default:
      break;
  }
}

// src/solve/mapping/state.ts
var DROPPED = 1;
var TO_DROP = 2;
var NEVER = 2147483647;
function newState(instance) {
  const { steps, versions, accesses } = instance;
  const state = {
    instance,
    fluid: false,
    banned: new Uint8Array(versions),
    position: 0,
    latency: 0,
    slow: new Float64Array(steps),
    fastTime: new Float64Array(steps),
    time: new Float64Array(steps),
    idle: new Float64Array(steps),
    ceiling: new Float64Array(steps),
    addresses: newAddresses(steps),
    resident: new Int32Array(versions),
    dirty: new Uint8Array(versions),
    ready: new Int32Array(versions),
    piece: new Int32Array(versions),
    fast: new Uint8Array(accesses),
    ranges: [],
    copies: []
  };
  resetState(state);
  return state;
}
function resetState(state) {
  const { instance } = state;
  state.position = 0;
  state.latency = 0;
  state.slow.set(allSlowBytes(instance));
  state.fastTime.fill(0);
  for (let t2 = 0; t2 < instance.steps; t2++) {
    state.time[t2] = stepTime(instance, t2, state.slow[t2], 0);
    state.idle[t2] = state.time[t2] * instance.bandwidth - state.slow[t2];
    state.latency += state.time[t2];
    state.ceiling[t2] = Math.max(0, instance.room[t2] - instance.staged[t2]);
  }
  clearAddresses(state.addresses);
  state.resident.fill(-1);
  state.dirty.fill(0);
  state.piece.fill(-1);
  state.fast.fill(0);
  for (let v = 0; v < instance.versions; v++) if (state.banned[v] === TO_DROP) state.banned[v] = DROPPED;
  for (let v = 0; v < instance.versions; v++) state.ready[v] = instance.produced[v] === 1 ? NEVER : 0;
  state.ranges = [];
  state.copies = [];
}
var isDone = (state) => state.position >= state.instance.accesses;
function planOf(state) {
  const ranges = state.ranges.map(({ value, offset, from, last }) => ({
    value,
    offset,
    from,
    to: last + 1
  }));
  return { fast: Array.from(state.fast, (bit) => bit === 1), ranges, copies: state.copies.slice() };
}

// src/solve/mapping/faithful.ts
function faithfulMoves(state, moves, late) {
  const { instance } = state;
  const access = state.position;
  const version = instance.versionOf[access];
  const kind = instance.kind[access];
  const t2 = instance.stepOf[access];
  const before = instance.previous[access];
  const last = instance.next[access] < 0;
  const mustStore = instance.mustEndSlow[version] === 1;
  const dirty = state.dirty[version] === 1;
  const dirtyAfter = changes(kind) || dirty;
  const stranded = dirtyAfter && last && mustStore;
  const hold = dirtyAfter && !last ? nextStep(state, access) : t2;
  let count = 0;
  const open = (action) => clearMove(moves[count] ??= newMove(), action);
  if (!stranded && state.banned[version] !== DROPPED) {
    if (kind === WRITE) {
      if (planRange(state, open("N"), version, t2, hold)) count++;
    } else if (state.resident[version] >= 0 && planExtension(state, open("N"), version, hold)) count++;
    if (kind !== WRITE && !dirty) {
      const move = open("C");
      const from = planCopyIn(state, move, access, late);
      if (from >= 0 && planRange(state, move, version, from, hold)) count++;
    }
  }
  const drop = open("D");
  if (kind === WRITE || !dirty) count++;
  else if (instance.staged[t2] === 0 && planStore(state, drop, version, instance.stepOf[before] + 1, t2, false)) count++;
  return count;
}
function playFaithful(state, move) {
  const { instance } = state;
  const access = state.position++;
  const version = instance.versionOf[access];
  const kind = instance.kind[access];
  const t2 = instance.stepOf[access];
  if (move.action === "D") {
    if (kind !== WRITE && state.dirty[version] === 1) {
      shortenRange(state, version, move.storeEnd - 1);
      bookStore(state, move, version, instance.stepOf[instance.previous[access]] + 1);
    }
    state.resident[version] = -1;
    if (kind === WRITE || kind === UPDATE) state.ready[version] = t2 + 1;
    return;
  }
  serveFast(state, access);
  if (move.action === "C") {
    bookCopyIn(state, move, access);
    beginRange(state, move, version);
  } else if (kind === WRITE) beginRange(state, move, version);
  else extendRange(state, version, move.last);
  if (changes(kind)) state.dirty[version] = 1;
}

// src/solve/mapping/min-table.ts
var SCAN = 12;
function newMinTable(length) {
  const levels = [];
  for (let width = 1; width <= length; width *= 2) levels.push(new Int32Array(length));
  return { length, levels };
}
function fillMinTable({ length, levels }, key) {
  const bottom = levels[0];
  for (let t2 = 0; t2 < length; t2++) bottom[t2] = t2;
  for (let k = 1; k < levels.length; k++) {
    const below = levels[k - 1];
    const here = levels[k];
    const half = 1 << k - 1;
    for (let t2 = 0; t2 + 2 * half <= length; t2++) {
      const x = below[t2];
      const y = below[t2 + half];
      here[t2] = key[y] < key[x] ? y : x;
    }
  }
}
function leastOf({ levels }, key, from, to) {
  const width = to - from;
  if (width <= SCAN) {
    let best = from;
    for (let t2 = from + 1; t2 < to; t2++) if (key[t2] < key[best]) best = t2;
    return best;
  }
  const k = 31 - Math.clz32(width);
  const x = levels[k][from];
  const y = levels[k][to - (1 << k)];
  return key[y] < key[x] ? y : x;
}

// src/solve/mapping/prices.ts
var holdCost = (tables, bytes, version, from, last) => {
  const own = tables.classPrefix[tables.cuts.classOf[version]];
  return bytes * (tables.prefix[last + 1] - tables.prefix[from]) + own[last + 1] - own[from];
};
var stagingCost = (instance, tables, version, t2) => instance.staged[t2] === 0 ? 0 : holdCost(tables, instance.bytes[version], version, t2, t2);
function priceTables(instance, prices, cuts) {
  const { steps, accesses, bandwidth, stepOf, kind, slowBytes, fastSeconds } = instance;
  const { lambda, kappa, beta, mu } = prices;
  const prefix = new Float64Array(steps + 1);
  const classPrefix = cuts.classes.map(() => new Float64Array(steps + 1));
  const copyKey = new Float64Array(steps);
  const storeKey = new Float64Array(steps);
  for (let t2 = 0; t2 < steps; t2++) {
    prefix[t2 + 1] = prefix[t2] + lambda[t2];
    copyKey[t2] = beta[t2] / bandwidth - prefix[t2];
    storeKey[t2] = beta[t2] / bandwidth + prefix[t2 + 1];
    cuts.classes.forEach((vector, c) => {
      let price = 0;
      for (let r2 = 0; r2 < vector.length; r2++) price += vector[r2] * kappa[r2][t2];
      classPrefix[c][t2 + 1] = classPrefix[c][t2] + price;
    });
  }
  const copyTable = newMinTable(steps);
  const storeTable = newMinTable(steps);
  fillMinTable(copyTable, copyKey);
  fillMinTable(storeTable, storeKey);
  const tables = {
    prices,
    cuts,
    prefix,
    classPrefix,
    absent: new Float64Array(accesses),
    keepClean: new Float64Array(accesses),
    keepDirty: new Float64Array(accesses),
    store: new Float64Array(accesses)
  };
  const { absent, keepClean, keepDirty, store } = tables;
  for (let v = 0; v < instance.versions; v++) {
    const size = instance.bytes[v];
    const end = instance.first[v + 1];
    const mustStore = instance.mustEndSlow[v] === 1;
    const fits = instance.footprint[v] <= instance.largestRoom;
    const cls = cuts.classOf[v];
    const copyCost = (before, t2) => {
      if (!fits || t2 - 1 <= before) return Infinity;
      if (cls === 0) return size * (copyKey[leastOf(copyTable, copyKey, before + 1, t2)] + prefix[t2 + 1]);
      let best = Infinity;
      for (let s = t2 - 1; s > before; s--) {
        const hold = holdCost(tables, size, v, s, t2);
        if (hold >= best) break;
        best = Math.min(best, hold + size / bandwidth * beta[s]);
      }
      return best;
    };
    const storeCost2 = (before, limit) => {
      if (!fits || limit <= before + 1) return Infinity;
      if (cls === 0) return size * (storeKey[leastOf(storeTable, storeKey, before + 1, limit)] - prefix[before + 1]);
      let best = Infinity;
      for (let s = before + 1; s < limit; s++) {
        const hold = holdCost(tables, size, v, before + 1, s);
        if (hold >= best) break;
        best = Math.min(best, hold + size / bandwidth * beta[s]);
      }
      return best;
    };
    for (let k = end - 1; k >= instance.first[v]; k--) {
      const a = instance.list[k];
      const t2 = stepOf[a];
      if (k === end - 1) {
        absent[a] = 0;
        keepClean[a] = Infinity;
        keepDirty[a] = Infinity;
        store[a] = mustStore ? storeCost2(t2, steps) : 0;
        continue;
      }
      const b2 = instance.list[k + 1];
      const u = stepOf[b2];
      store[a] = storeCost2(t2, u);
      const slow = slowBytes[b2] / bandwidth * (mu[u] + beta[u]) + stagingCost(instance, tables, v, u);
      const fast = fastSeconds[b2] * mu[u];
      const afterDirty = Math.min(store[b2] + absent[b2], keepDirty[b2]);
      const afterClean = kind[b2] === UPDATE ? afterDirty : Math.min(absent[b2], keepClean[b2]);
      absent[a] = Math.min(slow + absent[b2], copyCost(t2, u) + fast + afterClean);
      const stay = holdCost(tables, size, v, t2 + 1, u) + fast;
      keepClean[a] = stay + afterClean;
      keepDirty[a] = stay + afterDirty;
    }
  }
  return tables;
}

// src/solve/mapping/decode.ts
function moveCost(state, move, tables, game) {
  const { instance } = state;
  const access = state.position;
  const version = instance.versionOf[access];
  const kind = instance.kind[access];
  const t2 = instance.stepOf[access];
  const { mu, beta } = tables.prices;
  const { absent, keepClean, keepDirty, store } = tables;
  const size = instance.bytes[version];
  const { bandwidth } = instance;
  let flows = 0;
  for (let k = 0; k < move.inSteps.length; k++) flows += move.inBytes[k] * beta[move.inSteps[k]];
  const fast = instance.fastSeconds[access] * mu[t2];
  if (move.action === "D") {
    let cost = instance.slowBytes[access] / bandwidth * (mu[t2] + beta[t2]) + absent[access];
    cost += stagingCost(instance, tables, version, t2);
    if (move.storeEnd >= 0) {
      for (let k = 0; k < move.storeSteps.length; k++) flows += move.storeBytes[k] * beta[move.storeSteps[k]];
      const since = instance.stepOf[instance.previous[access]] + 1;
      cost += flows / bandwidth + holdCost(tables, size, version, since, move.storeEnd - 1);
    }
    return cost;
  }
  const dirty = changes(kind) || state.dirty[version] === 1;
  const gone = (dirty ? store[access] : 0) + absent[access];
  const kept = dirty ? keepDirty[access] : keepClean[access];
  const arrival = flows / bandwidth + move.stall;
  switch (move.action) {
    case "K":
      return fast + (kind === WRITE ? holdCost(tables, size, version, t2, t2) : 0) + kept;
    case "R":
      return fast + gone + move.storeStall;
    case "E":
      return fast + holdCost(tables, size, version, t2, t2) + gone;
    case "X":
      return fast + arrival + holdCost(tables, size, version, move.from, t2) + kept;
    case "N": {
      const since = kind === WRITE ? t2 : instance.stepOf[instance.previous[access]] + 1;
      return fast + holdCost(tables, size, version, since, t2) + Math.min(gone, kept);
    }
    case "C": {
      const after = game === "extended" ? gone + move.storeStall : Math.min(gone, kept);
      return fast + arrival + holdCost(tables, size, version, move.from, t2) + after;
    }
    default:
      return move.action;
  }
}
var movesOf = (state, moves, game) => game === "extended" ? extendedMoves(state, moves) : faithfulMoves(state, moves, true);
var playMove = (state, move, game) => game === "extended" ? playExtended(state, move) : playFaithful(state, move);
function decode(state, moves, tables, game, bias) {
  do
    resetState(state);
  while (!decodeOn(state, moves, tables, game, bias));
}
function markStuck(state) {
  const version = state.instance.versionOf[state.position++];
  invariant(state.banned[version] !== DROPPED, "a dropped value has no legal move");
  state.banned[version] = TO_DROP;
}
function decodeOn(state, moves, tables, game, bias) {
  const { accesses } = state.instance;
  let stuck = false;
  while (!isDone(state)) {
    const count = movesOf(state, moves, game);
    if (count === 0) {
      markStuck(state);
      stuck = true;
      continue;
    }
    let best = moves[0];
    if (count > 1) {
      let least = Infinity;
      for (let k = 0; k < count; k++) {
        const move = moves[k];
        let cost = moveCost(state, move, tables, game);
        if (bias !== void 0) {
          if (move.action === "D" || move.action === "R") cost += bias[state.position];
          else if (move.action !== "K" && move.action !== "N") cost += bias[accesses + state.position];
        }
        if (cost < least) {
          least = cost;
          best = move;
        }
      }
    }
    playMove(state, best, game);
  }
  return !stuck;
}
function immediateCost(state, move) {
  if (move.action === "D") return 0;
  const { instance, position } = state;
  const t2 = instance.stepOf[position];
  const slow = state.slow[t2] - instance.slowBytes[position];
  const fast = state.fastTime[t2] + instance.fastSeconds[position];
  const time = Math.max(instance.compute[t2], instance.base[t2] + slow / instance.bandwidth + fast);
  return time - state.time[t2] + move.stall + move.storeStall;
}
function playGreedy(state, moves, rule) {
  do
    resetState(state);
  while (!greedyOn(state, moves, rule));
}
function greedyOn(state, moves, rule) {
  let stuck = false;
  while (!isDone(state)) {
    const count = faithfulMoves(state, moves, true);
    if (count === 0) {
      markStuck(state);
      stuck = true;
      continue;
    }
    let best = moves[0];
    if (rule === "myopic") {
      let least = Infinity;
      for (let k = 0; k < count; k++) {
        const cost = immediateCost(state, moves[k]);
        if (cost < least) {
          least = cost;
          best = moves[k];
        }
      }
    }
    playFaithful(state, best);
  }
  return !stuck;
}

// src/solve/mapping/agents/features.ts
var PER_ACTION = 8;
var ACTION_FEATURES = ACTIONS * PER_ACTION;
var STATIC_FEATURES = 24;
var SAMPLES = [0, -8, -4, -2, -1, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
var PER_SAMPLE = 4;
var STATE_FEATURES = 8;
var FEATURES = ACTION_FEATURES + STATIC_FEATURES + SAMPLES.length * PER_SAMPLE + STATE_FEATURES;
var COST_FEATURE = 5;
var FEATURES_PER_ACTION = PER_ACTION;
var squash = (x) => Math.sign(x) * Math.log1p(Math.min(1e6, Math.abs(x)));
function newObserver(instance, tables, bound) {
  const slowSeconds = allSlowSeconds(instance);
  const { lambda } = tables.prices;
  let sum2 = 0;
  for (let t2 = 0; t2 < instance.steps; t2++) sum2 += lambda[t2];
  const meanTime = slowSeconds / instance.steps || 1;
  const statics = new Float32Array(instance.accesses * STATIC_FEATURES);
  const observer = { instance, tables, slowSeconds, bound, meanTime, statics, meanLambda: sum2 / instance.steps };
  fillStatics(observer);
  return observer;
}
function fillStatics({ instance, tables, meanTime, statics, meanLambda }) {
  const { steps, accesses, bandwidth, stepOf, versionOf, bytes, next, previous, kind } = instance;
  const { lambda, beta, mu } = tables.prices;
  const capacity = Math.max(1, instance.largestRoom);
  const slowBytes = new Float64Array(steps);
  for (let a = 0; a < accesses; a++) slowBytes[stepOf[a]] += instance.slowBytes[a];
  const time = new Float64Array(steps + 1);
  const idle = new Float64Array(steps + 1);
  for (let t2 = 0; t2 < steps; t2++) {
    const own = stepTime(instance, t2, slowBytes[t2], 0);
    time[t2 + 1] = time[t2] + own;
    idle[t2 + 1] = idle[t2] + own * bandwidth - slowBytes[t2];
  }
  const seen = new Int32Array(instance.versions);
  for (let a = 0; a < accesses; a++) {
    const t2 = stepOf[a];
    const version = versionOf[a];
    const size = bytes[version];
    const copy = size / bandwidth || 1e-300;
    const after = next[a] < 0 ? steps : stepOf[next[a]];
    const before = previous[a] < 0 ? 0 : stepOf[previous[a]] + 1;
    const uses = instance.first[version + 1] - instance.first[version];
    const memory = instance.base[t2] + slowBytes[t2] / bandwidth;
    const price = (seconds) => seconds === Infinity ? 9 : Math.max(-9, squash(seconds / copy));
    let k = a * STATIC_FEATURES;
    const put = (x) => void (statics[k++] = x);
    put(size / capacity > 1 ? 2 : size / capacity);
    put(squash(after - t2));
    put(squash(t2 - before));
    put(next[a] < 0 ? 1 : 0);
    put(previous[a] < 0 ? 1 : 0);
    put(squash((time[after] - time[t2 + 1]) / copy));
    put(squash((time[t2] - time[before]) / copy));
    put(squash((idle[after] - idle[t2 + 1]) / size));
    put(squash((idle[t2] - idle[before]) / size));
    put(squash(uses - 1 - seen[version]));
    put(kind[a] === WRITE ? 1 : 0);
    put(kind[a] === UPDATE ? 1 : 0);
    put(instance.mustEndSlow[version]);
    put(instance.produced[version]);
    put(squash(copy / meanTime));
    put(memory > 0 ? Math.min(4, instance.compute[t2] / memory) / 4 : 1);
    put((instance.slowBytes[a] - instance.fastSeconds[a] * bandwidth) / (size || 1));
    put(t2 / steps);
    put(beta[t2]);
    put(mu[t2]);
    put(price(holdCost(tables, size, version, t2, Math.max(t2, after - 1))));
    put(meanLambda > 0 ? squash(lambda[t2] / meanLambda) : 0);
    put(price(tables.absent[a] - Math.min(tables.keepClean[a], tables.keepDirty[a])));
    put(price(tables.store[a]));
    seen[version]++;
  }
}
function observe(observer, state, moves, count, out2) {
  const { instance, tables, meanTime, statics, meanLambda, slowSeconds, bound } = observer;
  const { bandwidth, steps } = instance;
  const access = state.position;
  const t2 = instance.stepOf[access];
  const version = instance.versionOf[access];
  const size = instance.bytes[version];
  const copy = size / bandwidth || 1e-300;
  out2.fill(0, 0, FEATURES);
  let least = Infinity;
  let cheapest2 = 0;
  for (let k2 = 0; k2 < count; k2++) {
    const cost = moveCost(state, moves[k2], tables, "extended");
    const at = actionIndex(moves[k2].action) * PER_ACTION;
    out2[at + COST_FEATURE] = cost / meanTime;
    if (cost < least) {
      least = cost;
      cheapest2 = at;
    }
  }
  for (let k2 = 0; k2 < count; k2++) {
    const move = moves[k2];
    const at = actionIndex(move.action) * PER_ACTION;
    const cost = least < Infinity ? Math.max(0, out2[at + COST_FEATURE] * meanTime - least) : 0;
    out2[at] = 1;
    out2[at + 1] = squash(immediateCost(state, move) / copy);
    out2[at + 2] = squash(move.stall / copy);
    out2[at + 3] = squash(move.storeStall / copy);
    out2[at + 4] = Math.min(9, squash(cost / copy));
    out2[at + COST_FEATURE] = Math.min(20, cost / (0.15 * meanTime));
    out2[at + 6] = at === cheapest2 ? 1 : 0;
    out2[at + 7] = squash(move.last - move.from + 1);
  }
  let k = ACTION_FEATURES;
  const row = access * STATIC_FEATURES;
  for (let j = 0; j < STATIC_FEATURES; j++) out2[k++] = statics[row + j];
  const capacity = Math.max(1, instance.largestRoom);
  for (const distance of SAMPLES) {
    const s = t2 + distance;
    if (s >= 0 && s < steps) {
      const free = state.ceiling[s] - state.addresses.taken[s];
      out2[k] = free / capacity;
      out2[k + 1] = free >= instance.footprint[version] ? 1 : 0;
      out2[k + 2] = squash(4 * state.idle[s] / (size || 1));
      out2[k + 3] = meanLambda > 0 ? squash(tables.prices.lambda[s] / meanLambda) : 0;
    }
    k += PER_SAMPLE;
  }
  const width = slowSeconds - bound;
  out2[k] = state.resident[version] >= 0 ? 1 : 0;
  out2[k + 1] = state.dirty[version];
  out2[k + 2] = state.ready[version] <= t2 ? 1 : 0;
  out2[k + 3] = width > 0 ? (state.latency - bound) / width : 0;
  out2[k + 4] = (instance.accessAt[t2 + 1] - access) / 4;
  out2[k + 5] = (access - instance.accessAt[t2]) / 4;
  out2[k + 6] = squash((state.time[t2] - instance.compute[t2]) / copy);
  out2[k + 7] = count / 3;
}

// src/solve/random.ts
function seededRandom(seed) {
  let state = seed | 0;
  return () => {
    state = state + 1831565813 | 0;
    let t2 = Math.imul(state ^ state >>> 15, 1 | state);
    t2 = t2 + Math.imul(t2 ^ t2 >>> 7, 61 | t2) ^ t2;
    return ((t2 ^ t2 >>> 14) >>> 0) / 4294967296;
  };
}

// src/solve/mapping/agents/network.ts
var HIDDEN = 64;
var BINS = 51;
var WIDE = 128;
var TRANSITION = ACTIONS + STATIC_FEATURES;
var SHAPES = {
  torso1: [FEATURES, WIDE],
  torso1Bias: [1, WIDE],
  torso2: [WIDE, WIDE],
  torso2Bias: [1, WIDE],
  torso3: [WIDE, HIDDEN],
  torso3Bias: [1, HIDDEN],
  skip: [ACTION_FEATURES, ACTIONS],
  policy: [HIDDEN, ACTIONS],
  policyBias: [1, ACTIONS],
  value: [HIDDEN, BINS],
  valueBias: [1, BINS],
  dynamicsHidden: [HIDDEN, WIDE],
  dynamicsAction: [TRANSITION, WIDE],
  dynamicsBias: [1, WIDE],
  next: [WIDE, HIDDEN],
  nextBias: [1, HIDDEN],
  reward: [HIDDEN, BINS],
  rewardBias: [1, BINS]
};
var PARAMETER_NAMES = Object.keys(SHAPES);
var parameterCount = () => PARAMETER_NAMES.reduce((sum2, name) => sum2 + SHAPES[name][0] * SHAPES[name][1], 0);
function networkOn(flat2) {
  invariant(flat2.length === parameterCount(), `${flat2.length} numbers for ${parameterCount()} parameters`);
  let at = 0;
  const parameters = Object.fromEntries(
    PARAMETER_NAMES.map((name) => {
      const length = SHAPES[name][0] * SHAPES[name][1];
      at += length;
      return [name, flat2.subarray(at - length, at)];
    })
  );
  return {
    parameters,
    wide1: new Float32Array(WIDE),
    wide2: new Float32Array(WIDE),
    bins: new Float32Array(BINS)
  };
}
function initialParameters(seed) {
  const flat2 = new Float32Array(parameterCount());
  const { parameters } = networkOn(flat2);
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  for (const name of PARAMETER_NAMES) {
    if (name === "skip" || name.endsWith("Bias")) continue;
    const isHead = name === "policy" || name === "value" || name === "reward";
    const scale = isHead ? 0.01 : Math.sqrt(2 / SHAPES[name][0]);
    const own = parameters[name];
    for (let k = 0; k < own.length; k++) own[k] = scale * normal();
  }
  for (let a = 0; a < ACTIONS; a++) parameters.skip[(a * FEATURES_PER_ACTION + COST_FEATURE) * ACTIONS + a] = -1;
  return flat2;
}
function dense(x, from, weights, bias, out2, rows, columns) {
  if (bias !== void 0) for (let j = 0; j < columns; j++) out2[j] = bias[j];
  let i = 0;
  for (; i + 1 < rows; i += 2) {
    const a = x[from + i];
    const b2 = x[from + i + 1];
    if (a === 0 && b2 === 0) continue;
    const row = i * columns;
    const below = row + columns;
    for (let j = 0; j < columns; j++) out2[j] = out2[j] + a * weights[row + j] + b2 * weights[below + j];
  }
  if (i < rows) {
    const a = x[from + i];
    if (a !== 0) for (let j = 0; j < columns; j++) out2[j] = out2[j] + a * weights[i * columns + j];
  }
}
function rectify(x, length) {
  for (let k = 0; k < length; k++) if (x[k] < 0) x[k] = 0;
}
function represent(network, observation, hidden) {
  const { parameters: p, wide1, wide2 } = network;
  dense(observation, 0, p.torso1, p.torso1Bias, wide1, FEATURES, WIDE);
  rectify(wide1, WIDE);
  dense(wide1, 0, p.torso2, p.torso2Bias, wide2, WIDE, WIDE);
  rectify(wide2, WIDE);
  dense(wide2, 0, p.torso3, p.torso3Bias, hidden, WIDE, HIDDEN);
  rectify(hidden, HIDDEN);
}
function predict(network, hidden, observation, logits) {
  const { parameters: p, bins } = network;
  dense(hidden, 0, p.policy, p.policyBias, logits, HIDDEN, ACTIONS);
  if (observation !== void 0) dense(observation, 0, p.skip, void 0, logits, ACTION_FEATURES, ACTIONS);
  dense(hidden, 0, p.value, p.valueBias, bins, HIDDEN, BINS);
  return valueOf(bins);
}
function meanBin(logits) {
  let top = -Infinity;
  for (let k = 0; k < BINS; k++) if (logits[k] > top) top = logits[k];
  let sum2 = 0;
  let total = 0;
  for (let k = 0; k < BINS; k++) {
    const weight = Math.exp(logits[k] - top);
    sum2 += weight;
    total += weight * k;
  }
  return total / sum2 / (BINS - 1);
}
var valueOf = (logits) => meanBin(logits);
var valueBin = (value) => Math.min(1, Math.max(0, value)) * (BINS - 1);
var rewardBin = (reward) => (Math.sign(reward) * Math.sqrt(Math.min(1, Math.abs(reward))) + 1) / 2 * (BINS - 1);

// src/runtime/wasm/backend.ts
import {
  env,
  getKernel,
  ready,
  setBackend,
  backend as currentBackend
} from "@tensorflow/tfjs-core";

// src/runtime/wasm/module.ts
async function registerWasm() {
  await import("@tensorflow/tfjs-backend-wasm");
}

// src/runtime/wasm/backend.ts
var ALIGNMENT = 64;
var loading;
function wasmBackend() {
  loading ??= load();
  return loading;
}
async function load() {
  env().set("IS_TEST", true);
  await registerWasm();
  if (!await setBackend("wasm")) throw broken("TensorFlow.js could not start its WebAssembly backend");
  await ready();
  const simd = await env().getAsync("WASM_HAS_SIMD_SUPPORT");
  const backend = currentBackend();
  const internals = backend;
  const { wasm, dataIdMap } = internals;
  let blocks = 0;
  const malloc = wasm._malloc.bind(wasm);
  wasm._malloc = (bytes) => {
    blocks++;
    return malloc(bytes);
  };
  const starts = /* @__PURE__ */ new Map();
  const makeOutput = internals.makeOutput.bind(internals);
  let planned;
  internals.makeOutput = (shape, dtype, memoryOffset, values) => {
    if (planned === void 0 || memoryOffset !== void 0 || values !== void 0)
      return makeOutput(shape, dtype, memoryOffset, values);
    const output = planned;
    planned = void 0;
    if (sizeOf(output.shape) !== sizeOf(shape))
      throw broken(`a TensorFlow.js kernel made [${shape.join(",")}] where [${output.shape.join(",")}] was planned`);
    return { ...output, shape };
  };
  return {
    simd: Boolean(simd),
    heap: () => wasm.HEAPU8.buffer,
    allocate(bytes) {
      const start = wasm._malloc(bytes + ALIGNMENT) >>> 0;
      if (start === 0) throw outOfMemory("the WebAssembly heap", bytes);
      const address = Math.ceil(start / ALIGNMENT) * ALIGNMENT;
      starts.set(address, start);
      return address;
    },
    free(address) {
      const start = starts.get(address);
      if (start === void 0) throw broken(`no block at ${address}`);
      starts.delete(address);
      wasm._free(start);
    },
    allocations: () => blocks,
    tensorAt(address, shape, dtype) {
      const id = internals.dataIdNextNumber++;
      const dataId = { id };
      dataIdMap.set(dataId, { id, memoryOffset: address, shape, dtype, refCount: 1 });
      wasm.tfjs.registerTensor(id, sizeOf(shape), address);
      return { dataId, shape: [...shape], dtype };
    },
    release(tensor) {
      wasm.tfjs.disposeData(dataIdMap.get(tensor.dataId).id);
      dataIdMap.delete(tensor.dataId);
    },
    call(kernel, inputs, attrs, output) {
      planned = output;
      kernel({ inputs, attrs, backend });
      if (planned !== void 0) {
        planned = void 0;
        throw broken("a TensorFlow.js kernel did not ask for its result");
      }
    },
    kernel(name) {
      const config = getKernel(name, "wasm");
      if (config === void 0) throw broken(`TensorFlow.js has no wasm kernel ${name}`);
      return config.kernelFunc;
    }
  };
}
var sizeOf = (shape) => shape.reduce((product, dim) => product * dim, 1);

// src/runtime/training/gradients.ts
var withGradient = (forward, gradient) => customGrad((...args) => ({
  value: forward(args.slice(0, -1), args.at(-1)),
  gradFunc: (dy, saved) => gradient(dy, saved)
}));
var linear = withGradient(
  ([x, w], save) => {
    save([x, w]);
    return matMul(x, w);
  },
  // Products of explicit transposes: several times faster there than products that transpose.
  (dy, [x, w]) => [matMul(dy, transpose(w)), matMul(transpose(x), dy)]
);
var linearOf = withGradient(
  ([x, w], save) => {
    save([x]);
    return matMul(x, w);
  },
  (dy, [x]) => [zerosLike(x), matMul(transpose(x), dy)]
);
var plus = withGradient(
  ([a, b2]) => add(a, b2),
  (dy) => [dy, dy]
);
var plusBias = withGradient(
  ([x, b2]) => add(x, b2),
  (dy) => [dy, sum(dy, 0, true)]
);
var rectified = withGradient(
  ([x], save) => {
    const y = relu(x);
    save([y]);
    return y;
  },
  (dy, [y]) => [mul(dy, cast(greater(y, 0), "float32"))]
);
var halved = withGradient(
  ([x]) => add(x, 0),
  (dy) => [mul(dy, 0.5)]
);
var crossEntropy = withGradient(
  ([logits, target], save) => {
    const p = softmax(logits);
    save([p, target]);
    return neg(sum(mul(target, log(add(p, 1e-9)))));
  },
  (dy, [p, target]) => [mul(dy, sub(mul(p, sum(target, 1, true)), target)), zerosLike(target)]
);
var times = (x, factor) => withGradient(
  ([y]) => mul(y, scalar(factor)),
  (dy) => [mul(dy, factor)]
)(x);
var dense2 = (x, w, b2) => plusBias(linear(x, w), b2);
var layers = {
  represent: (p, x) => rectified(
    dense2(
      rectified(dense2(rectified(plusBias(linearOf(x, p.torso1), p.torso1Bias)), p.torso2, p.torso2Bias)),
      p.torso3,
      p.torso3Bias
    )
  ),
  /** `actions` are the first columns of the observation, where there is one. */
  policy: (p, hidden, actions) => {
    const logits = dense2(hidden, p.policy, p.policyBias);
    return actions === void 0 ? logits : plus(logits, linearOf(actions, p.skip));
  },
  value: (p, hidden) => dense2(hidden, p.value, p.valueBias),
  advance: (p, hidden, transition) => rectified(
    dense2(
      rectified(
        plus(dense2(hidden, p.dynamicsHidden, p.dynamicsBias), linearOf(transition, p.dynamicsAction))
      ),
      p.next,
      p.nextBias
    )
  ),
  reward: (p, hidden) => dense2(hidden, p.reward, p.rewardBias)
};
var VALUE_WEIGHT = 0.25;
async function startTraining() {
  await wasmBackend();
  env2().set("IS_TEST", false);
}
var tensorsOf = (parameters) => Object.fromEntries(PARAMETER_NAMES.map((name) => [name, tensor2d(parameters[name], SHAPES[name])]));
function gradientsOf(parameters, batch, out2) {
  const { size } = batch;
  const rows = (data, columns) => tensor2d(data, [size, columns]);
  const heads = new Float32Array(size * ACTION_FEATURES);
  for (let r2 = 0; r2 < size; r2++)
    heads.set(batch.observations.subarray(r2 * FEATURES, r2 * FEATURES + ACTION_FEATURES), r2 * ACTION_FEATURES);
  let losses = { total: 0, policy: 0, value: 0, reward: 0, unrolled: 0 };
  tidy(() => {
    const seen = { total: 0, policy: 0, value: 0, reward: 0, unrolled: 0 };
    const note = (name, loss2) => {
      seen[name] += loss2.dataSync()[0] / size;
      return loss2;
    };
    const loss = (...tensors2) => {
      const p = Object.fromEntries(PARAMETER_NAMES.map((name, k) => [name, tensors2[k]]));
      let hidden = layers.represent(p, rows(batch.observations, FEATURES));
      const logits = layers.policy(p, hidden, rows(heads, ACTION_FEATURES));
      let total = note("policy", crossEntropy(plus(logits, rows(batch.masks, ACTIONS)), rows(batch.policies, ACTIONS)));
      const values = note("value", crossEntropy(layers.value(p, hidden), rows(batch.values, BINS)));
      total = plus(total, times(values, VALUE_WEIGHT));
      for (const step of batch.unroll) {
        hidden = layers.advance(p, halved(hidden), rows(step.transitions, TRANSITION));
        const after = note("unrolled", crossEntropy(layers.policy(p, hidden), rows(step.policies, ACTIONS)));
        const value = crossEntropy(layers.value(p, hidden), rows(step.values, BINS));
        const reward = note("reward", crossEntropy(layers.reward(p, hidden), rows(step.rewards, BINS)));
        const weight = 1 / batch.unroll.length;
        total = plus(total, times(plus(after, times(plus(value, reward), VALUE_WEIGHT)), weight));
      }
      return times(note("total", total), 1 / size);
    };
    const tensors = tensorsOf(parameters);
    let at = 0;
    for (const gradient of grads(loss)(PARAMETER_NAMES.map((name) => tensors[name]))) {
      out2.set(gradient.dataSync(), at);
      at += gradient.size;
    }
    losses = seen;
  });
  return losses;
}

// src/runtime/training/synthetic.ts
var KIB = 1024;
function syntheticGame(seed) {
  const random = seededRandom(seed);
  const between = (low, high) => low * (high / low) ** random();
  const whole = (low, high) => Math.floor(low + random() * (high - low + 1));
  const count = whole(6, 60);
  const bandwidth = 6e11;
  const ratio = between(2, 8);
  const skips = random() * 0.5;
  const weighty = random();
  const base = between(16 * KIB, 4096 * KIB);
  const weightBase = base * between(0.1, 10);
  const intensity = between(0.1, 3);
  const values = [];
  const instructions = [];
  const add2 = (bytes) => values.push({ bytes: Math.ceil(bytes / 64) * 64, mustEndSlow: false }) - 1;
  const made = [add2(base)];
  let live = base;
  for (let i = 0; i < count; i++) {
    const reads = /* @__PURE__ */ new Set([made.at(-1)]);
    if (random() < skips) reads.add(made[Math.max(0, made.length - whole(2, 12))]);
    if (random() < weighty) reads.add(add2(weightBase * between(0.2, 5)));
    const accesses = [...reads].map((value) => ({
      value,
      kind: "read",
      readBytes: values[value].bytes,
      writeBytes: 0
    }));
    if (random() < 0.08) {
      const { value, readBytes } = accesses[0];
      accesses[0] = { value, kind: "update", readBytes, writeBytes: readBytes };
    }
    if (accesses[0].kind !== "update" || random() < 0.5) {
      const value = add2(base * between(0.25, 4));
      accesses.push({ value, kind: "write", readBytes: 0, writeBytes: values[value].bytes });
      made.push(value);
    }
    const bytes = accesses.reduce((sum2, access) => sum2 + access.readBytes + access.writeBytes, 0);
    live = Math.max(live, bytes);
    instructions.push({
      computeSeconds: bytes / bandwidth * intensity * between(0.2, 5),
      fixedSeconds: 0,
      scopedBytes: 0,
      accesses
    });
  }
  const last = made.at(-1);
  return {
    hardware: {
      fastBytes: Math.ceil(live * between(0.3, 6) / 64) * 64,
      alignment: 64,
      slowBytesPerSecond: bandwidth,
      fastReadBytesPerSecond: bandwidth * ratio,
      fastWriteBytesPerSecond: bandwidth * ratio,
      slowDirect: true
    },
    values: values.map((value, k) => k === last || random() < 0.03 ? { ...value, mustEndSlow: true } : value),
    instructions
  };
}

// src/solve/mapping/anneal.ts
var HEAT = 2e-3;
var COLD = 0.01;
function newAnneal(instance, state, moves, tables, game, seed) {
  const bias = new Float64Array(2 * instance.accesses);
  decode(state, moves, tables, game, void 0);
  const seconds = state.latency;
  const slow = allSlowSeconds(instance);
  return {
    game,
    tables,
    random: seededRandom(seed),
    bias,
    seconds,
    best: seconds,
    bestBias: bias,
    bestPlan: planOf(state),
    temperature: Math.max(0, slow - Math.min(seconds, slow)) * HEAT + slow * 1e-9,
    amplitude: slow / instance.steps * 0.5
  };
}
function annealOnce(run, state, moves, progress) {
  const { random, amplitude } = run;
  const temperature = run.temperature * COLD ** progress;
  const candidate = run.bias.slice();
  const changes2 = 1 + Math.floor(random() * 3);
  for (let k = 0; k < changes2; k++) {
    const at = Math.floor(random() * candidate.length);
    candidate[at] = random() < 0.3 ? 0 : (random() - 0.5) * 2 * amplitude * (random() < 0.3 ? 6 : 1);
  }
  decode(state, moves, run.tables, run.game, candidate);
  const seconds = state.latency;
  if (seconds > run.seconds && random() >= Math.exp((run.seconds - seconds) / temperature)) return false;
  run.bias = candidate;
  run.seconds = seconds;
  if (seconds >= run.best - 1e-12 * run.best) return false;
  run.best = seconds;
  run.bestBias = candidate;
  run.bestPlan = planOf(state);
  return true;
}

// src/solve/mapping/capacity.ts
var MAX_SUMS = 2048;
var MAX_SIZES = 24;
var MAX_WORK = 3e5;
var MAX_CUTS = 6;
var MAX_CLASSES = 32;
function roundingCuts(instance) {
  const { versions, footprint, largestRoom: room } = instance;
  const weights = /* @__PURE__ */ new Map();
  for (let v = 0; v < versions; v++) {
    const size = footprint[v];
    if (size > room || size * 24 < room) continue;
    const [first, last] = lifetime(instance, v);
    const worth = (instance.first[v + 1] - instance.first[v]) * Math.min(8, last - first + 1);
    weights.set(size, (weights.get(size) ?? 0) + size * worth);
  }
  const sizes = [...weights.keys()].sort((x, y) => weights.get(y) - weights.get(x) || x - y).slice(0, 40);
  const candidates = /* @__PURE__ */ new Set();
  for (const size of sizes) for (const parts of [1, 2, 3]) candidates.add(Math.floor(size / parts));
  for (let q = 2; q <= 8; q++) candidates.add(Math.floor(room / q) + 1);
  const usable = [...candidates].filter((unit) => unit > 0 && unit <= room && unit * 24 >= room).sort((x, y) => x - y);
  const taken = new Map(sizes.map((size) => [size, 1]));
  const share = (size, unit) => Math.floor(size / unit) * room / (Math.floor(room / unit) * size);
  const units = [];
  while (units.length < MAX_CUTS) {
    let most = 0;
    let chosen = 0;
    for (const unit of usable) {
      let gain = 0;
      for (const size of sizes) gain += weights.get(size) * Math.max(0, share(size, unit) - taken.get(size));
      if (gain > most * (1 + 1e-12)) {
        most = gain;
        chosen = unit;
      }
    }
    if (chosen === 0) break;
    units.push(chosen);
    for (const size of sizes) taken.set(size, Math.max(taken.get(size), share(size, chosen)));
  }
  const classes = [units.map(() => 0)];
  const known = /* @__PURE__ */ new Map([[classes[0].join(","), 0]]);
  const classOf = new Uint8Array(versions);
  const order = Array.from({ length: versions }, (_, v) => v).sort((x, y) => footprint[y] - footprint[x] || x - y);
  for (const v of order) {
    if (footprint[v] > room) continue;
    const vector = units.map((unit) => Math.floor(footprint[v] / unit));
    const key = vector.join(",");
    const seen = known.get(key);
    if (seen === void 0 && classes.length === MAX_CLASSES) continue;
    if (seen === void 0) {
      known.set(key, classes.length);
      classes.push(vector);
    }
    classOf[v] = known.get(key);
  }
  return { units, limits: units.map((unit) => Math.floor(room / unit)), classOf, classes };
}
function lifetime(instance, version) {
  const start = instance.list[instance.first[version]];
  const end = instance.list[instance.first[version + 1] - 1];
  return [
    instance.produced[version] === 1 ? instance.stepOf[start] : 0,
    instance.mustEndSlow[version] === 1 ? instance.steps - 1 : instance.stepOf[end]
  ];
}
function subsetSumCapacity(instance) {
  const { steps, versions, footprint, room, staged } = instance;
  const entering = Array.from({ length: steps }, () => []);
  const leaving = Array.from({ length: steps }, () => []);
  for (let v = 0; v < versions; v++) {
    const [first, last] = lifetime(instance, v);
    entering[first].push(footprint[v]);
    leaving[last].push(footprint[v]);
  }
  const live = /* @__PURE__ */ new Map();
  const capacity = new Float64Array(steps);
  const work = { left: MAX_WORK };
  let changed = true;
  for (let t2 = 0; t2 < steps; t2++) {
    for (const size of entering[t2]) {
      live.set(size, (live.get(size) ?? 0) + 1);
      changed = true;
    }
    capacity[t2] = !changed && t2 > 0 && room[t2] === room[t2 - 1] ? capacity[t2 - 1] : largestSum(live, room[t2], work);
    if (staged[t2] > 0) capacity[t2] = room[t2];
    changed = leaving[t2].length > 0;
    for (const size of leaving[t2]) {
      const count = live.get(size) - 1;
      if (count === 0) live.delete(size);
      else live.set(size, count);
    }
  }
  return capacity;
}
function largestSum(sizes, room, work) {
  let total = 0;
  for (const [size, count] of sizes) if (size <= room) total += size * count;
  if (total <= room) return total;
  if (sizes.size > MAX_SIZES || work.left <= 0) return room;
  let sums = /* @__PURE__ */ new Set([0]);
  for (const [size, count] of [...sizes].sort((x, y) => y[0] - x[0])) {
    if (size > room) continue;
    const grown = new Set(sums);
    for (const sum2 of sums) {
      for (let k = 1; k <= count && sum2 + k * size <= room; k++) grown.add(sum2 + k * size);
      if (grown.size > MAX_SUMS) return room;
    }
    sums = grown;
    work.left -= grown.size;
    if (sums.has(room)) return room;
  }
  let best = 0;
  for (const sum2 of sums) best = Math.max(best, sum2);
  return best;
}

// src/solve/mapping/bound.ts
var newPrices = (steps, cuts) => ({
  lambda: new Float64Array(steps),
  kappa: Array.from({ length: cuts }, () => new Float64Array(steps)),
  beta: new Float64Array(steps),
  mu: new Float64Array(steps),
  nu: new Float64Array(steps)
});
function copyPrices(from, to) {
  to.lambda.set(from.lambda);
  to.beta.set(from.beta);
  to.mu.set(from.mu);
  to.nu.set(from.nu);
  from.kappa.forEach((list, r2) => to.kappa[r2].set(list));
}
function newAscent(instance) {
  const { steps } = instance;
  const cuts = roundingCuts(instance);
  const count = cuts.units.length;
  const lists = 4 + count;
  const ascent = {
    instance,
    capacity: subsetSumCapacity(instance),
    cuts,
    now: newPrices(steps, count),
    best: newPrices(steps, count),
    seconds: -Infinity,
    iterations: 0,
    logits: [0, 1, 2].map(() => new Float64Array(steps)),
    momentum: Array.from({ length: lists }, () => new Float64Array(steps)),
    variance: Array.from({ length: lists }, () => new Float64Array(steps)),
    work: {
      prefix: new Float64Array(steps + 1),
      classPrefix: cuts.classes.map(() => new Float64Array(steps + 1)),
      gradLambda: new Float64Array(steps + 1),
      gradKappa: Array.from({ length: count }, () => new Float64Array(steps + 1)),
      gradBeta: new Float64Array(steps),
      gradMu: new Float64Array(steps),
      copyKey: new Float64Array(steps),
      storeKey: new Float64Array(steps),
      copyTable: newMinTable(steps),
      storeTable: newMinTable(steps),
      copyAt: new Int32Array(instance.accesses),
      storeAt: new Int32Array(instance.accesses + 1),
      how: new Uint8Array(3 * instance.accesses)
    }
  };
  begin(ascent);
  return ascent;
}
var FIRST_SHARES = [0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99];
function begin(ascent) {
  const { instance, logits, now } = ascent;
  const slow = new Float64Array(instance.steps);
  for (let a = 0; a < instance.accesses; a++) slow[instance.stepOf[a]] += instance.slowBytes[a];
  const set = (share) => {
    for (let t2 = 0; t2 < instance.steps; t2++) {
      const memory = instance.base[t2] + slow[t2] / instance.bandwidth;
      const ratio = Math.max(-3, Math.min(3, Math.log((memory + 1e-300) / (instance.compute[t2] + 1e-300))));
      const tilt = 1 / (1 + Math.exp(-2 * ratio));
      logits[0][t2] = Math.log(share);
      logits[1][t2] = Math.log((1 - share) * tilt);
      logits[2][t2] = Math.log((1 - share) * (1 - tilt));
    }
    mixShares(ascent);
  };
  let best = FIRST_SHARES[0];
  let most = -Infinity;
  for (const share of FIRST_SHARES) {
    set(share);
    const value = evaluate(ascent);
    if (value > ascent.seconds) {
      ascent.seconds = value;
      copyPrices(now, ascent.best);
    }
    if (value > most) {
      most = value;
      best = share;
    }
  }
  set(best);
}
function mixShares({ instance, now, logits }) {
  const { beta, mu, nu } = now;
  for (let t2 = 0; t2 < instance.steps; t2++) {
    const x = logits[0][t2];
    const y = logits[1][t2];
    const z2 = logits[2][t2];
    const top = Math.max(x, y, z2);
    const ex = Math.exp(x - top);
    const ey = Math.exp(y - top);
    const ez = Math.exp(z2 - top);
    const sum2 = ex + ey + ez;
    beta[t2] = ex / sum2;
    mu[t2] = ey / sum2;
    nu[t2] = ez / sum2;
  }
}
var ABSENT = 0;
var CLEAN = 1;
var DIRTY = 2;
var STORED = 4;
var COPIED = 8;
var KEPT = 16;
function evaluate(ascent) {
  const { instance, capacity, cuts, now, work } = ascent;
  const { classes, limits } = cuts;
  const { steps, bandwidth, bytes, first, list, stepOf, kind, slowBytes, fastSeconds, compute, base } = instance;
  const { lambda, kappa, beta, mu, nu } = now;
  const { prefix, classPrefix, gradLambda, gradKappa, gradBeta, gradMu, copyKey, storeKey, copyAt, storeAt, how } = work;
  const staging = !instance.problem.hardware.slowDirect;
  let value = 0;
  gradBeta.fill(0);
  gradLambda.fill(0);
  for (const list2 of gradKappa) list2.fill(0);
  for (let t2 = 0; t2 < steps; t2++) {
    prefix[t2 + 1] = prefix[t2] + lambda[t2];
    value += nu[t2] * compute[t2] + mu[t2] * base[t2] - lambda[t2] * capacity[t2];
    gradMu[t2] = base[t2];
    copyKey[t2] = beta[t2] / bandwidth - prefix[t2];
    storeKey[t2] = beta[t2] / bandwidth + prefix[t2 + 1];
    for (let r2 = 0; r2 < limits.length; r2++) value -= limits[r2] * kappa[r2][t2];
  }
  for (let c = 1; c < classes.length; c++) {
    const own = classPrefix[c];
    const vector = classes[c];
    own.fill(0);
    for (let r2 = 0; r2 < vector.length; r2++) {
      const weight = vector[r2];
      if (weight === 0) continue;
      const price = kappa[r2];
      for (let t2 = 0; t2 < steps; t2++) own[t2 + 1] += weight * price[t2];
    }
    for (let t2 = 0; t2 < steps; t2++) own[t2 + 1] += own[t2];
  }
  fillMinTable(work.copyTable, copyKey);
  fillMinTable(work.storeTable, storeKey);
  for (let v = 0; v < instance.versions; v++) {
    const begin2 = first[v];
    const end = first[v + 1];
    const size = bytes[v];
    if (instance.footprint[v] > instance.largestRoom) {
      for (let k = begin2; k < end; k++) {
        const a = list[k];
        const t2 = stepOf[a];
        const time = slowBytes[a] / bandwidth;
        value += time * (mu[t2] + beta[t2]);
        gradMu[t2] += time;
        gradBeta[t2] += time;
      }
      continue;
    }
    const cls = cuts.classOf[v];
    const own = classPrefix[cls];
    let absent = Infinity;
    let clean = Infinity;
    let dirty = Infinity;
    let before = -1;
    for (let k = begin2; k < end; k++) {
      const a = list[k];
      const t2 = stepOf[a];
      const stageCost = staging ? size * lambda[t2] + own[t2 + 1] - own[t2] : 0;
      const slow = slowBytes[a] / bandwidth * (mu[t2] + beta[t2]) + stageCost;
      const fast = fastSeconds[a] * mu[t2];
      if (k === begin2 && instance.produced[v] === 1) {
        absent = slow;
        dirty = fast + size * lambda[t2] + own[t2 + 1] - own[t2];
        how[3 * a + ABSENT] = 0;
        how[3 * a + DIRTY] = KEPT;
        before = t2;
        continue;
      }
      let copy = Infinity;
      if (t2 - 1 > before) {
        let at = leastOf(work.copyTable, copyKey, before + 1, t2);
        copy = size * (copyKey[at] + prefix[t2 + 1]) + own[t2 + 1] - own[at];
        if (own[t2 + 1] > own[at]) {
          copy = Infinity;
          for (let s = t2 - 1; s > before; s--) {
            const hold2 = size * (prefix[t2 + 1] - prefix[s]) + own[t2 + 1] - own[s];
            if (hold2 >= copy) break;
            const cost = hold2 + size / bandwidth * beta[s];
            if (cost < copy) {
              copy = cost;
              at = s;
            }
          }
        }
        copyAt[a] = at;
      }
      if (k === begin2) {
        absent = slow;
        how[3 * a + ABSENT] = ABSENT;
        if (kind[a] === UPDATE) {
          dirty = copy + fast;
          how[3 * a + DIRTY] = ABSENT | COPIED;
        } else {
          clean = copy + fast;
          how[3 * a + CLEAN] = ABSENT | COPIED;
        }
        before = t2;
        continue;
      }
      const keep = size * (prefix[t2 + 1] - prefix[before + 1]) + own[t2 + 1] - own[before + 1];
      const store = dirty < Infinity ? storeCost(ascent, size, own, before, t2, a) : Infinity;
      let best = absent;
      let reached = ABSENT;
      if (clean < best) {
        best = clean;
        reached = CLEAN;
      }
      if (dirty + store < best) {
        best = dirty + store;
        reached = DIRTY | STORED;
      }
      how[3 * a + ABSENT] = reached;
      let resident = best + copy + fast;
      let residentHow = reached | COPIED;
      if (clean + keep + fast < resident) {
        resident = clean + keep + fast;
        residentHow = CLEAN | KEPT;
      }
      let still = dirty + keep + fast;
      let stillHow = DIRTY | KEPT;
      absent = best + slow;
      if (kind[a] === UPDATE) {
        if (resident < still) {
          still = resident;
          stillHow = residentHow;
        }
        clean = Infinity;
      } else {
        clean = resident;
        how[3 * a + CLEAN] = residentHow;
      }
      dirty = still;
      how[3 * a + DIRTY] = stillHow;
      before = t2;
    }
    let tail = 0;
    const mustStore = instance.mustEndSlow[v] === 1;
    if (mustStore && dirty < Infinity) tail = storeCost(ascent, size, own, before, steps, instance.accesses);
    let state = ABSENT;
    let total = absent;
    if (clean < total) {
      total = clean;
      state = CLEAN;
    }
    if (dirty + tail < total) {
      total = dirty + tail;
      state = DIRTY;
    }
    value += total;
    const perByte = size / bandwidth;
    const vector = classes[cls];
    const hold = (from, to) => {
      gradLambda[from] += size;
      gradLambda[to] -= size;
      if (cls === 0) return;
      for (let r2 = 0; r2 < vector.length; r2++) {
        gradKappa[r2][from] += vector[r2];
        gradKappa[r2][to] -= vector[r2];
      }
    };
    if (state === DIRTY && mustStore) {
      const at = storeAt[instance.accesses];
      hold(before + 1, at + 1);
      gradBeta[at] += perByte;
    }
    for (let k = end - 1; k >= begin2; k--) {
      const a = list[k];
      const t2 = stepOf[a];
      const gap = k === begin2 ? -1 : stepOf[list[k - 1]];
      const reached = how[3 * a + state];
      if (state === ABSENT) {
        const time = slowBytes[a] / bandwidth;
        gradMu[t2] += time;
        gradBeta[t2] += time;
        if (staging) hold(t2, t2 + 1);
      } else {
        gradMu[t2] += fastSeconds[a];
        if ((reached & COPIED) !== 0) {
          gradBeta[copyAt[a]] += perByte;
          hold(copyAt[a], t2 + 1);
        } else hold(k === begin2 ? t2 : gap + 1, t2 + 1);
      }
      if ((reached & STORED) !== 0) {
        gradBeta[storeAt[a]] += perByte;
        hold(gap + 1, storeAt[a] + 1);
      }
      state = reached & 3;
    }
  }
  return value;
}
function storeCost({ instance, now, work }, size, own, before, limit, slot) {
  if (limit <= before + 1) return Infinity;
  const { prefix, storeKey, storeAt } = work;
  const at = leastOf(work.storeTable, storeKey, before + 1, limit);
  const othersBytes = own[at + 1] - own[before + 1];
  if (othersBytes === 0) {
    storeAt[slot] = at;
    return size * (storeKey[at] - prefix[before + 1]);
  }
  let best = Infinity;
  for (let s = before + 1; s < limit; s++) {
    const hold = size * (prefix[s + 1] - prefix[before + 1]) + own[s + 1] - own[before + 1];
    if (hold >= best) break;
    const cost = hold + size / instance.bandwidth * now.beta[s];
    if (cost < best) {
      best = cost;
      storeAt[slot] = s;
    }
  }
  return best;
}
var DECAY_MOMENTUM = 0.9;
var DECAY_VARIANCE = 0.99;
var MAX_LOGIT = 14;
function ascend(ascent, iterations, { rate, lastRate }) {
  const { instance, now, best, logits, momentum, variance, work, capacity } = ascent;
  const { steps, bandwidth } = instance;
  const capacityScale = Math.max(1, instance.largestRoom);
  const lambdaScale = 0.25 / bandwidth;
  const timeScale = allSlowSeconds(instance) / steps || 1;
  const { lambda, kappa, beta, mu, nu } = now;
  const { limits } = ascent.cuts;
  const counts = new Float64Array(limits.length);
  for (let k = 0; k < iterations; k++) {
    mixShares(ascent);
    const value = evaluate(ascent);
    if (value > ascent.seconds) {
      ascent.seconds = value;
      copyPrices(now, best);
    }
    ascent.iterations++;
    const eta = rate * (lastRate / rate) ** (k / Math.max(1, iterations - 1));
    const c1 = 1 - DECAY_MOMENTUM ** ascent.iterations;
    const c2 = 1 - DECAY_VARIANCE ** ascent.iterations;
    const adam = (list, t2, gradient, floor) => {
      const m = momentum[list][t2] = DECAY_MOMENTUM * momentum[list][t2] + (1 - DECAY_MOMENTUM) * gradient;
      const s = variance[list][t2] = DECAY_VARIANCE * variance[list][t2] + (1 - DECAY_VARIANCE) * gradient * gradient;
      return m / c1 / (Math.sqrt(s / c2) + floor);
    };
    let bytes = 0;
    counts.fill(0);
    for (let t2 = 0; t2 < steps; t2++) {
      bytes += work.gradLambda[t2];
      const step = adam(0, t2, (bytes - capacity[t2]) / capacityScale, 1e-3);
      lambda[t2] = Math.max(0, lambda[t2] + eta * lambdaScale * step);
      for (let r2 = 0; r2 < limits.length; r2++) {
        counts[r2] += work.gradKappa[r2][t2];
        const up = adam(4 + r2, t2, (counts[r2] - limits[r2]) / limits[r2], 1e-3);
        kappa[r2][t2] = Math.max(0, kappa[r2][t2] + eta * timeScale * 0.3 * up / limits[r2]);
      }
      const gb = work.gradBeta[t2];
      const gm = work.gradMu[t2];
      const gn = instance.compute[t2];
      const mean = beta[t2] * gb + mu[t2] * gm + nu[t2] * gn;
      const shift = (list, weight, gradient) => {
        const up = adam(1 + list, t2, weight * (gradient - mean) / timeScale, 1e-4);
        logits[list][t2] = Math.max(-MAX_LOGIT, Math.min(MAX_LOGIT, logits[list][t2] + eta * 3 * up));
      };
      shift(0, beta[t2], gb);
      shift(1, mu[t2], gm);
      shift(2, nu[t2], gn);
    }
  }
}
var certificate = ({ seconds, best, cuts }) => ({
  seconds,
  lambda: [...best.lambda],
  units: cuts.units,
  kappa: best.kappa.map((list) => [...list]),
  beta: [...best.beta],
  mu: [...best.mu]
});

// src/solve/mapping/check.ts
function checkMapping(instance, plan) {
  const faults = [];
  if (plan.fast.length !== instance.accesses) return [`${plan.fast.length} accesses, not ${instance.accesses}`];
  for (const { value, from, to } of plan.ranges)
    if (!(value >= 0 && value < instance.versions && from >= 0 && from < to && to <= instance.steps))
      faults.push(`range [${from},${to}) of version ${value} makes no sense`);
  for (const { value, release, deadline } of plan.copies)
    if (!(value >= 0 && value < instance.versions && release >= 0 && release < deadline && deadline <= instance.steps))
      faults.push(`copy [${release},${deadline}) of version ${value} makes no sense`);
  if (faults.length > 0) return faults;
  checkAddresses(instance, plan, faults);
  const ranges = byVersion(instance, plan.ranges);
  const copies = byVersion(instance, plan.copies);
  for (let v = 0; v < instance.versions; v++) checkVersion(instance, plan, v, ranges[v], copies[v], faults);
  return faults;
}
function byVersion(instance, items) {
  const lists = Array.from({ length: instance.versions }, () => []);
  for (const item of items) lists[item.value].push(item);
  return lists;
}
function checkAddresses(instance, plan, faults) {
  const { alignment } = instance.problem.hardware;
  const ceiling = instance.room.slice();
  if (!instance.problem.hardware.slowDirect) {
    for (let a = 0; a < instance.accesses; a++)
      if (!plan.fast[a]) ceiling[instance.stepOf[a]] -= instance.footprint[instance.versionOf[a]];
  }
  const events = plan.ranges.map((range, k) => ({ k, range })).sort((x, y) => x.range.from - y.range.from || x.k - y.k);
  const starting = Array.from({ length: instance.steps }, () => []);
  for (const { range } of events) {
    if (range.offset < 0 || range.offset % alignment !== 0)
      faults.push(`offset ${range.offset} of version ${range.value}`);
    starting[range.from].push(range);
  }
  let live = [];
  for (let t2 = 0; t2 < instance.steps; t2++) {
    if (starting[t2].length > 0)
      live = [...live.filter((range) => range.to > t2), ...starting[t2]].sort((x, y) => x.offset - y.offset);
    let end = 0;
    for (const range of live) {
      if (range.to <= t2) continue;
      if (range.offset < end) faults.push(`version ${range.value} overlaps at step ${t2}`);
      end = Math.max(end, range.offset + instance.footprint[range.value]);
    }
    if (end > ceiling[t2]) faults.push(`step ${t2} has ranges up to ${end} of ${ceiling[t2]}`);
  }
}
function checkVersion(instance, plan, v, ranges, copies, faults) {
  const fault = (message) => void faults.push(`version ${v}: ${message}`);
  let slowSince = instance.produced[v] === 1 ? Infinity : 0;
  let home;
  let homeSince = Infinity;
  let settled = 0;
  const todo = [...copies].sort((x, y) => x.release - y.release || x.deadline - y.deadline);
  const used = /* @__PURE__ */ new Set();
  const arrive = (copy) => {
    if (copy.direction === "in") {
      if (copy.release < slowSince) fault(`a copy in at ${copy.release} has no source`);
      home = ranges.find((range) => range.from <= copy.release && copy.deadline < range.to);
      homeSince = copy.deadline;
      if (home === void 0) fault(`a copy in at ${copy.release} has no destination`);
      else if (used.has(home)) fault(`two contents in the range at ${home.from}`);
      else used.add(home);
    } else {
      if (home === void 0 || copy.release < homeSince || copy.release < settled || copy.deadline > home.to)
        fault(`a store at ${copy.release} has no source`);
      slowSince = Math.min(slowSince, copy.deadline);
    }
  };
  for (let k = instance.first[v]; k < instance.first[v + 1]; k++) {
    const access = instance.list[k];
    const t2 = instance.stepOf[access];
    while (todo.length > 0 && todo[0].release < t2) {
      const copy = todo.shift();
      if (copy.deadline > t2) fault(`a copy spans the access at step ${t2}`);
      arrive(copy);
    }
    const kind = instance.kind[access];
    if (plan.fast[access]) {
      if (kind === WRITE) {
        home = ranges.find((range) => range.from <= t2 && t2 < range.to);
        if (home !== void 0) used.add(home);
        homeSince = t2;
      }
      if (home === void 0 || t2 < homeSince || t2 < home.from || t2 >= home.to)
        fault(`not in fast memory at step ${t2}`);
      if (kind !== 0) slowSince = Infinity;
      if (kind !== 0) settled = t2 + 1;
    } else {
      if (kind !== WRITE && slowSince > t2) fault(`not in slow memory at step ${t2}`);
      if (kind === WRITE || kind === UPDATE) {
        slowSince = t2 + 1;
        home = void 0;
      }
    }
  }
  for (const copy of todo) arrive(copy);
  if (instance.mustEndSlow[v] === 1 && slowSince > instance.steps) fault("does not end in slow memory");
  for (const range of ranges) if (!used.has(range)) fault(`the range at ${range.from} holds nothing`);
}

// src/solve/mapping/simulate.ts
var DUST2 = 1e-9;
function simulate(instance, plan, onFlow) {
  const { steps, bandwidth, bytes } = instance;
  const slow = new Float64Array(steps);
  const fast = new Float64Array(steps);
  for (let a = 0; a < instance.accesses; a++) {
    const t2 = instance.stepOf[a];
    if (plan.fast[a]) fast[t2] += instance.fastSeconds[a];
    else slow[t2] += instance.slowBytes[a];
  }
  const { copies } = plan;
  const byRelease = copies.map((_, k) => k).sort((x, y) => copies[x].release - copies[y].release || x - y);
  const left = Float64Array.from(copies, (copy) => bytes[copy.value]);
  const queue = [];
  const before = (x, y) => copies[x].deadline < copies[y].deadline || copies[x].deadline === copies[y].deadline && x < y;
  const stepSeconds = new Float64Array(steps);
  let released = 0;
  let seconds = 0;
  let stallSeconds = 0;
  let copiedBytes = 0;
  for (let t2 = 0; t2 < steps; t2++) {
    for (; released < byRelease.length && copies[byRelease[released]].release <= t2; released++) {
      push(queue, byRelease[released], before);
      copiedBytes += bytes[copies[byRelease[released]].value];
    }
    const time = stepTime(instance, t2, slow[t2], fast[t2]);
    let idle = time * bandwidth - slow[t2];
    while (idle > 0 && queue.length > 0) {
      const copy = queue[0];
      const moved = Math.min(idle, left[copy]);
      left[copy] -= moved;
      idle -= moved;
      onFlow?.(copy, t2, moved);
      if (left[copy] > DUST2 * bytes[copies[copy].value]) break;
      pop(queue, before);
    }
    let stall = 0;
    while (queue.length > 0 && copies[queue[0]].deadline <= t2 + 1) {
      const copy = pop(queue, before);
      stall += left[copy] / bandwidth;
      onFlow?.(copy, t2, left[copy]);
    }
    stepSeconds[t2] = time + stall;
    seconds += time;
    stallSeconds += stall;
  }
  return { seconds: seconds + stallSeconds, stallSeconds, stepSeconds, copiedBytes };
}
function push(heap, item, before) {
  let at = heap.length;
  heap.push(item);
  while (at > 0) {
    const parent = at - 1 >> 1;
    if (!before(item, heap[parent])) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = item;
}
function pop(heap, before) {
  const top = heap[0];
  const item = heap.pop();
  if (heap.length === 0) return top;
  let at = 0;
  for (; ; ) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
    if (!before(heap[child], item)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = item;
  return top;
}

// src/solve/mapping/exact.ts
var MAX_WAYS = 4e3;
var MAX_NODES = 2e5;
var MAX_PACKING = 2e4;
function exactSearch(instance, tables, prices, lower, upper, stop) {
  const margin = 1e-9 * upper;
  const versions = [];
  for (let v = 0; v < instance.versions; v++) {
    const ways = waysOf(instance, tables, prices, v, upper - lower + margin);
    if (ways === void 0) return { plan: void 0, complete: false, nodes: 0 };
    versions.push({ version: v, ways });
  }
  versions.sort((x, y) => y.ways.length - x.ways.length || x.version - y.version);
  const { steps } = instance;
  const taken = new Float64Array(steps);
  for (let t2 = 0; t2 < steps; t2++) taken[t2] = instance.staged[t2];
  const chosen = [];
  let best = upper;
  let plan;
  let nodes = 0;
  let cut = false;
  const occupy = (version, way, sign) => {
    const size = sign * instance.footprint[version];
    for (const [from, to] of way.holds) for (let t2 = from; t2 < to; t2++) taken[t2] += size;
    if (instance.problem.hardware.slowDirect) return;
    way.fast.forEach((fast, k) => {
      if (fast) taken[instance.stepOf[instance.list[instance.first[version] + k]]] -= size;
    });
  };
  const fits = () => {
    for (let t2 = 0; t2 < steps; t2++) if (taken[t2] > instance.room[t2]) return false;
    return true;
  };
  const leaf = () => {
    const fast = Array.from({ length: instance.accesses }, () => false);
    const copies = [];
    const holds = [];
    chosen.forEach((way, d) => {
      const { version } = versions[d];
      way.fast.forEach((bit, k) => fast[instance.list[instance.first[version] + k]] = bit);
      copies.push(...way.copies);
      for (const [from, to] of way.holds) holds.push({ value: version, from, to });
    });
    const { seconds } = simulate(instance, { fast, ranges: [], copies });
    if (seconds >= best - margin) return;
    const packed = pack(instance, fast, holds);
    if (packed === "unknown") cut = true;
    else if (packed !== void 0) {
      best = seconds;
      plan = { fast, ranges: packed, copies };
    }
  };
  const descend = (depth, slack) => {
    if (cut) return;
    if (depth === versions.length) {
      leaf();
      return;
    }
    const { version, ways } = versions[depth];
    for (const way of ways) {
      if (slack + way.slack > best - lower - margin) break;
      if (++nodes > MAX_NODES || nodes % 1024 === 0 && stop()) {
        cut = true;
        return;
      }
      occupy(version, way, 1);
      if (fits()) {
        chosen.push(way);
        descend(depth + 1, slack + way.slack);
        chosen.pop();
      }
      occupy(version, way, -1);
      if (cut) return;
    }
  };
  descend(0, 0);
  return { plan, complete: !cut, nodes };
}
function waysOf(instance, tables, prices, v, most) {
  const { steps, bandwidth, stepOf, kind, slowBytes, fastSeconds } = instance;
  const { beta, mu } = prices;
  const accesses = instance.list.subarray(instance.first[v], instance.first[v + 1]);
  const size = instance.bytes[v];
  const fits = instance.footprint[v] <= instance.largestRoom;
  const mustStore = instance.mustEndSlow[v] === 1;
  const found = [];
  const flow = (release, deadline) => {
    let least2 = Infinity;
    for (let t2 = release; t2 < deadline; t2++) least2 = Math.min(least2, beta[t2]);
    return size / bandwidth * least2;
  };
  const hold = (from, to) => to > from ? holdCost(tables, size, v, from, to - 1) : 0;
  let ways = 0;
  let least = Infinity;
  let overflow = false;
  const fast = [];
  const holds = [];
  const copies = [];
  const toGo = (k, where) => {
    const a = accesses[k];
    const away = tables.absent[a];
    if (where === "absent") return away;
    if (where === "clean") return Math.min(away, tables.keepClean[a]);
    return Math.min(away + tables.store[a], tables.keepDirty[a]);
  };
  const walk = (k, where, cost, since, slowAt) => {
    if (overflow) return;
    if (cost + toGo(k, where) > limit()) return;
    const t2 = stepOf[accesses[k]];
    if (k === accesses.length - 1) {
      const end = (total) => {
        if (total > limit()) return;
        least = Math.min(least, total);
        found.push({ cost: total, way: { fast: [...fast], holds: [...holds], copies: [...copies] } });
        if (++ways > MAX_WAYS) overflow = true;
      };
      if (where === "absent") end(cost);
      else if (where === "clean" || !mustStore) {
        holds.push([since, t2 + 1]);
        end(cost);
        holds.pop();
      } else {
        for (let e = t2 + 2; e <= steps; e++) {
          holds.push([since, e]);
          copies.push({ value: v, direction: "out", release: t2 + 1, deadline: e });
          end(cost + hold(t2 + 1, e) + flow(t2 + 1, e));
          copies.pop();
          holds.pop();
        }
      }
      return;
    }
    const b2 = accesses[k + 1];
    const u = stepOf[b2];
    const update = kind[b2] === UPDATE;
    const slow = slowBytes[b2] / bandwidth * (mu[u] + beta[u]) + stagingCost(instance, tables, v, u);
    const quick = fastSeconds[b2] * mu[u];
    const after = update || where === "dirty" ? "dirty" : "clean";
    const away = (paid, ready2) => {
      if (ready2 <= u) {
        fast.push(false);
        walk(k + 1, "absent", paid + slow, -1, update ? u + 1 : ready2);
        fast.pop();
      }
      if (!fits) return;
      fast.push(true);
      for (let s = u - 1; s >= Math.max(t2 + 1, ready2); s--) {
        copies.push({ value: v, direction: "in", release: s, deadline: u });
        walk(k + 1, update ? "dirty" : "clean", paid + hold(s, u + 1) + flow(s, u) + quick, s, ready2);
        copies.pop();
      }
      fast.pop();
    };
    if (where === "absent") away(cost, slowAt);
    else {
      fast.push(true);
      walk(k + 1, after, cost + hold(t2 + 1, u + 1) + quick, since, slowAt);
      fast.pop();
      if (where === "clean") {
        holds.push([since, t2 + 1]);
        away(cost, slowAt);
        holds.pop();
      } else {
        for (let e = t2 + 2; e <= u; e++) {
          holds.push([since, e]);
          copies.push({ value: v, direction: "out", release: t2 + 1, deadline: e });
          away(cost + hold(t2 + 1, e) + flow(t2 + 1, e), e);
          copies.pop();
          holds.pop();
        }
      }
    }
  };
  let target = Infinity;
  const limit = () => target;
  const run = () => {
    found.length = 0;
    ways = 0;
    overflow = false;
    const a = accesses[0];
    const t2 = stepOf[a];
    const slow = slowBytes[a] / bandwidth * (mu[t2] + beta[t2]) + stagingCost(instance, tables, v, t2);
    const quick = fastSeconds[a] * mu[t2];
    if (kind[a] === WRITE) {
      fast.push(false);
      walk(0, "absent", slow, -1, t2 + 1);
      fast.pop();
      if (fits) {
        fast.push(true);
        walk(0, "dirty", quick + hold(t2, t2 + 1), t2, Infinity);
        fast.pop();
      }
      return;
    }
    fast.push(false);
    walk(0, "absent", slow, -1, kind[a] === UPDATE ? t2 + 1 : 0);
    fast.pop();
    if (!fits) return;
    fast.push(true);
    for (let s = t2 - 1; s >= 0; s--) {
      copies.push({ value: v, direction: "in", release: s, deadline: t2 });
      walk(0, kind[a] === UPDATE ? "dirty" : "clean", hold(s, t2 + 1) + flow(s, t2) + quick, s, 0);
      copies.pop();
    }
    fast.pop();
  };
  target = cheapest(instance, tables, prices, v) + most;
  run();
  if (overflow) return void 0;
  const zero = cheapest(instance, tables, prices, v);
  return found.map(({ cost, way }) => ({ ...way, slack: Math.max(0, cost - zero) })).sort((x, y) => x.slack - y.slack);
}
function cheapest(instance, tables, prices, v) {
  const a = instance.list[instance.first[v]];
  const t2 = instance.stepOf[a];
  const { beta, mu } = prices;
  const size = instance.bytes[v];
  const fits = instance.footprint[v] <= instance.largestRoom;
  const slow = instance.slowBytes[a] / instance.bandwidth * (mu[t2] + beta[t2]) + stagingCost(instance, tables, v, t2) + tables.absent[a];
  if (!fits) return slow;
  const dirty = Math.min(tables.absent[a] + tables.store[a], tables.keepDirty[a]);
  const quick = instance.fastSeconds[a] * mu[t2];
  if (instance.kind[a] === WRITE) return Math.min(slow, quick + holdCost(tables, size, v, t2, t2) + dirty);
  const clean = Math.min(tables.absent[a], tables.keepClean[a]);
  let best = slow;
  for (let s = 0; s < t2; s++) {
    const copy = holdCost(tables, size, v, s, t2) + size / instance.bandwidth * beta[s];
    best = Math.min(best, copy + quick + (instance.kind[a] === UPDATE ? dirty : clean));
  }
  return best;
}
function pack(instance, fast, holds) {
  const ceiling = instance.room.slice();
  if (!instance.problem.hardware.slowDirect)
    fast.forEach((bit, a) => {
      if (!bit) ceiling[instance.stepOf[a]] -= instance.footprint[instance.versionOf[a]];
    });
  const order = [...holds].sort((x, y) => x.from - y.from || y.to - y.from - (x.to - x.from) || x.value - y.value);
  const placed = [];
  let tries = 0;
  const place2 = (k) => {
    if (k === order.length) return true;
    const { value, from, to } = order[k];
    const size = instance.footprint[value];
    let top = Infinity;
    for (let t2 = from; t2 < to; t2++) top = Math.min(top, ceiling[t2]);
    const near = placed.filter((range) => range.from < to && from < range.to);
    const candidates = /* @__PURE__ */ new Set([0, top - size]);
    for (const range of near) {
      candidates.add(range.offset + instance.footprint[range.value]);
      candidates.add(range.offset - size);
    }
    for (const offset of [...candidates].sort((x, y) => x - y)) {
      if (offset < 0 || offset + size > top || ++tries > MAX_PACKING) continue;
      const clash = near.some(
        (range) => range.offset < offset + size && offset < range.offset + instance.footprint[range.value]
      );
      if (clash) continue;
      placed.push({ value, offset, from, to });
      if (place2(k + 1)) return true;
      placed.pop();
    }
    return false;
  };
  if (place2(0)) return placed;
  return tries > MAX_PACKING ? "unknown" : void 0;
}

// src/solve/mapping/mcts.ts
var EXPLORATION = 0.3;
var NOISE = 0.3;
function pricePrior(scale) {
  return (state, moves, tables) => {
    const costs = moves.map((move) => moveCost(state, move, tables, "extended"));
    const least = Math.min(...costs);
    const weights = costs.map((cost) => Math.exp((least - cost) / scale));
    const sum2 = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum2);
  };
}
function mctsSearch(instance, tables, params) {
  const { accesses } = instance;
  const slow = allSlowSeconds(instance);
  const scale = slow / instance.steps || 1;
  const prior = params.prior ?? pricePrior(0.15 * scale);
  const random = seededRandom(params.seed + 7);
  const state = newState(instance);
  const moves = [];
  let best = Infinity;
  let plan;
  const prefix = [];
  const newNode = (count) => ({
    prior: prior(state, moves.slice(0, count), tables),
    visits: Array.from({ length: count }, () => 0),
    sums: Array.from({ length: count }, () => 0),
    bests: Array.from({ length: count }, () => Infinity),
    children: Array.from({ length: count }, () => void 0),
    total: 0,
    best: Infinity
  });
  const choose = (node) => {
    const low = Math.min(params.bound, best);
    const width = Math.max(slow - low, 1e-300);
    let chosen = 0;
    let most = -Infinity;
    for (let k = 0; k < node.prior.length; k++) {
      const seen = node.visits[k];
      const value = seen > 0 ? 0.5 * (node.bests[k] + node.sums[k] / seen) : node.best < Infinity ? node.best : slow;
      const score = (slow - value) / width + EXPLORATION * node.prior[k] * Math.sqrt(node.total + 1) / (1 + seen);
      if (score > most) {
        most = score;
        chosen = k;
      }
    }
    return chosen;
  };
  const bias = new Float64Array(2 * accesses);
  let root;
  for (let done = 0; done < params.simulations && !params.shouldStop(); done++) {
    resetState(state);
    for (const k of prefix) {
      extendedMoves(state, moves);
      playExtended(state, moves[k]);
    }
    let count = isDone(state) ? 0 : extendedMoves(state, moves);
    while (count === 1) {
      prefix.push(0);
      playExtended(state, moves[0]);
      count = isDone(state) ? 0 : extendedMoves(state, moves);
    }
    if (count === 0) break;
    root ??= newNode(count);
    const path = [];
    let node = root;
    while (node !== void 0 && !isDone(state)) {
      const move = choose(node);
      path.push({ node, move });
      playExtended(state, moves[move]);
      let legal = isDone(state) ? 0 : extendedMoves(state, moves);
      while (legal === 1) {
        playExtended(state, moves[0]);
        legal = isDone(state) ? 0 : extendedMoves(state, moves);
      }
      const child = node.children[move];
      if (child === void 0 && legal > 0) node.children[move] = newNode(legal);
      node = child;
    }
    if (!isDone(state)) {
      for (let k = state.position; k < accesses; k++) {
        bias[k] = NOISE * scale * (random() - 0.5) * 0.3;
        bias[accesses + k] = NOISE * scale * (random() - 0.5) * 0.3;
      }
      decodeOn(state, moves, tables, "extended", bias);
    }
    params.onEvaluation();
    const value = state.latency;
    if (value < best) {
      best = value;
      plan = planOf(state);
    }
    for (const { node: passed, move } of path) {
      passed.visits[move]++;
      passed.sums[move] += value;
      passed.bests[move] = Math.min(passed.bests[move], value);
      passed.total++;
      passed.best = Math.min(passed.best, value);
    }
    const share = Math.max(4, Math.floor((params.simulations - done) / Math.max(1, accesses - prefix.length)));
    if (root.total >= share) {
      let move = 0;
      for (let k = 1; k < root.bests.length; k++) if (root.bests[k] < root.bests[move]) move = k;
      prefix.push(move);
      root = root.children[move];
    }
  }
  return plan;
}

// src/solve/mapping/msa.ts
var LEAST_RATIO = 1;
var PREFERRED_RATIO = 2;
var MOST_RATIO = 8;
var MOST_COPIES = 40;
function msaPlan(instance) {
  const { steps, bandwidth, stepOf, kind, footprint, bytes } = instance;
  const slow = allSlowBytes(instance);
  const elapsed = Float64Array.from(slow, (load2, t2) => stepTime(instance, t2, load2, 0));
  const until = new Float64Array(steps + 1);
  for (let t2 = 0; t2 < steps; t2++) until[t2 + 1] = until[t2] + elapsed[t2];
  const between = (s, e) => e - 1 > s ? until[e] - until[s + 1] : 0;
  const most = MOST_RATIO * instance.largestRoom / bandwidth;
  const left = elapsed.slice();
  const inFlight = new Int32Array(steps);
  const addresses = newAddresses(steps);
  const fast = new Uint8Array(instance.accesses);
  const ranges = [];
  const copies = [];
  const lowestRoom = (from, last) => {
    let lowest = Infinity;
    for (let t2 = from; t2 <= last; t2++) lowest = Math.min(lowest, instance.room[t2] - instance.staged[t2]);
    return lowest;
  };
  for (const v of byBoundedness(instance, slow)) {
    let prefetch2 = function(t2, lowest, a) {
      if (lowest >= t2 || size > instance.largestRoom) return void 0;
      const load2 = slow[t2] - instance.slowBytes[a];
      const saved = elapsed[t2] - stepTime(instance, t2, load2, instance.fastSeconds[a]);
      if (saved < 0) return void 0;
      let latest = t2 - 1;
      while (latest >= lowest && between(latest - 1, t2) + saved < LEAST_RATIO * seconds) latest--;
      if (latest < lowest) return void 0;
      let earliest = latest;
      while (earliest > lowest && between(earliest - 2, t2) <= most) earliest--;
      let preferred = latest;
      while (preferred > earliest && between(preferred - 1, t2) < PREFERRED_RATIO * seconds) preferred--;
      for (let tried = 0, up = preferred, down = preferred - 1; tried < 100; tried++) {
        const from = tried % 2 === 0 && up <= latest || down < earliest ? up++ : down--;
        if (from > latest || from < earliest) return void 0;
        if (!enough(from, t2)) continue;
        const offset = find(from, t2);
        if (offset >= 0) return { offset, from };
      }
      return void 0;
    };
    var prefetch = prefetch2;
    const size = footprint[v];
    const seconds = bytes[v] / bandwidth;
    const pieces = [];
    const own = [];
    const booked = [];
    const find = (from, last) => bestFit(addresses, size, from, last, lowestRoom(from, last));
    const hold = (offset, from, last) => {
      pieces.push({ piece: take(addresses, offset, size, from, last), from });
    };
    const enough = (from, to) => {
      let sum2 = 0;
      for (let t2 = from; t2 < to; t2++) {
        if (inFlight[t2] >= MOST_COPIES) return false;
        sum2 += left[t2];
      }
      return sum2 >= seconds * (1 - 1e-9);
    };
    const book = (direction, release, deadline) => {
      let need = seconds;
      for (let t2 = release; t2 < deadline; t2++) {
        inFlight[t2]++;
        const used = Math.min(left[t2], need);
        left[t2] -= used;
        need -= used;
      }
      booked.push({ value: v, direction, release, deadline, seconds });
    };
    let resident = false;
    let dirty = false;
    let ready2 = instance.produced[v] === 1 ? Infinity : 0;
    let failed = false;
    const store = (after, limit) => {
      let end = after + 1;
      while (end < limit && between(after, end) < PREFERRED_RATIO * seconds) end++;
      const range = own.at(-1);
      if (end <= after + 1 || between(after, end) < LEAST_RATIO * seconds || !enough(after + 1, end)) return false;
      if (end > range.to) {
        if (!isFits(addresses, lowestRoom(range.to, end - 1), range.offset, size, range.to, end - 1)) return false;
        hold(range.offset, range.to, end - 1);
        range.to = end;
      }
      book("out", after + 1, end);
      ready2 = end;
      dirty = false;
      return true;
    };
    for (let k = instance.first[v]; k < instance.first[v + 1] && !failed; k++) {
      const a = instance.list[k];
      const t2 = stepOf[a];
      const next = instance.next[a];
      const before = instance.previous[a] < 0 ? -1 : stepOf[instance.previous[a]];
      if (kind[a] === WRITE) {
        const offset = next >= 0 && between(t2, stepOf[next]) < most ? find(t2, t2) : -1;
        if (offset < 0) ready2 = t2 + 1;
        else {
          hold(offset, t2, t2);
          own.push({ value: v, offset, from: t2, to: t2 + 1 });
          fast[a] = 1;
          resident = true;
          dirty = true;
        }
        continue;
      }
      if (resident) {
        const range = own.at(-1);
        if (range.to > t2) fast[a] = 1;
        else if (between(before, t2) < most && isFits(addresses, lowestRoom(range.to, t2), range.offset, size, range.to, t2)) {
          hold(range.offset, range.to, t2);
          range.to = t2 + 1;
          fast[a] = 1;
        } else if (dirty && !store(before, t2)) failed = true;
        else resident = false;
      }
      if (!resident && !failed) {
        const offset = prefetch2(t2, Math.max(before + 1, ready2), a);
        if (offset !== void 0) {
          hold(offset.offset, offset.from, t2);
          own.push({ value: v, offset: offset.offset, from: offset.from, to: t2 + 1 });
          book("in", offset.from, t2);
          fast[a] = 1;
          resident = true;
          dirty = false;
        }
      }
      if (kind[a] === UPDATE) {
        if (fast[a] === 1) {
          dirty = true;
          ready2 = Infinity;
        } else ready2 = t2 + 1;
      }
    }
    if (!failed && dirty && instance.mustEndSlow[v] === 1) {
      const end = stepOf[instance.list[instance.first[v + 1] - 1]];
      if (!store(end, steps)) failed = true;
    }
    if (failed) {
      for (const { piece, from } of pieces) cutShort(addresses, piece, from - 1);
      for (let k = instance.first[v]; k < instance.first[v + 1]; k++) fast[instance.list[k]] = 0;
      for (const copy of booked) {
        let back = copy.seconds;
        for (let t2 = copy.release; t2 < copy.deadline; t2++) {
          inFlight[t2]--;
          const room = Math.min(back, elapsed[t2] - left[t2]);
          left[t2] += room;
          back -= room;
        }
      }
    } else {
      ranges.push(...own);
      copies.push(
        ...booked.map(({ value, direction, release, deadline }) => ({ value, direction, release, deadline }))
      );
    }
  }
  return { fast: Array.from(fast, (bit) => bit === 1), ranges, copies };
}
var isFits = (a, room, offset, size, from, last) => offset + size <= room && isFree(a, offset, size, from, last);
function byBoundedness(instance, slow) {
  const score = new Float64Array(instance.versions);
  for (let v = 0; v < instance.versions; v++) {
    let benefit;
    for (let k = instance.first[v]; k < instance.first[v + 1]; k++) {
      const a = instance.list[k];
      const t2 = instance.stepOf[a];
      const margin = instance.base[t2] + slow[t2] / instance.bandwidth - instance.compute[t2];
      const own = margin > 0 ? instance.slowBytes[a] / instance.bandwidth - instance.fastSeconds[a] : margin;
      benefit = benefit === void 0 ? own : benefit > 0 && own > 0 ? benefit + own : Math.max(benefit, own);
    }
    score[v] = (benefit ?? -1) / Math.sqrt(Math.max(1, instance.bytes[v]));
  }
  return Array.from({ length: instance.versions }, (_, v) => v).sort((x, y) => score[y] - score[x] || x - y);
}

// src/solve/mapping/neighbourhood.ts
var ABSENT2 = 0;
var CLEAN2 = 1;
var DIRTY2 = 2;
var STORED2 = 4;
var COPIED2 = 8;
function newNeighbourhood(instance, tables, seed) {
  const { steps, versions } = instance;
  const slow = allSlowBytes(instance);
  let longest = 0;
  const movable = [];
  const around = Array.from({ length: steps }, () => []);
  for (let v = 0; v < versions; v++) {
    longest = Math.max(longest, instance.first[v + 1] - instance.first[v]);
    if (instance.footprint[v] > instance.largestRoom) continue;
    movable.push(v);
    for (let k = instance.first[v]; k < instance.first[v + 1]; k++)
      around[instance.stepOf[instance.list[k]]].push(v);
  }
  const search2 = {
    instance,
    tables,
    random: seededRandom(seed),
    slow,
    fastTime: new Float64Array(steps),
    flow: new Float64Array(steps),
    time: new Float64Array(steps),
    addresses: newAddresses(steps),
    ways: [],
    seconds: 0,
    best: Infinity,
    bestWays: [],
    temperature: 0,
    movable: Int32Array.from(movable),
    around,
    likelihood: Float64Array.from(
      { length: versions },
      (_, v) => 0.75 * Math.min(1, 8 / (instance.first[v + 1] - instance.first[v]))
    ),
    scratch: {
      cost: new Float64Array(3 * (longest + 1)),
      how: new Uint8Array(3 * (longest + 1)),
      copyFrom: new Int32Array(longest + 1),
      lateCopyFrom: new Int32Array(longest + 1),
      storeLast: new Int32Array(longest + 1),
      banned: new Uint8Array(longest + 1)
    }
  };
  for (let v = 0; v < versions; v++) search2.ways.push(slowWay(instance, v));
  for (let t2 = 0; t2 < steps; t2++) {
    search2.time[t2] = timeOf(search2, t2, slow[t2], 0, 0);
    search2.seconds += search2.time[t2];
  }
  return search2;
}
var slowWay = (instance, v) => ({
  fast: new Uint8Array(instance.first[v + 1] - instance.first[v]),
  holds: [],
  copies: [],
  flowSteps: [],
  flowBytes: []
});
function timeOf({ instance }, t2, slow, fast, flow) {
  const memory = instance.base[t2] + slow / instance.bandwidth + fast;
  const bus = (slow + flow) / instance.bandwidth;
  const compute = instance.compute[t2];
  return memory > bus ? memory > compute ? memory : compute : bus > compute ? bus : compute;
}
function settle(search2, t2) {
  const time = timeOf(search2, t2, search2.slow[t2], search2.fastTime[t2], search2.flow[t2]);
  search2.seconds += time - search2.time[t2];
  search2.time[t2] = time;
}
function takeOut(search2, v) {
  const { instance } = search2;
  const way = search2.ways[v];
  const begin2 = instance.first[v];
  for (let k = 0; k < way.fast.length; k++) {
    const a = instance.list[begin2 + k];
    const t2 = instance.stepOf[a];
    if (way.fast[k] === 1) search2.fastTime[t2] = Math.max(0, search2.fastTime[t2] - instance.fastSeconds[a]);
    else search2.slow[t2] -= instance.slowBytes[a];
    settle(search2, t2);
  }
  way.flowSteps.forEach((t2, k) => {
    search2.flow[t2] = Math.max(0, search2.flow[t2] - way.flowBytes[k]);
    settle(search2, t2);
  });
  for (const hold of way.holds) giveBack(search2.addresses, hold.piece);
  return way;
}
function putIn(search2, v, way) {
  const { instance } = search2;
  const begin2 = instance.first[v];
  for (let k = 0; k < way.fast.length; k++) {
    const a = instance.list[begin2 + k];
    const t2 = instance.stepOf[a];
    if (way.fast[k] === 1) search2.fastTime[t2] += instance.fastSeconds[a];
    else search2.slow[t2] += instance.slowBytes[a];
    settle(search2, t2);
  }
  way.flowSteps.forEach((t2, k) => {
    search2.flow[t2] += way.flowBytes[k];
    settle(search2, t2);
  });
  for (const hold of way.holds)
    hold.piece = take(search2.addresses, hold.offset, instance.footprint[v], hold.from, hold.last);
  search2.ways[v] = way;
}
function idleOf(search2, t2) {
  const idle = search2.time[t2] * search2.instance.bandwidth - search2.slow[t2] - search2.flow[t2];
  return idle > 0 ? idle : 0;
}
function insert(search2, v, rent) {
  const { scratch, instance } = search2;
  const count = instance.first[v + 1] - instance.first[v];
  scratch.banned.fill(0, 0, count);
  for (let attempt = 0; attempt < 5; attempt++) {
    const way = cheapestWay(search2, v, rent);
    const stuck = place(search2, v, way);
    if (stuck === void 0) {
      putIn(search2, v, way);
      return;
    }
    banLongest(search2, v, stuck);
  }
  putIn(search2, v, slowWay(instance, v));
}
function place(search2, v, way) {
  const { instance, addresses } = search2;
  for (const hold of way.holds) {
    let ceiling = Infinity;
    for (let t2 = hold.from; t2 <= hold.last; t2++) ceiling = Math.min(ceiling, instance.room[t2]);
    hold.offset = bestFit(addresses, instance.footprint[v], hold.from, hold.last, ceiling);
    if (hold.offset < 0) return hold;
  }
  return void 0;
}
function banLongest({ instance, scratch }, v, hold) {
  const begin2 = instance.first[v];
  let longest = -1;
  let at = -1;
  for (let k = 0; begin2 + k < instance.first[v + 1]; k++) {
    const t2 = instance.stepOf[instance.list[begin2 + k]];
    if (t2 < hold.from || t2 > hold.last) continue;
    if (at < 0) scratch.banned[k] |= 0;
    const before = k === 0 ? -1 : instance.stepOf[instance.list[begin2 + k - 1]];
    if (before >= hold.from && t2 - before > longest) {
      longest = t2 - before;
      at = k;
    } else if (at < 0) at = -k - 2;
  }
  if (longest >= 0) scratch.banned[at] |= 2;
  else if (at <= -2) scratch.banned[-at - 2] |= 1;
}
function cheapestWay(search2, v, rent) {
  const { instance, scratch, tables, addresses, slow, fastTime, flow, time } = search2;
  const { stepOf, kind, list, room, bandwidth, steps } = instance;
  const { cost, how, copyFrom, lateCopyFrom, storeLast, banned } = scratch;
  const begin2 = instance.first[v];
  const count = instance.first[v + 1] - begin2;
  const size = instance.footprint[v];
  const bytes = instance.bytes[v];
  const mustStore = instance.mustEndSlow[v] === 1;
  const isFree2 = (t2) => addresses.taken[t2] + size <= room[t2];
  const hold = (from, last) => rent === 0 || last < from ? 0 : rent * holdCost(tables, bytes, v, from, last);
  let found = -1;
  const copyCost = (t2, lowest) => {
    let best = Infinity;
    let idle = 0;
    found = -1;
    for (let s = t2 - 1; s >= lowest && isFree2(s); s--) {
      idle += idleOf(search2, s);
      const missing = bytes - idle;
      const price = hold(s, t2 - 1);
      if (price >= best) break;
      const total = (missing > 0 ? missing / bandwidth : 0) + price;
      if (total < best) {
        best = total;
        found = s;
      }
      if (missing <= 0) break;
    }
    return best;
  };
  const storeCost2 = (before, limit) => {
    let best = Infinity;
    let idle = 0;
    found = -1;
    for (let s = before + 1; s < limit && isFree2(s); s++) {
      idle += idleOf(search2, s);
      const missing = bytes - idle;
      const price = hold(before + 1, s);
      if (price >= best) break;
      const total = (missing > 0 ? missing / bandwidth : 0) + price;
      if (total < best) {
        best = total;
        found = s;
      }
      if (missing <= 0) break;
    }
    return best;
  };
  for (let k = 0; k < count; k++) {
    const a = list[begin2 + k];
    const t2 = stepOf[a];
    const slowNow = timeOf(search2, t2, slow[t2] + instance.slowBytes[a], fastTime[t2], flow[t2]) - time[t2];
    let fastNow = Infinity;
    if ((banned[k] & 1) === 0 && isFree2(t2))
      fastNow = timeOf(search2, t2, slow[t2], fastTime[t2] + instance.fastSeconds[a], flow[t2]) - time[t2] + hold(t2, t2);
    const here = 3 * k;
    cost[here + ABSENT2] = Infinity;
    cost[here + CLEAN2] = Infinity;
    cost[here + DIRTY2] = Infinity;
    if (k === 0) {
      cost[ABSENT2] = slowNow;
      how[ABSENT2] = ABSENT2;
      if (kind[a] === WRITE) {
        cost[DIRTY2] = fastNow;
        how[DIRTY2] = ABSENT2;
        continue;
      }
      const copy = fastNow < Infinity ? copyCost(t2, 0) : Infinity;
      copyFrom[0] = found;
      const state2 = kind[a] === UPDATE ? DIRTY2 : CLEAN2;
      cost[state2] = copy + fastNow;
      how[state2] = ABSENT2 | COPIED2;
      continue;
    }
    const before = stepOf[list[begin2 + k - 1]];
    const absent = cost[here - 3 + ABSENT2];
    const clean = cost[here - 3 + CLEAN2];
    const dirty = cost[here - 3 + DIRTY2];
    let away = absent;
    let awayHow = ABSENT2;
    if (clean < away) {
      away = clean;
      awayHow = CLEAN2;
    }
    const store = dirty < Infinity ? storeCost2(before, t2) : Infinity;
    storeLast[k] = found;
    cost[here + ABSENT2] = away + slowNow;
    how[here + ABSENT2] = awayHow;
    if (dirty + store + slowNow < cost[here + ABSENT2]) {
      cost[here + ABSENT2] = dirty + store + slowNow;
      how[here + ABSENT2] = DIRTY2 | STORED2;
    }
    if (fastNow === Infinity) continue;
    let arrive = Infinity;
    let arriveHow = 0;
    if (away < Infinity) {
      arrive = away + copyCost(t2, before + 1) + fastNow;
      arriveHow = awayHow | COPIED2;
      copyFrom[k] = found;
    }
    if (dirty + store < arrive) {
      const again = dirty + store + copyCost(t2, storeLast[k] + 1) + fastNow;
      if (again < arrive) {
        arrive = again;
        arriveHow = DIRTY2 | STORED2 | COPIED2;
        lateCopyFrom[k] = found;
      }
    }
    let keep = Infinity;
    if ((banned[k] & 2) === 0 && (clean < Infinity || dirty < Infinity)) {
      let open = true;
      for (let s = before + 1; s < t2 && open; s++) open = isFree2(s);
      if (open) keep = hold(before + 1, t2 - 1) + fastNow;
    }
    if (clean + keep < arrive) {
      arrive = clean + keep;
      arriveHow = CLEAN2;
    }
    const still = dirty + keep;
    if (kind[a] === UPDATE) {
      cost[here + DIRTY2] = Math.min(arrive, still);
      how[here + DIRTY2] = arrive < still ? arriveHow : DIRTY2;
    } else {
      cost[here + CLEAN2] = arrive;
      how[here + CLEAN2] = arriveHow;
      cost[here + DIRTY2] = still;
      how[here + DIRTY2] = DIRTY2;
    }
  }
  const end = 3 * (count - 1);
  const lastStep = stepOf[list[begin2 + count - 1]];
  let tail = 0;
  let tailLast = -1;
  if (mustStore && cost[end + DIRTY2] < Infinity) {
    tail = storeCost2(lastStep, steps);
    tailLast = found;
  }
  let state = ABSENT2;
  let least = cost[end + ABSENT2];
  if (cost[end + CLEAN2] < least) {
    least = cost[end + CLEAN2];
    state = CLEAN2;
  }
  if (cost[end + DIRTY2] + tail < least) state = DIRTY2;
  const fast = new Uint8Array(count);
  const holds = [];
  const copies = [];
  const flowSteps = [];
  const flowBytes = [];
  const book = (from, to, by) => {
    let need = bytes;
    let s = from;
    for (; s !== to && need > 0; s += by) {
      const moved = Math.min(need, idleOf(search2, s));
      if (moved <= 0) continue;
      flowSteps.push(s);
      flowBytes.push(moved);
      need -= moved;
    }
    if (need > 0) {
      flowSteps.push(to - by);
      flowBytes.push(need);
    }
  };
  const storeOut = (before, last) => {
    copies.push({ value: v, direction: "out", release: before + 1, deadline: last + 1 });
    book(before + 1, last + 1, 1);
  };
  let close = lastStep;
  if (state === DIRTY2 && mustStore) {
    storeOut(lastStep, tailLast);
    close = tailLast;
  }
  for (let k = count - 1; k >= 0; k--) {
    const t2 = stepOf[list[begin2 + k]];
    const reached = how[3 * k + state];
    const before = k === 0 ? -1 : stepOf[list[begin2 + k - 1]];
    if (state !== ABSENT2) {
      fast[k] = 1;
      if ((reached & COPIED2) !== 0) {
        const from = (reached & STORED2) !== 0 ? lateCopyFrom[k] : copyFrom[k];
        copies.push({ value: v, direction: "in", release: from, deadline: t2 });
        book(t2 - 1, from - 1, -1);
        holds.push({ from, last: close, offset: -1, piece: -1 });
      } else if (k === 0) holds.push({ from: t2, last: close, offset: -1, piece: -1 });
      if ((reached & COPIED2) !== 0 || k === 0) close = before;
    } else close = before;
    if ((reached & STORED2) !== 0) {
      storeOut(before, storeLast[k]);
      close = storeLast[k];
    }
    state = reached & 3;
  }
  return { fast, holds, copies, flowSteps, flowBytes };
}
function adopt(search2, plan) {
  const { instance } = search2;
  const flows = plan.copies.map(() => ({ steps: [], bytes: [] }));
  simulate(instance, plan, (copy, step, bytes) => {
    flows[copy].steps.push(step);
    flows[copy].bytes.push(bytes);
  });
  const holds = Array.from({ length: instance.versions }, () => []);
  const copies = Array.from({ length: instance.versions }, () => []);
  for (const { value, offset, from, to } of plan.ranges) holds[value].push({ from, last: to - 1, offset, piece: -1 });
  plan.copies.forEach(({ value }, k) => copies[value].push(k));
  for (let v = 0; v < instance.versions; v++) takeOut(search2, v);
  for (let v = 0; v < instance.versions; v++) {
    const accesses = instance.list.subarray(instance.first[v], instance.first[v + 1]);
    putIn(search2, v, {
      fast: Uint8Array.from(accesses, (a) => plan.fast[a] ? 1 : 0),
      holds: holds[v],
      copies: copies[v].map((k) => plan.copies[k]),
      flowSteps: copies[v].flatMap((k) => flows[k].steps),
      flowBytes: copies[v].flatMap((k) => flows[k].bytes)
    });
  }
  remember(search2);
}
function construct(search2, rent) {
  const order = byWorth(search2, [...search2.movable]);
  for (const v of order) {
    takeOut(search2, v);
    insert(search2, v, rent);
  }
  remember(search2);
}
function remember(search2) {
  if (search2.seconds >= search2.best * (1 - 1e-12)) return;
  search2.best = search2.seconds;
  search2.bestWays = search2.ways.slice();
}
function byWorth({ instance, slow }, versions) {
  const worth = /* @__PURE__ */ new Map();
  for (const v of versions) {
    let saved = 0;
    const begin2 = instance.first[v];
    for (let k = begin2; k < instance.first[v + 1]; k++) {
      const a = instance.list[k];
      const t2 = instance.stepOf[a];
      const margin = instance.base[t2] + slow[t2] / instance.bandwidth - instance.compute[t2];
      saved += Math.min(Math.max(0, margin), instance.slowBytes[a] / instance.bandwidth - instance.fastSeconds[a]);
    }
    const stay = instance.stepOf[instance.list[instance.first[v + 1] - 1]] - instance.stepOf[instance.list[begin2]] + 1;
    worth.set(v, saved / (instance.footprint[v] * Math.sqrt(stay)));
  }
  return versions.sort((x, y) => worth.get(y) - worth.get(x) || x - y);
}
function perturb(search2, progress) {
  const { random, instance, movable, around, likelihood } = search2;
  if (movable.length === 0) return false;
  const temperature = search2.temperature * 3e-3 ** progress;
  const chosen = [];
  let seed = movable[Math.floor(random() * movable.length)];
  if (random() > likelihood[seed]) seed = movable[Math.floor(random() * movable.length)];
  const access = instance.list[instance.first[seed] + Math.floor(random() * (instance.first[seed + 1] - instance.first[seed]))];
  const centre = instance.stepOf[access];
  const most = 1 + Math.floor(random() * random() * 14);
  const width = Math.floor(random() * random() * 24);
  chosen.push(seed);
  for (let d = 0; d <= width && chosen.length < most; d++) {
    for (const t2 of d === 0 ? [centre] : [centre - d, centre + d]) {
      for (const v of around[t2] ?? [])
        if (chosen.length < most && random() < likelihood[v] && !chosen.includes(v)) chosen.push(v);
    }
  }
  const old = search2.seconds;
  const ways = chosen.map((v) => takeOut(search2, v));
  const rule = random();
  const order = chosen.slice();
  if (rule < 0.4) byWorth(search2, order);
  else if (rule < 0.6) order.sort((x, y) => instance.footprint[y] - instance.footprint[x] || x - y);
  else for (let i = order.length - 1; i > 0; i--) swap(order, i, Math.floor(random() * (i + 1)));
  for (const v of chosen) putIn(search2, v, slowWay(instance, v));
  const rent = [0, 0, 0.1, 0.5, 1][Math.floor(random() * 5)];
  for (const v of order) {
    takeOut(search2, v);
    insert(search2, v, rent);
  }
  const change = search2.seconds - old;
  if (change > 0 && !(temperature > 0 && random() < Math.exp(-change / temperature))) {
    for (const v of chosen) takeOut(search2, v);
    chosen.forEach((v, k) => putIn(search2, v, ways[k]));
    return false;
  }
  const better = search2.seconds < search2.best * (1 - 1e-12);
  remember(search2);
  return better;
}
function swap(list, i, j) {
  const kept = list[i];
  list[i] = list[j];
  list[j] = kept;
}
function planOfNeighbourhood({ instance, bestWays }) {
  const fast = Array.from({ length: instance.accesses }, () => false);
  bestWays.forEach(
    (way, v) => way.fast.forEach((bit, k) => fast[instance.list[instance.first[v] + k]] = bit === 1)
  );
  return {
    fast,
    ranges: bestWays.flatMap(
      (way, value) => way.holds.map(({ from, last, offset }) => ({ value, offset, from, to: last + 1 }))
    ),
    copies: bestWays.flatMap((way) => way.copies)
  };
}

// src/solve/mapping/portfolio.ts
var defaultBudget = (accesses) => Math.max(400, Math.min(2e4, Math.round(6e6 / Math.max(1, accesses))));
var BOUND_SHARE = 0.3;
var MOST_BOUND = 4e3;
var NEIGHBOURHOOD_SHARE = 0.9;
var PERTURBATIONS = 16;
var LARGE = 3e3;
var SMALL = 48;
var MCTS_SHARE = 0.03;
function mapMemory(problem, params = {}) {
  const instance = prepare(problem);
  checkWorkingSets(instance);
  return search(instance, params);
}
function checkWorkingSets(instance) {
  for (let t2 = 0; t2 < instance.steps; t2++) {
    const scoped = instance.problem.instructions[t2 - 1]?.scopedBytes ?? 0;
    if (instance.staged[t2] > instance.room[t2] || scoped > instance.problem.hardware.fastBytes)
      throw workingSetTooLarge(t2 - 1, instance.staged[t2] + scoped, instance.problem.hardware.fastBytes);
  }
}
function search(instance, params) {
  const budget = params.budget ?? defaultBudget(instance.accesses);
  const seed = params.seed ?? 0;
  const tolerance = params.gap ?? 1e-9;
  const stop = params.shouldStop ?? (() => false);
  const slowSeconds = allSlowSeconds(instance);
  const methods = [];
  let plan = { fast: Array.from({ length: instance.accesses }, () => false), ranges: [], copies: [] };
  let best = { seconds: Infinity, stallSeconds: 0, copiedBytes: 0, method: "" };
  let evaluations = 0;
  let bound = 0;
  let proof = "lagrangian";
  const report = (method) => params.onProgress?.({ method, seconds: best.seconds, bound: Math.min(bound, best.seconds), evaluations, budget });
  const offer = (method, candidate) => {
    const { seconds, stallSeconds, copiedBytes } = simulate(instance, candidate);
    const known = methods.find((entry) => entry.method === method);
    if (known === void 0) methods.push({ method, seconds });
    else known.seconds = Math.min(known.seconds, seconds);
    if (seconds < best.seconds) {
      best = { seconds, stallSeconds, copiedBytes, method };
      plan = candidate;
    }
    report(method);
  };
  const closed = () => best.seconds - bound <= tolerance * best.seconds;
  const elapsed = params.elapsed ?? (() => 0);
  const spent = () => Math.max(evaluations / budget, elapsed());
  const over = () => spent() >= 1 || closed() || stop();
  offer("all-slow", plan);
  const ascent = newAscent(instance);
  const raise = (iterations, until, rate, lastRate) => {
    const start = spent();
    const chunk = 16;
    let progress = 0;
    for (let done = 0; done < iterations && progress < 1 && !over(); done += chunk) {
      const next = Math.min(
        1,
        Math.max((done + chunk) / iterations, (spent() - start) / Math.max(1e-9, until - start))
      );
      const at = (x) => rate * (lastRate / rate) ** x;
      ascend(ascent, Math.min(chunk, iterations - done), { rate: at(progress), lastRate: at(next) });
      evaluations += Math.min(chunk, iterations - done);
      progress = next;
      bound = Math.max(bound, ascent.seconds);
      report("bound");
    }
  };
  const finishSmall = () => {
    if (params.exact === false || instance.accesses > SMALL || closed() || stop()) return;
    const tables2 = priceTables(instance, ascent.best, ascent.cuts);
    const found = exactSearch(instance, tables2, ascent.best, ascent.seconds, best.seconds, stop);
    if (found.plan !== void 0) offer("exact", found.plan);
    if (!found.complete) return;
    bound = best.seconds;
    proof = "exhaustive";
  };
  const state = newState(instance);
  const moves = [];
  if (params.greedy !== false) {
    for (const rule of ["order", "myopic"]) {
      evaluations++;
      playGreedy(state, moves, rule);
      offer(`greedy-${rule}`, planOf(state));
    }
  }
  if (params.msa !== false) {
    evaluations++;
    offer("msa-style", msaPlan(instance));
  }
  const games = ["extended", "three-action"];
  if (params.price !== false || params.annealing !== false) {
    const most = Math.min(MOST_BOUND, Math.ceil(budget * BOUND_SHARE));
    const early = Math.min(300, Math.ceil(most / 3));
    const decodeAll = () => {
      const tables2 = priceTables(instance, ascent.best, ascent.cuts);
      for (const game of games) {
        if (stop() || closed()) return;
        evaluations++;
        decode(state, moves, tables2, game, void 0);
        offer(`price-${game}`, planOf(state));
      }
    };
    raise(early, BOUND_SHARE / 3, 0.08, 0.01);
    if (ascent.iterations > 0) decodeAll();
    finishSmall();
    raise(most - early, BOUND_SHARE, 0.05, 8e-4);
    if (ascent.iterations > early) decodeAll();
    finishSmall();
  }
  if (ascent.iterations === 0) {
    ascend(ascent, 1, { rate: 0.08, lastRate: 0.08 });
    bound = Math.max(bound, ascent.seconds);
  }
  const tables = priceTables(instance, ascent.best, ascent.cuts);
  const local = params.neighbourhood !== false && instance.problem.hardware.slowDirect;
  if (local && !over()) {
    const search2 = newNeighbourhood(instance, tables, seed + 5);
    const start = spent();
    const share = instance.accesses > LARGE ? 1 : NEIGHBOURHOOD_SHARE;
    const last = params.annealing === false && params.mcts === false ? 1 : start + (1 - start) * share;
    for (const rent of [0, 1]) {
      construct(search2, rent);
      evaluations++;
    }
    offer("neighbourhood", planOfNeighbourhood(search2));
    if (search2.best > best.seconds) adopt(search2, plan);
    search2.temperature = Math.max(0, slowSeconds - best.seconds) * 2e-3;
    let found = search2.best;
    while (!over() && spent() < last) {
      const progress = Math.min(1, (spent() - start) / (last - start));
      for (let k = 0; k < PERTURBATIONS; k++) perturb(search2, progress);
      evaluations++;
      if (search2.best < found && search2.best < best.seconds) {
        found = search2.best;
        offer("neighbourhood", planOfNeighbourhood(search2));
      }
    }
    if (search2.best < best.seconds) offer("neighbourhood", planOfNeighbourhood(search2));
  }
  if (params.annealing !== false && !over()) {
    const runs = games.map(
      (game, k) => newAnneal(instance, state, moves, tables, game, seed + 101 * k + 1)
    );
    const start = spent();
    const end = params.mcts === false ? 1 : 1 - MCTS_SHARE;
    let turn = 0;
    while (!over() && spent() < end) {
      const run = runs[turn++ % runs.length];
      const progress = Math.min(1, (spent() - start) / (end - start));
      if (annealOnce(run, state, moves, progress)) offer(`annealing-${run.game}`, run.bestPlan);
      evaluations++;
      if (turn % 64 === 0) report(`annealing-${run.game}`);
    }
  }
  if (params.mcts !== false && !over()) {
    const found = mctsSearch(instance, tables, {
      simulations: budget - evaluations,
      seed,
      bound,
      shouldStop: over,
      ...params.prior === void 0 ? {} : { prior: params.prior },
      onEvaluation: () => evaluations++
    });
    if (found !== void 0) offer("mcts", found);
  }
  return finish();
  function finish() {
    if (bound > best.seconds * (1 + 1e-7) + 1e-300) throw broken(`bound ${bound} is above the plan's ${best.seconds}`);
    for (const { method, seconds } of methods)
      invariant(best.seconds <= seconds, `the mapping is worse than ${method}: ${best.seconds} > ${seconds}`);
    const faults = checkMapping(instance, plan);
    if (faults.length > 0) throw broken(`the mapping found by ${best.method} breaks a rule: ${faults[0]}`);
    const lower = Math.min(bound, best.seconds);
    return {
      instance,
      plan,
      ...best,
      allSlowSeconds: slowSeconds,
      allFastSeconds: allFastSeconds(instance),
      bound: lower,
      proof,
      certificate: certificate(ascent),
      gap: best.seconds > 0 ? (best.seconds - lower) / best.seconds : 0,
      evaluations,
      budget,
      methods
    };
  }
}

// src/runtime/training/episodes.ts
var ILLEGAL = -1e9;
function record(game, { observer, state, moves }, actions, policyOf) {
  const { instance, slowSeconds, bound } = observer;
  const width = slowSeconds > bound ? slowSeconds - bound : 1;
  const played = new Uint8Array(instance.accesses);
  const latency = new Float64Array(instance.accesses + 1);
  const choices = [];
  const observations = [];
  const masks = [];
  const policies = [];
  resetState(state);
  latency[0] = state.latency;
  while (!isDone(state)) {
    const access = state.position;
    const count = extendedMoves(state, moves);
    let k = count > 1 ? moveOf(moves, count, actions[access]) : 0;
    if (k < 0) k = moveOf(moves, count, 2) < 0 ? count - 1 : moveOf(moves, count, 2);
    const action = actionIndex(moves[k].action);
    if (count > 1) {
      choices.push(access);
      const observation = new Float32Array(FEATURES);
      observe(observer, state, moves, count, observation);
      observations.push(observation);
      const policy = policyOf(access);
      for (let a = 0; a < ACTIONS; a++) {
        masks.push(moveOf(moves, count, a) < 0 ? ILLEGAL : 0);
        policies.push(policy === void 0 ? a === action ? 1 : 0 : policy[a]);
      }
    }
    played[access] = action;
    playExtended(state, moves[k]);
    latency[access + 1] = state.latency;
  }
  const final = latency[instance.accesses];
  const flat2 = new Float32Array(observations.length * FEATURES);
  observations.forEach((observation, k) => flat2.set(observation, k * FEATURES));
  return {
    game,
    actions: played,
    rewards: Float32Array.from(played, (_, a) => (latency[a] - latency[a + 1]) / width),
    toGo: Float32Array.from(played, (_, a) => (latency[a] - final) / width),
    choices: Int32Array.from(choices),
    observations: flat2,
    masks: Float32Array.from(masks),
    policies: Float32Array.from(policies),
    seconds: final
  };
}
function actionsOfPlan(instance, plan) {
  const ranges = /* @__PURE__ */ new Map();
  for (const { value, from, to } of plan.ranges) ranges.set(value, [...ranges.get(value) ?? [], { from, to }]);
  const stays = (version, t2, u) => (ranges.get(version) ?? []).some(({ from, to }) => from <= t2 && to > u);
  return Uint8Array.from({ length: instance.accesses }, (_, a) => {
    if (plan.fast[a] !== true) return 2;
    const version = instance.versionOf[a];
    const t2 = instance.stepOf[a];
    const next = instance.next[a];
    const before = instance.previous[a];
    const kept = next >= 0 && plan.fast[next] === true && stays(version, t2, instance.stepOf[next]);
    if (instance.kind[a] === WRITE) return kept ? 0 : 5;
    const resident = before >= 0 && plan.fast[before] === true && stays(version, instance.stepOf[before], t2);
    if (resident) return kept ? 0 : 1;
    return kept ? 4 : 3;
  });
}
function solvedEpisode(game, prepared, effort, seed) {
  const { observer, state, moves } = prepared;
  const { instance, tables } = observer;
  const candidates = [];
  const run = newAnneal(instance, state, moves, tables, "extended", seed);
  for (let k = 0; k < effort.anneals; k++) annealOnce(run, state, moves, k / effort.anneals);
  candidates.push(run.bestPlan);
  candidates.push(mapMemory(instance.problem, { budget: effort.budget, seed, exact: false, mcts: false }).plan);
  const records = candidates.map((plan) => {
    const actions = actionsOfPlan(instance, plan);
    return record(game, prepared, actions, () => void 0);
  });
  return records.reduce((best, other) => other.seconds < best.seconds ? other : best);
}
var UNROLL = 5;
function twoHot(out2, row, bin) {
  const low = Math.min(BINS - 2, Math.floor(bin));
  out2[row * BINS + low] = 1 - (bin - low);
  out2[row * BINS + low + 1] = bin - low;
}
function batchOf(size, pick) {
  const batch = {
    size,
    observations: new Float32Array(size * FEATURES),
    masks: new Float32Array(size * ACTIONS),
    policies: new Float32Array(size * ACTIONS),
    values: new Float32Array(size * BINS),
    unroll: Array.from({ length: UNROLL }, () => ({
      transitions: new Float32Array(size * TRANSITION),
      policies: new Float32Array(size * ACTIONS),
      values: new Float32Array(size * BINS),
      rewards: new Float32Array(size * BINS)
    }))
  };
  for (let row = 0; row < size; row++) {
    const { episode, observer, choice } = pick();
    batch.observations.set(episode.observations.subarray(choice * FEATURES, (choice + 1) * FEATURES), row * FEATURES);
    batch.masks.set(episode.masks.subarray(choice * ACTIONS, (choice + 1) * ACTIONS), row * ACTIONS);
    batch.policies.set(episode.policies.subarray(choice * ACTIONS, (choice + 1) * ACTIONS), row * ACTIONS);
    const access = episode.choices[choice];
    twoHot(batch.values, row, valueBin(episode.toGo[access]));
    let following = choice + 1;
    for (let k = 0; k < UNROLL; k++) {
      const at = access + k + 1;
      if (at > episode.actions.length) break;
      const step = batch.unroll[k];
      const transition = row * TRANSITION;
      step.transitions[transition + episode.actions[at - 1]] = 1;
      twoHot(step.rewards, row, rewardBin(episode.rewards[at - 1]));
      if (at === episode.actions.length) break;
      step.transitions.set(
        observer.statics.subarray(at * STATIC_FEATURES, (at + 1) * STATIC_FEATURES),
        transition + ACTIONS
      );
      twoHot(step.values, row, valueBin(episode.toGo[at]));
      if (episode.choices[following] === at) {
        step.policies.set(
          episode.policies.subarray(following * ACTIONS, (following + 1) * ACTIONS),
          row * ACTIONS
        );
        following++;
      } else step.policies[row * ACTIONS + episode.actions[at]] = 1;
    }
  }
  return batch;
}

// src/solve/mapping/agents/play.ts
var BOUND_ITERATIONS = 300;
function prepareAgent(instance, params) {
  let { tables, bound } = params;
  if (tables === void 0 || bound === void 0) {
    const ascent = newAscent(instance);
    ascend(ascent, BOUND_ITERATIONS, { rate: 0.08, lastRate: 5e-3 });
    tables ??= priceTables(instance, ascent.best, ascent.cuts);
    bound ??= ascent.seconds;
  }
  return {
    observer: newObserver(instance, tables, bound),
    random: seededRandom(params.seed + 17),
    state: newState(instance),
    moves: []
  };
}
function softmaxLegal(logits, moves, count, out2) {
  out2.fill(0);
  let top = -Infinity;
  for (let k = 0; k < count; k++) top = Math.max(top, logits[actionIndex(moves[k].action)]);
  let sum2 = 0;
  for (let k = 0; k < count; k++) {
    const a = actionIndex(moves[k].action);
    sum2 += out2[a] = Math.exp(logits[a] - top);
  }
  for (let a = 0; a < ACTIONS; a++) out2[a] /= sum2;
}
function networkPolicy(network) {
  const observation = new Float32Array(FEATURES);
  const hidden = new Float32Array(HIDDEN);
  const logits = new Float32Array(ACTIONS);
  return (observer, state, moves, count, out2) => {
    observe(observer, state, moves, count, observation);
    represent(network, observation, hidden);
    predict(network, hidden, observation, logits);
    softmaxLegal(logits, moves, count, out2);
  };
}
var uniformPolicy = (_observer, _state, moves, count, out2) => {
  out2.fill(0);
  for (let k = 0; k < count; k++) out2[actionIndex(moves[k].action)] = 1 / count;
};
var pricePolicy = (observer, state, moves, count, out2) => {
  const costs = new Float64Array(ACTIONS);
  for (let k = 0; k < count; k++)
    costs[actionIndex(moves[k].action)] = -moveCost(state, moves[k], observer.tables, "extended") / (0.15 * observer.meanTime);
  softmaxLegal(costs, moves, count, out2);
};
function toChoice(state, moves) {
  while (!isDone(state)) {
    const count = extendedMoves(state, moves);
    if (count > 1) return count;
    playExtended(state, moves[0]);
  }
  return 0;
}
function playOut(state, moves, choose) {
  for (let count = toChoice(state, moves); count > 0; count = toChoice(state, moves))
    playExtended(state, moves[choose(count)]);
}
function mostProbable(moves, count, probabilities) {
  let best = 0;
  for (let k = 1; k < count; k++)
    if (probabilities[actionIndex(moves[k].action)] > probabilities[actionIndex(moves[best].action)]) best = k;
  return best;
}
function playPolicy(prepared, policy) {
  const { state, moves, observer } = prepared;
  const probabilities = new Float64Array(ACTIONS);
  resetState(state);
  playOut(state, moves, (count) => {
    policy(observer, state, moves, count, probabilities);
    return mostProbable(moves, count, probabilities);
  });
}

// ../../tmp/smoke.ts
await startTraining();
var flat = initialParameters(1);
var net = networkOn(flat);
console.log(parameterCount());
var eps = [];
for (let s = 0; s < 2; s++) {
  const inst = prepare(syntheticGame(s));
  let t2 = performance.now();
  const p = prepareAgent(inst, { seed: 0, budget: 1 });
  const tb = performance.now() - t2;
  const g = (pol) => {
    playPolicy(p, pol);
    return ((p.state.latency - p.observer.bound) / p.observer.bound * 100).toFixed(2);
  };
  t2 = performance.now();
  const a = [g(uniformPolicy), g(pricePolicy), g(networkPolicy(net))];
  t2 = performance.now();
  const e = solvedEpisode(s, p, { anneals: 150, budget: 400 }, 1);
  const te = performance.now() - t2;
  eps.push({ episode: e, observer: p.observer });
  console.log(inst.accesses, (p.observer.slowSeconds / p.observer.bound).toFixed(3), "gap% uni/price/net", ...a, "label", ((e.seconds - p.observer.bound) / p.observer.bound * 100).toFixed(2), "choices", e.choices.length, "bound ms", tb.toFixed(0), "label ms", te.toFixed(0));
}
var r = seededRandom(3);
var mk = (n) => batchOf(n, () => {
  const x = eps[Math.floor(r() * eps.length)];
  return { ...x, choice: Math.floor(r() * x.episode.choices.length) };
});
var b = mk(8);
var out = new Float32Array(flat.length);
console.log(gradientsOf(net.parameters, b, out));
var one = [b.unroll[0]];
var z = b.unroll.slice(0, 1).map((u) => ({ transitions: u.transitions, policies: u.policies.map(() => 0), values: u.values.map(() => 0), rewards: u.rewards.map(() => 0) }));
for (const [name, k, un] of [["torso1", 500, z], ["torso1", 128 * 100 + 9, z], ["torso2Bias", 7, z], ["policy", 3, one], ["skip", 33, one], ["value", 40, one], ["next", 77, one], ["dynamicsAction", 900, one], ["dynamicsHidden", 900, one], ["rewardBias", 25, one]]) {
  const v = net.parameters[name];
  const old = v[k];
  const tmp = new Float32Array(flat.length);
  const f = () => gradientsOf(net.parameters, { ...b, unroll: un }, tmp).total;
  f();
  const an = tmp[v.byteOffset / 4 - flat.byteOffset / 4 + k];
  const h = 3e-3;
  v[k] = old + h;
  const p = f();
  v[k] = old - h;
  const m = f();
  v[k] = old;
  console.log(name, (p - m) / (2 * h), an);
}
var B = mk(128);
var t = performance.now();
for (let i = 0; i < 10; i++) gradientsOf(net.parameters, B, out);
console.log((performance.now() - t) / 10, "ms/step");
