import { assert, describe, it } from "@effect/vitest"
import { AgUiEvent, dialect } from "@reins/wire/ag-ui"
import { ask } from "../Ask.ts"
import { asText, isTheirs, play } from "../Play.ts"
import { reading } from "../Reading.ts"
import { rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const read = reading("ag-ui", { schema: AgUiEvent, waits: false })

suite("AG-UI", () => ({
  open: dialect.open,
  read: (answers) => {
    // A message may go on under its id; ours do not.
    const ids = answers.flat().flatMap(({ data }) => {
      const event = JSON.parse(data)
      return event.type === "TEXT_MESSAGE_START" ? [event.messageId] : []
    })
    rule(new Set(ids).size === ids.length, "a message has an id of its own", ids)
    return read(answers)
  },
  retracts: false,
  result: (settled) => (isTheirs(settled) ? undefined : asText(settled))
}))

it("does not send a client's own result back, except to a reader that reads the run again", () => {
  const results = (frames: ReadonlyArray<{ readonly data: string }>) =>
    frames.filter(({ data }) => data.includes("TOOL_CALL_RESULT") && data.includes("lat"))
  assert.isEmpty(results(play(dialect.open, scenario("client tool")).flat()))
  const encoder = dialect.open()
  assert.lengthOf(results(scenario("client tool").flatMap((envelope) => encoder.step(envelope))), 1)
})

describe("an interrupt", () => {
  it("includes the questions of specialists, and suspends them", () => {
    const [first = []] = play(dialect.open, scenario("specialist that asks"))
    const events = first.map(({ data }) => JSON.parse(data))
    const last = events.at(-1)
    assert.deepStrictEqual(
      last.outcome.interrupts.map(({ id }: { readonly id: string }) => id),
      ["apr-1", "apr-2"]
    )
    assert.deepStrictEqual(events.find(({ type }) => type === "SUBAGENT_FINISHED").outcome, {
      type: "suspended",
      interruptIds: ["apr-2"]
    })
  })

  it("lists client calls by id, only for clients of version 1.0", () => {
    const outcome = (version: string | undefined) => {
      const { answer } = ask(
        dialect,
        "POST /run",
        { threadId: "t", runId: "r", messages: [{ id: "m", role: "user", content: "hi" }] },
        { headers: version === undefined ? {} : { "x-ag-ui-version": version } }
      )
      rule(answer._tag === "Stream", "it streams", answer)
      const [first = []] = play(answer.open, scenario("client tool"))
      return JSON.parse(first.at(-1)?.data ?? "{}").outcome
    }
    assert.deepStrictEqual(outcome("1.0"), { type: "success", pendingToolCallIds: ["c1"] })
    assert.deepStrictEqual(outcome("0.9"), { type: "success" })
    assert.deepStrictEqual(outcome(undefined), { type: "success" })
  })
})
