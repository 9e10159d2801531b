/**
 * Which addresses are taken when: pieces (offset, bytes, first step, last step) in a segment tree over steps, so
 * that adding one and finding those that meet an interval cost a logarithm and not a scan of everything.
 */
export interface Addresses {
  readonly leaves: number;
  pieces: number;
  offset: Float64Array;
  size: Float64Array;
  from: Int32Array;
  /** Last step, inclusive; lowered when a piece is cut short. */
  last: Int32Array;
  /** Heads of the lists of pieces: by tree node that they cover whole, and by first step. */
  readonly covers: Int32Array;
  readonly starts: Int32Array;
  readonly nextStart: { list: Int32Array };
  links: number;
  linkPiece: Int32Array;
  linkNext: Int32Array;
  /** For removal: the link before in the node's list, the node, and the next link of the same piece. */
  linkBefore: Int32Array;
  linkNode: Int32Array;
  linkOther: Int32Array;
  /** First link of each piece. */
  pieceLinks: Int32Array;
  /** Links and pieces given back, for use again. */
  freeLink: number;
  readonly freePieces: number[];
  /** Bytes taken at each step. */
  readonly taken: Float64Array;
  /** Scratch of queries: what meets the interval. */
  hitOffset: Float64Array;
  hitEnd: Float64Array;
}

export function newAddresses(steps: number): Addresses {
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
    hitEnd: new Float64Array(64),
  };
}

export function clearAddresses(addresses: Addresses): void {
  addresses.pieces = 0;
  addresses.links = 0;
  addresses.freeLink = -1;
  addresses.freePieces.length = 0;
  addresses.covers.fill(-1);
  addresses.starts.fill(-1);
  addresses.taken.fill(0);
}

export const cloneAddresses = (a: Addresses): Addresses => ({
  ...a,
  offset: a.offset.slice(),
  size: a.size.slice(),
  from: a.from.slice(),
  last: a.last.slice(),
  covers: a.covers.slice(),
  starts: a.starts.slice(),
  nextStart: { list: a.nextStart.list.slice() },
  linkPiece: a.linkPiece.slice(),
  linkNext: a.linkNext.slice(),
  linkBefore: a.linkBefore.slice(),
  linkNode: a.linkNode.slice(),
  linkOther: a.linkOther.slice(),
  pieceLinks: a.pieceLinks.slice(),
  freePieces: a.freePieces.slice(),
  taken: a.taken.slice(),
  hitOffset: a.hitOffset.slice(),
  hitEnd: a.hitEnd.slice(),
});

const grownFloats = (old: Float64Array): Float64Array => {
  const grown = new Float64Array(2 * old.length);
  grown.set(old);
  return grown;
};
const grownInts = (old: Int32Array): Int32Array => {
  const grown = new Int32Array(2 * old.length);
  grown.set(old);
  return grown;
};

function link(a: Addresses, node: number, piece: number): void {
  let at = a.freeLink;
  if (at >= 0) a.freeLink = a.linkNext[at]!;
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
  const head = a.covers[node]!;
  a.linkPiece[at] = piece;
  a.linkNext[at] = head;
  a.linkBefore[at] = -1;
  a.linkNode[at] = node;
  a.linkOther[at] = a.pieceLinks[piece]!;
  a.pieceLinks[piece] = at;
  if (head >= 0) a.linkBefore[head] = at;
  a.covers[node] = at;
}

/** Gives a whole piece back. */
export function giveBack(a: Addresses, piece: number): void {
  for (let t = a.from[piece]!; t <= a.last[piece]!; t++) a.taken[t]! -= a.size[piece]!;
  for (let at = a.pieceLinks[piece]!; at >= 0;) {
    const other = a.linkOther[at]!;
    const before = a.linkBefore[at]!;
    const next = a.linkNext[at]!;
    if (before >= 0) a.linkNext[before] = next;
    else a.covers[a.linkNode[at]!] = next;
    if (next >= 0) a.linkBefore[next] = before;
    a.linkNext[at] = a.freeLink;
    a.freeLink = at;
    at = other;
  }
  // Lists by first step are short: pieces that begin at one step.
  const list = a.nextStart.list;
  const from = a.from[piece]!;
  if (a.starts[from] === piece) a.starts[from] = list[piece]!;
  else {
    let at = a.starts[from]!;
    while (list[at] !== piece) at = list[at]!;
    list[at] = list[piece]!;
  }
  a.freePieces.push(piece);
}

/** Takes [offset, offset + size) in steps from..last, both inclusive; the piece's index. */
export function take(a: Addresses, offset: number, size: number, from: number, last: number): number {
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
  a.nextStart.list[piece] = a.starts[from]!;
  a.starts[from] = piece;
  for (let t = from; t <= last; t++) a.taken[t]! += size;
  let low = from + a.leaves;
  let high = last + a.leaves + 1;
  for (; low < high; low >>= 1, high >>= 1) {
    if (low & 1) link(a, low++, piece);
    if (high & 1) link(a, --high, piece);
  }
  return piece;
}

/** Gives the steps after `last` of a piece back. */
export function cutShort(a: Addresses, piece: number, last: number): void {
  for (let t = last + 1; t <= a.last[piece]!; t++) a.taken[t]! -= a.size[piece]!;
  a.last[piece] = Math.min(a.last[piece]!, last);
}

function hit(a: Addresses, count: number, piece: number): number {
  if (count === a.hitOffset.length) {
    a.hitOffset = grownFloats(a.hitOffset);
    a.hitEnd = grownFloats(a.hitEnd);
  }
  a.hitOffset[count] = a.offset[piece]!;
  a.hitEnd[count] = a.offset[piece]! + a.size[piece]!;
  return count + 1;
}

/** Collects what meets steps from..last into the scratch; how many. */
function collect(a: Addresses, from: number, last: number): number {
  let count = 0;
  for (let node = from + a.leaves; node >= 1; node >>= 1) {
    for (let at = a.covers[node]!; at >= 0; at = a.linkNext[at]!) {
      const piece = a.linkPiece[at]!;
      if (a.last[piece]! >= from) count = hit(a, count, piece);
    }
  }
  for (let t = from + 1; t <= last; t++) {
    for (let piece = a.starts[t]!; piece >= 0; piece = a.nextStart.list[piece]!) {
      if (a.last[piece]! >= t) count = hit(a, count, piece);
    }
  }
  return count;
}

/** Shell sort of the first `count` hits by offset: small counts, no allocation. */
function sortHits(a: Addresses, count: number): void {
  const { hitOffset, hitEnd } = a;
  let gap = 1;
  while (gap < count / 3) gap = 3 * gap + 1;
  for (; gap >= 1; gap = (gap / 3) | 0) {
    for (let i = gap; i < count; i++) {
      const offset = hitOffset[i]!;
      const end = hitEnd[i]!;
      let j = i;
      for (; j >= gap && hitOffset[j - gap]! > offset; j -= gap) {
        hitOffset[j] = hitOffset[j - gap]!;
        hitEnd[j] = hitEnd[j - gap]!;
      }
      hitOffset[j] = offset;
      hitEnd[j] = end;
    }
  }
}

/** Best fit: the offset of the smallest hole below `ceiling` that is free for steps from..last, or -1. */
export function bestFit(a: Addresses, size: number, from: number, last: number, ceiling: number): number {
  if (size > ceiling) return -1;
  const count = collect(a, from, last);
  if (count > 1) sortHits(a, count);
  let end = 0;
  let best = -1;
  let smallest = Infinity;
  for (let k = 0; k < count && end <= ceiling; k++) {
    const hole = Math.min(a.hitOffset[k]!, ceiling) - end;
    if (hole >= size && hole < smallest) {
      best = end;
      smallest = hole;
    }
    if (a.hitEnd[k]! > end) end = a.hitEnd[k]!;
  }
  if (ceiling - end >= size && ceiling - end < smallest) best = end;
  return best;
}

/** Whether [offset, offset + size) is free for steps from..last. */
export function isFree(a: Addresses, offset: number, size: number, from: number, last: number): boolean {
  if (from > last) return true;
  const count = collect(a, from, last);
  for (let k = 0; k < count; k++) if (a.hitOffset[k]! < offset + size && offset < a.hitEnd[k]!) return false;
  return true;
}
