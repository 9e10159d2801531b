/** The executor interface: what a backend promises, and what a loaded plan can do. */
import type { Tensor } from "../kernels/types.ts";
import type { Plan } from "../plan/schema.ts";

export type BackendName = "webgpu" | "wasm" | "cpu" | "tensorflow";

export interface Capabilities {
  /** Every value lies at its planned offset; otherwise only order and lifetimes are honoured. */
  readonly exactOffsets: boolean;
  /** Copies between memories (swap) can be executed. */
  readonly swap: boolean;
  /** Per-step device times can be measured. */
  readonly timestamps: boolean;
}

export interface LoadOptions {
  /** Bytes of a constant of the model, by name. */
  readonly constant: (name: string) => Uint8Array;
  /** Gives every value its own bytes instead: the reference that planned runs are compared with. */
  readonly unplanned?: boolean;
  /**
   * How WebGPU keeps a dispatch's writes from its reads. "arena" (default): a memory is one buffer as the plan
   * has it, whatever lies in it is bound read_write. "banks": up to three buffers with the plan's offsets, so that
   * operands are bound read-only; more bytes than planned. Others ignore it.
   */
  readonly hazards?: "arena" | "banks";
}

export interface Executor {
  readonly name: BackendName;
  /** What it runs on, for people. */
  readonly device: string;
  readonly capabilities: Capabilities;
  load(plan: Plan, options: LoadOptions): Promise<Executable>;
  /** Gives back what is held for all plans (a GPU device). Loading again opens it anew. */
  close?(): Promise<void>;
}

export interface StepTime {
  /** Index in the plan's steps. */
  readonly step: number;
  readonly seconds: number;
  readonly clock: "device" | "host";
}

export interface Executable {
  /**
   * Runs the plan once. `inputs` are in plan order; results are copies, in plan order.
   * Throws InputError (bad-input, bad-data) where the data does not fit.
   */
  run(inputs: readonly Tensor[]): Promise<Tensor[]>;
  /**
   * Runs once and gives the time of each step: the device's own where it has timestamps, otherwise
   * what `clock` (seconds) shows around it. Slower than a run.
   */
  profile?(inputs: readonly Tensor[], clock: () => number): Promise<readonly StepTime[]>;
  /** What the user should know about where it runs. */
  readonly warnings?: readonly string[];
  /** What this plan runs on, where the executor's own name says too little. */
  readonly device?: string;
  /** Bytes held for activations and weights, as allocated. */
  readonly peakBytes: number;
  /** Backend allocations made so far; it stands still in steady state. */
  allocations(): number;
  dispose(): void;
}
