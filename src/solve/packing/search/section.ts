/** Which section of which valley to branch on; on the way, buffers whose place is beyond doubt. */
import type { Search } from "./run.ts";
import { SKY, type SearchState } from "./state.ts";

/**
 * True where buffers are forced: they are pushed on the candidates. Otherwise leaves in `search` the section,
 * its valley and the least place above the bottom that a buffer there can take.
 */
export function chooseSection(search: Search, from: number, to: number): boolean {
  const { state, capacity } = search;
  const { weighted, attraction } = search.choices;
  const { floor, size, total, ceiling, weight, conflict, stale, alive, crossing } = state;
  const scale = 50 / capacity;
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
        const slack = (ceiling[t]! - h - total[t]!) * scale;
        const factor = weighted ? Math.sqrt(weight[t]!) : 1;
        let away = 0;
        if (attraction > 0 && conflict >= 0) {
          const distance = t > conflict ? t - conflict : conflict - t;
          away = distance < 20 ? attraction * distance * 0.05 : attraction;
        }
        if (stale[t] === 1) {
          if (t > s && stale[t - 1] === 0 && crossing[t] === alive[t] && alive[t - 1] === alive[t]) lookBack(state, t);
          // Not worth a look where it can't be chosen anyway: all that is missed are forced buffers, for now.
          else if ((slack + 1) / factor + away < best) look(state, t);
          else {
            alone = -1;
            continue;
          }
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
        const score = (slack + choices) / factor + away;
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

/** The section before has the same buffers and floor. */
function lookBack({ choices, lowest, second, stale }: SearchState, t: number): void {
  choices[t] = choices[t - 1]!;
  lowest[t] = lowest[t - 1]!;
  second[t] = second[t - 1]!;
  stale[t] = 0;
}

function push(search: Search, b: number): void {
  if (search.candidateTop === search.candidates.length) {
    const grown = new Int32Array(search.candidates.length * 2);
    grown.set(search.candidates);
    search.candidates = grown;
  }
  search.candidates[search.candidateTop++] = b;
}
