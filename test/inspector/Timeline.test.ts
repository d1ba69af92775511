import { assert, describe, it } from "@effect/vitest"
import { generate, seeded } from "@reins/protocol/testing"
import { Timeline } from "../../packages/inspector/page/Timeline.ts"

describe("the timeline of a run", () => {
  it("closes every interval by the end of a complete log, within the time of the run", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const log = generate(seeded(seed))
      const timeline = new Timeline()
      for (const envelope of log) timeline.step(envelope)
      const { endedAt, spans, startedAt } = timeline
      assert.strictEqual(startedAt, log[0]?.at)
      assert.strictEqual(endedAt, log.at(-1)?.at)
      for (const { from, label, to } of spans) {
        assert.isDefined(to, `${label} of seed ${seed}`)
        assert.isTrue(from >= (startedAt ?? 0) && (to ?? 0) >= from && (to ?? 0) <= (endedAt ?? 0))
      }
    }
  })
})
