/** Which section of which valley to branch on; on the way, buffers whose place is beyond doubt. */
import type { Search } from "./run.ts";
import { SKY, type SearchState } from "./state.ts";

/**
 * True where buffers are forced: they are pushed on the candidates. Otherwise leaves in `search` the section,
 * its valley and the least place above the bottom that a buffer there can take.
 */
export function chooseSection(search: Search, from: number, to: number): boolean {
  const { state, weighted, attraction, capacity } = search;
  const { floor, size, total, ceiling, weight, conflict, stale } = state;
  const findForced = search.tricks.forced;
  search.rangeFrom = from;
  search.rangeTo = to;
  let forced = false;
  let best = SKY;
  for (let s = from; s < to;) {
    const h = floor[s]!;
    let end = s + 1;
    while (end < to && floor[end] === h) end++;
    if ((s === from || floor[s - 1]! > h) && (end === to || floor[end]! > h)) {
      // The only buffer that can lie at the bottom of all its sections so far, and who could come next there.
      let alone = -1;
      let aloneNext = SKY;
      for (let t = s; t < end; t++) {
        if (stale[t] === 1) {
          // Not worth a look where it can't be chosen anyway: all that is missed are forced buffers, for now.
          const least = ((ceiling[t]! - h - total[t]!) / capacity) * 50 + 1;
          if ((weighted ? least / Math.sqrt(weight[t]!) : least) >= best) {
            alone = -1;
            continue;
          }
          look(state, t);
        }
        const choices = state.choices[t]!;
        const next = state.second[t]!;
        const who = state.lowest[t]!;
        if (choices === 1 && findForced) {
          if (state.from[who] === t) {
            alone = who;
            aloneNext = next;
          } else if (alone === who) {
            if (next < aloneNext) aloneNext = next;
          } else alone = -1;
          if (alone >= 0 && state.to[alone] === t + 1) {
            if (aloneNext >= h + size[alone]!) {
              forced = true;
              push(search, alone);
            }
            alone = -1;
          }
        } else alone = -1;
        if (forced) continue;
        const slack = ceiling[t]! - h - total[t]!;
        let score = (slack / capacity) * 50 + choices;
        if (weighted) score /= Math.sqrt(weight[t]!);
        if (attraction > 0 && conflict >= 0) {
          const distance = t > conflict ? t - conflict : conflict - t;
          score += distance < 20 ? attraction * distance * 0.05 : attraction;
        }
        if (score < best) {
          best = score;
          search.section = t;
          search.valleyFrom = s;
          search.valleyTo = end;
          search.second = next;
        }
      }
    }
    s = end;
  }
  return forced;
}

/** Counts who can lie at the bottom of a section, and finds the least place of the others. */
function look(state: SearchState, t: number): void {
  const { memberStart, members, least, alive } = state;
  const h = state.floor[t]!;
  let choices = 0;
  let next = SKY;
  let who = -1;
  for (let q = memberStart[t]!, end = q + alive[t]!; q < end; q++) {
    const b = members[q]!;
    const m = least[b]!;
    if (m === h) {
      choices++;
      who = b;
    } else if (m < next) next = m;
  }
  state.choices[t] = choices;
  state.lowest[t] = who;
  state.second[t] = next;
  state.stale[t] = 0;
}

function push(search: Search, b: number): void {
  if (search.candidateTop === search.candidates.length) {
    const grown = new Int32Array(search.candidates.length * 2);
    grown.set(search.candidates);
    search.candidates = grown;
  }
  search.candidates[search.candidateTop++] = b;
}
