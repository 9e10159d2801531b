/** Operators that draw random numbers, which a reproducible plan has no place for; Dropout in inference draws none. */
import { toNumbers } from "../../kernels/access.ts";
import { FLOATS, checkOperandCount, typedInput } from "./elementwise.ts";
import type { Meaning, OpContext, OperatorRule, OperatorTable } from "./types.ts";

const DRAWS = "draws random numbers";
const random: OperatorRule = (n) => n.unsupported(DRAWS);

/** Whether the node drops nothing; a training one that may drop something is refused. */
function checkInference(n: OpContext): void {
  if (n.version < 7) {
    if (n.int("is_test", 0) === 0 && n.float("ratio", 0.5) !== 0) n.unsupported(`with is_test 0 it ${DRAWS}`);
    return;
  }
  if (!n.hasInput(2)) return;
  const training = n.known(2);
  if (training === undefined) return n.unsupported("training_mode is known only at run time");
  if (toNumbers(training)[0] === 0) return;
  const ratio = n.hasInput(1) ? n.known(1) : undefined;
  if (ratio === undefined || toNumbers(ratio)[0] !== 0) n.unsupported(`in training it ${DRAWS}`);
}

/** In inference the operand itself; copied only where a mask must be made with it. */
const dropout: OperatorRule = (n): Meaning => {
  checkOperandCount(n, 1, n.version < 12 ? 1 : 3);
  const type = typedInput(n, 0, [...FLOATS, "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"]);
  checkInference(n);
  if (!n.hasOutput(1)) return { outputs: [type], reads: [0], view: 0 };
  const mask = { dtype: n.version < 10 ? type.dtype : ("bool" as const), shape: type.shape };
  return { outputs: [type, mask], reads: [0], inPlace: [0] };
};

export const randomOperators: OperatorTable = {
  Bernoulli: random,
  Dropout: dropout,
  Multinomial: random,
  RandomNormal: random,
  RandomNormalLike: random,
  RandomUniform: random,
  RandomUniformLike: random,
};
