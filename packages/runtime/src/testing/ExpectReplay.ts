/**
 * For regression tests: replays a run that was exported from a store on the runtime of the test, and fails if it
 * differs. Programs without Effect have `expectReplay` of `@reins/runtime/promise`.
 */
import * as Effect from "effect/Effect"
import { expectSame, type NotReplayed, type ReplayDiffers } from "../replay/Replay.ts"
import { Runtime } from "../runtime/Runtime.ts"

/**
 * Replays an exported run, its text or its lines, and fails with both sides of the first difference.
 *
 * **Example** (A regression test from production)
 *
 * ```ts
 * import { expectReplay } from "@reins/runtime/testing"
 * import { Effect, FileSystem } from "effect"
 *
 * export const test = Effect.gen(function* () {
 *   const files = yield* FileSystem.FileSystem
 *   yield* expectReplay(yield* files.readFileString("test/runs/refund.jsonl"))
 * })
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const expectReplay = (
  exported: string | ReadonlyArray<string>
): Effect.Effect<void, NotReplayed | ReplayDiffers, Runtime> =>
  Effect.flatMap(Runtime, (runtime) => Effect.flatMap(runtime.replay(exported), expectSame))
