import { assert, describe, it } from "@effect/vitest"
import { Parking } from "@reins/wire"
import { Log } from "./Log.ts"

const parkedAt = (log: Log, answered: ReadonlyArray<string> = []) => {
  const parking = new Parking.Parking()
  for (const envelope of log.envelopes) parking.step(envelope)
  parking.expect(answered)
  return parking.isParked
}

const gated = () =>
  new Log().step().call("c1", "pay", {}).call("c2", "look", {}).ask("apr-1", "pay", {}, { call: "c1" })

describe("a run", () => {
  it("is not parked while a sibling runs, and is parked when it has ended", () => {
    assert.isFalse(parkedAt(gated()))
    assert.isTrue(parkedAt(gated().result("c2", 1)))
    assert.isFalse(parkedAt(gated().result("c2", 1).answer("apr-1", "approve")))
  })

  it("is not parked on questions that are being answered", () => {
    assert.isFalse(parkedAt(gated().result("c2", 1), ["apr-1"]))
  })

  it("is parked when all of its specialists' calls wait", () => {
    const below = () => new Log().step().agent("a1", "helper", "x").below("helper", "a1").step()
    assert.isFalse(parkedAt(below()))
    assert.isFalse(parkedAt(below().call("c1", "pay", {})))
    assert.isTrue(parkedAt(below().call("c1", "pay", {}).ask("apr-1", "pay", {}, { call: "c1" })))
  })

  it("is parked on a plan or a budget only when nothing runs beside it", () => {
    assert.isTrue(parkedAt(new Log().step().ask("apr-1", "plan-1", {}, "plan")))
    assert.isFalse(parkedAt(new Log().step().call("c1", "look", {}).ask("apr-1", "maxSteps", {}, "budget")))
  })

  it("is parked on a plan while the call that proposed it is open, also on several at once", () => {
    const planned = () => new Log().step().call("c1", "carry_out", { steps: ["a"] })
    assert.isFalse(parkedAt(planned()))
    assert.isTrue(parkedAt(planned().ask("apr-1", "plan-1", { steps: ["a"] }, "plan")))
    assert.isFalse(parkedAt(planned().ask("apr-1", "plan-1", { steps: ["a"] }, "plan"), ["apr-1"]))
    assert.isFalse(
      parkedAt(
        planned()
          .ask("apr-1", "plan-1", { steps: ["a"] }, "plan")
          .answer("apr-1", "approve")
      )
    )
    const both = () => planned().call("c2", "carry_out", { steps: ["a"] })
    assert.isFalse(parkedAt(both().ask("apr-1", "plan-1", { steps: ["a"] }, "plan")))
    const asked = () =>
      both()
        .ask("apr-1", "plan-1", { steps: ["a"] }, "plan")
        .ask("apr-2", "plan-2", { steps: ["a"] }, "plan")
    assert.isTrue(parkedAt(asked()))
    assert.isTrue(
      parkedAt(
        both()
          .call("c3", "locate", {}, "client")
          .say(
            ...asked()
              .envelopes.slice(3)
              .map((one) => one.event)
          )
      )
    )
  })

  it("is parked on a specialist's plan, and on a budget beside calls that wait", () => {
    const below = new Log().step().agent("a1", "helper", "x").below("helper", "a1").step()
    const planned = below.call("c1", "carry_out", {}).ask("apr-1", "plan-1", {}, "plan")
    assert.isTrue(parkedAt(planned))
    const waiting = new Log().step().call("c1", "locate", {}, "client").ask("apr-1", "maxSteps", { max: 1 }, "budget")
    assert.isTrue(parkedAt(waiting))
  })

  it("is parked on a call that the client must run", () => {
    assert.isTrue(parkedAt(new Log().step().call("c1", "locate", {}, "client")))
    assert.isFalse(parkedAt(new Log().step().call("c1", "locate", {}, "client"), ["c1"]))
  })
})
