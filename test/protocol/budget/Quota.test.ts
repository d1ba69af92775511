/** Quotas: which are valid, which window a moment is in, and that what runs are given of one never passes it. */
import { assert, describe, it } from "@effect/vitest"
import { Quota } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"

const hour = 60 * 60 * 1000
const at = (iso: string) => Date.parse(iso)
const shown = (window: Quota.Calendar, timeZone: string, iso: string) => {
  const { from, until } = Quota.span(window, timeZone, at(iso))
  return [new Date(from).toISOString(), new Date(until ?? 0).toISOString()]
}

describe("the window of a quota", () => {
  it.each([
    ["day", "UTC", "2024-02-29T12:00:00Z", "2024-02-29T00:00:00.000Z", "2024-03-01T00:00:00.000Z"],
    ["month", "UTC", "2024-02-29T12:00:00Z", "2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z"],
    ["month", "UTC", "2023-02-28T23:59:59Z", "2023-02-01T00:00:00.000Z", "2023-03-01T00:00:00.000Z"],
    ["month", "UTC", "2024-01-31T12:00:00Z", "2024-01-01T00:00:00.000Z", "2024-02-01T00:00:00.000Z"],
    // 23 and 25 hours.
    ["day", "Europe/Berlin", "2024-03-31T12:00:00Z", "2024-03-30T23:00:00.000Z", "2024-03-31T22:00:00.000Z"],
    ["day", "Europe/Berlin", "2024-10-27T12:00:00Z", "2024-10-26T22:00:00.000Z", "2024-10-27T23:00:00.000Z"],
    ["week", "Europe/Berlin", "2024-03-31T12:00:00Z", "2024-03-24T23:00:00.000Z", "2024-03-31T22:00:00.000Z"],
    // A day that begins at 1, and one whose midnight comes twice.
    ["day", "Africa/Cairo", "2024-04-26T12:00:00Z", "2024-04-25T22:00:00.000Z", "2024-04-26T21:00:00.000Z"],
    ["day", "America/Havana", "2024-11-03T05:30:00Z", "2024-11-03T04:00:00.000Z", "2024-11-04T05:00:00.000Z"],
    ["day", "Asia/Kathmandu", "2024-11-03T05:30:00Z", "2024-11-02T18:15:00.000Z", "2024-11-03T18:15:00.000Z"]
  ] as const)("is the %s of %s at %s", (window, zone, iso, from, until) => {
    assert.deepStrictEqual(shown(window, zone, iso), [from, until])
  })

  it("contains its time, begins where the previous one ends, and splits no bucket", () => {
    const random = Generated.seeded(7)
    const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo"]
    for (let round = 0; round < 2000; round++) {
      const zone = zones[round % zones.length] ?? "UTC"
      const window = (["day", "week", "month"] as const)[round % 3] ?? "day"
      const now = at("2020-01-01T00:00:00Z") + Math.floor(random() * 10 * 365 * 24 * hour)
      const { from, grain, until = 0 } = Quota.span(window, zone, now)
      const where = `${window} ${zone} ${new Date(now).toISOString()}`
      assert.isTrue(from <= now && now < until, where)
      assert.strictEqual(Quota.span(window, zone, from - 1).until, from, where)
      assert.strictEqual(Quota.span(window, zone, until).from, until, where)
      assert.deepStrictEqual([from % grain, until % grain], [0, 0], where)
      // What is used now counts to the end of the window, and no longer.
      const bucket = Quota.bucketOf(grain, now)
      assert.isTrue(bucket > from && bucket <= until, where)
    }
  })

  it("that slides counts use within its length, and forgets it late by at most a hundredth", () => {
    const random = Generated.seeded(8)
    for (let round = 0; round < 2000; round++) {
      const window = 1000 + Math.floor(random() * 40 * 24 * hour)
      const used = Math.floor(random() * 1e12)
      const { grain } = Quota.span(window, undefined, used)
      const counts = (now: number) => Quota.bucketOf(grain, used) > Quota.span(window, undefined, now).from
      assert.isTrue(counts(used) && counts(used + window - 1), `${window} ${used}`)
      assert.isFalse(counts(used + window + Math.ceil(window / 100) + 1), `${window} ${used}`)
    }
  })
})

describe("a quota", () => {
  it.each([
    [{ maxCostUsd: NaN }, "maxCostUsd"],
    [{ maxCostUsd: -1 }, "maxCostUsd"],
    [{ maxCostUsd: 1e10 }, "maxCostUsd"],
    [{ maxRuns: 1.5 }, "maxRuns"],
    [{ maxRuns: NaN }, "maxRuns"],
    [{ maxTotalTokens: -1 }, "maxTotalTokens"],
    [{ maxTotalTokens: 2 ** 53 }, "maxTotalTokens"],
    [{ window: 0 }, "window"],
    [{ window: NaN }, "window"],
    [{ window: Infinity }, "window"],
    [{ timeZone: "Mars/Olympus" }, "timeZone"],
    [{ window: "30 days", timeZone: "UTC" }, "timeZone"],
    [{ name: "" }, "name"],
    [{ per: "planet" }, "per"],
    [{ maxSteps: 3 }, "maxSteps"]
  ] as const)("with %o is refused by the name of its field", (over, field) => {
    const invalid = Quota.validate(Quota.make({ per: "tenant", window: "day", ...(over as object) }))
    assert.strictEqual(invalid?.field, field)
  })

  it("is valid with no limit, without a limit, and with 0", () => {
    for (const limits of [{}, { maxRuns: Infinity }, { maxRuns: 0, maxCostUsd: 0, maxTotalTokens: 0 }]) {
      assert.isUndefined(Quota.validate(Quota.make({ per: "principal", window: "30 days", ...limits })))
    }
  })

  it("counts principals and tenants under separate keys, whatever their names are", () => {
    const tenants = Quota.make({ name: "q", per: "tenant", window: "day" })
    const principals = Quota.make({ name: "q", per: "principal", window: "day" })
    const key = (quota: Quota.Quota, resourceId: string, principal?: string) =>
      Quota.charges([quota], { resourceId, principal })[0]?.key
    const keys = [
      key(tenants, "a"),
      key(principals, "a"),
      key(principals, "a", "b"),
      key(principals, 'a","b'),
      key(principals, "a", 'b"]'),
      key(tenants, 'a","b')
    ]
    assert.strictEqual(new Set(keys).size, keys.length)
    assert.strictEqual(key(tenants, "a", "b"), key(tenants, "a"))
  })
})

describe("what is booked of a run", () => {
  it("adds up to its last total, and takes nothing back at a time before it was booked", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = Generated.seeded(seed)
      const buckets = new Map<number, number>()
      let before: Quota.Booking = { at: 0, nanoUsd: 0, tokens: 0 }
      let settled = 0
      for (let turn = 1; turn <= 8; turn++) {
        // An owner reports more at a later time; the next one knows less of it, and when what it knows was used.
        const isNext = random() < 0.4
        const tokens = isNext ? settled + Math.floor(random() * (before.tokens - settled + 1)) : before.tokens + turn
        const at = isNext ? Math.floor(random() * turn) : turn
        if (isNext || random() < 0.5) settled = tokens
        const used = [{ at, nanoUsd: 2 * tokens, tokens }]
        for (const one of Quota.increments(used, before)) {
          if (one.tokens < 0) assert.isAtLeast(one.at, before.at)
          assert.strictEqual(one.nanoUsd, 2 * one.tokens)
          buckets.set(one.at, (buckets.get(one.at) ?? 0) + one.tokens)
        }
        before = Quota.booked(used, before)
        assert.strictEqual(
          [...buckets.values()].reduce((sum, value) => sum + value, 0),
          tokens
        )
      }
    }
  })
})

describe("what runs get of a quota", () => {
  it("is never more than what is left, never less than they need if that is left, and names the limit that is short", () => {
    const random = Generated.seeded(9)
    const upTo = (max: number) => Math.floor(random() * max)
    for (let round = 0; round < 5000; round++) {
      const standings = Array.from({ length: 1 + upTo(3) }, (_, index): Quota.Standing => ({
        quota: Quota.make({
          name: `q${index}`,
          per: "tenant",
          window: "day",
          ...(random() < 0.7 ? { maxCostUsd: upTo(1000) / 1e9 } : {}),
          ...(random() < 0.7 ? { maxTotalTokens: upTo(1000) } : {})
        }),
        used: { nanoUsd: upTo(600), tokens: upTo(600), runs: 0 },
        reserved: { nanoUsd: upTo(300), tokens: upTo(300) },
        resetsAt: undefined
      }))
      const need = { nanoUsd: upTo(300), tokens: upTo(300) }
      const spare = random() < 0.5
      const granted = Quota.grant(standings, need, spare)
      let isShort = false
      for (const name of ["nanoUsd", "tokens"] as const) {
        const left = Math.min(
          ...standings.map(({ quota, reserved, used }) => Quota.limitsOf(quota)[name] - used[name] - reserved[name])
        )
        const given = granted[name]
        assert.isTrue(left === Infinity ? given === Infinity : given <= Math.max(0, left), `round ${round}`)
        assert.isTrue(given >= Math.min(need[name], Math.max(0, left)), `round ${round}`)
        if (!spare && left !== Infinity) assert.isAtMost(given, need[name], `round ${round}`)
        if (given < need[name]) isShort = true
      }
      assert.strictEqual(granted.short !== undefined, isShort, `round ${round}`)
    }
  })
})
