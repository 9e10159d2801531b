/** The agents by name, and the network as a prior of the portfolio's tree search. */
import type { Prior } from "../mcts.ts";
import { actionIndex, ACTIONS } from "./actions.ts";
import { newObserver, type Observer } from "./features.ts";
import type { Network } from "./network.ts";
import { type MappingAgent, networkPolicy } from "./play.ts";
import { proposalAgent } from "./regal.ts";
import { alphazero, muzero } from "./tree-agents.ts";

export const AGENT_NAMES = ["muzero", "alphazero", "regal"] as const;

export function agentByName(name: (typeof AGENT_NAMES)[number], network: Network): MappingAgent {
  switch (name) {
    case "muzero":
      return muzero(network);
    case "alphazero":
      return alphazero(network);
    case "regal":
      return proposalAgent("regal", networkPolicy(network));
    default:
      return name satisfies never;
  }
}

/** Move probabilities by the network, for mctsSearch. `bound` as far as it is known: 0 will do. */
export function networkPrior(network: Network, bound: number): Prior {
  const policy = networkPolicy(network);
  const probabilities = new Float64Array(ACTIONS);
  let observer: Observer | undefined;
  return (state, moves, tables) => {
    if (observer?.tables !== tables) observer = newObserver(state.instance, tables, bound);
    if (moves.length < 2) return moves.map(() => 1);
    policy(observer, state, moves, moves.length, probabilities);
    return moves.map((move) => probabilities[actionIndex(move.action)]!);
  };
}
