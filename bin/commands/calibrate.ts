import { isSet, required, text, type Command } from "../command.ts";
import { writeWhole } from "../files.ts";

/** Two significant digits: what a measurement repeats. */
const rounded = (value: number): number => Number(value.toPrecision(2));

const TARGETS: Readonly<Record<string, string>> = { webgpu: "tfjs-webgpu", wasm: "tfjs-wasm", cpu: "tfjs-cpu" };

export const calibrateCommand: Command = {
  command: "calibrate",
  describe: "measure this machine and write it as a target: bandwidth, arithmetic, launches, links",
  examples: [["$0 calibrate --backend webgpu -o my-gpu.json", "then: strata compile MODEL --target my-gpu.json"]],
  options: (yargs) =>
    yargs
      .option("backend", {
        type: "string",
        choices: Object.keys(TARGETS),
        default: "webgpu",
        describe: "what to measure",
      })
      .option("name", { type: "string", describe: "name of the target (default: the backend's, with -measured)" })
      .option("o", {
        alias: "output",
        type: "string",
        default: "-",
        describe: "target file, or - for standard output",
      }),
  async run(flags) {
    const { calibrate } = await import("../calibrate.ts");
    const { checkTarget, loadTarget } = await import("../../src/target/index.ts");
    const { executorByName } = await import("../../src/runtime/index.ts");
    const { formatBytes, formatSeconds } = await import("../../src/report/bytes.ts");
    const backend = required(flags, "backend");
    const base = loadTarget(TARGETS[backend]!);
    const clock = (): number => performance.now() / 1000;
    const figures = await calibrate(backend, base.name, clock);
    const links = backend === "webgpu" ? await measureLinks(clock) : undefined;
    await (await executorByName(backend)).close?.();
    const bandwidth = rounded(figures.bytesPerSecond);
    const target = {
      ...base,
      name: text(flags, "name") ?? `${base.name}-measured`,
      summary: `${figures.device}, measured`,
      memories: base.memories.map((memory) => ({
        ...memory,
        ...(memory.direct === false ? {} : { readBytesPerSecond: bandwidth, writeBytesPerSecond: bandwidth }),
        ...(links !== undefined && memory.direct !== false
          ? { bytes: Math.floor(links.bufferBytes / memory.alignment) * memory.alignment }
          : {}),
      })),
      links: base.links.map((link) => ({
        ...link,
        bytesPerSecond:
          links === undefined
            ? link.bytesPerSecond
            : rounded(link.to === base.arenaMemory ? links.toDeviceBytesPerSecond : links.fromDeviceBytesPerSecond),
      })),
      flopsPerSecond: rounded(figures.flopsPerSecond),
      launchSeconds: rounded(figures.launchSeconds),
      sources: [
        `measured by strata calibrate on ${figures.device}`,
        "bandwidth: Neg over 32 MiB; arithmetic: a product of 1024 x 1024 matrices; launches: a chain of 256 small steps",
      ],
    };
    const json = `${JSON.stringify(checkTarget(target, "the measured target"), null, 2)}\n`;
    const output = required(flags, "o");
    if (output === "-" || isSet(flags, "json")) process.stdout.write(json);
    if (output !== "-") await writeWhole(output, json);
    process.stderr.write(
      `${figures.device}: ${formatBytes(figures.bytesPerSecond)}/s, ${figures.flopsPerSecond.toExponential(1)} FLOP/s, ` +
        `${formatSeconds(figures.launchSeconds)} a launch\n`,
    );
    return 0;
  },
};

async function measureLinks(clock: () => number): Promise<import("../../src/runtime/webgpu/measure.ts").DeviceFigures> {
  const { sharedDevice } = await import("../../src/runtime/webgpu/executor.ts");
  const { measureDevice } = await import("../../src/runtime/webgpu/measure.ts");
  return measureDevice(await sharedDevice(), clock);
}
