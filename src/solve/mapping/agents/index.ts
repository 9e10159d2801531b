/** Agents of the mapping game: one network, three ways to play with it. */
export { agentByName, AGENT_NAMES, networkPrior } from "./agents.ts";
export { FEATURE_VERSION, FEATURES } from "./features.ts";
export type { Network } from "./network.ts";
export type { AgentParams, AgentResult, MappingAgent } from "./play.ts";
export { decodeWeights, type WeightsHeader } from "./weights.ts";
