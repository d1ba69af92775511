/**
 * For regression tests of programs without Effect: replays a run that was exported from a store on their runtime, and
 * rejects if it differs.
 */
import * as Effect from "effect/Effect"
import { expectSame } from "../replay/Replay.ts"
import type { PromiseRuntime } from "./PromiseShape.ts"

/**
 * Replays an exported run, its text or its lines, on `runtime`, and rejects with both sides of the first difference
 * (`ReplayDiffers`), or if it cannot be replayed (`NotReplayed`).
 *
 * **Example** (A regression test from production)
 *
 * ```ts
 * import { createRuntime, expectReplay } from "@reins/runtime/promise"
 * import { readFileSync } from "node:fs"
 *
 * export const test = async (runtime: ReturnType<typeof createRuntime>) => {
 *   await expectReplay(readFileSync("test/runs/refund.jsonl", "utf8"), runtime)
 * }
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const expectReplay = (
  exported: string | ReadonlyArray<string>,
  runtime: Pick<PromiseRuntime, "replay">
): Promise<void> => runtime.replay(exported).then((replayed) => Effect.runPromise(expectSame(replayed)))
