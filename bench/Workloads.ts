/**
 * The workloads of the frameworks: what is measured, how often, and in which unit. Each runs in a process of its own,
 * warmed up before it is measured, and returns figures by name.
 */
import { Session } from "node:inspector/promises"
import type { Contestant, Opened } from "./Contestant.ts"
import * as Family from "./Family.ts"
import * as Script from "./Script.ts"
import { W6 } from "./Web.ts"

type Workload = Family.Workload<Contestant>

/** The median duration of `times` calls, in milliseconds. */
const timed = async (times: number, work: () => Promise<unknown>): Promise<number> => {
  const taken: Array<number> = []
  for (let index = 0; index < times; index++) {
    const startedAt = performance.now()
    await work()
    taken.push(performance.now() - startedAt)
  }
  return Family.median(taken)
}

/** Milliseconds from asking to the first text. */
const firstText = async (opened: Opened): Promise<number> => {
  const startedAt = performance.now()
  let at = 0
  await opened.run(() => {
    if (at === 0) at = performance.now()
  })
  return at - startedAt
}

const silent = () => {}

const heap = (): number => {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error("Start this process with --expose-gc")
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

const W1: Workload = {
  title: "one step, 10,000 text deltas",
  figures: {
    delta: { title: "time per delta", unit: "µs" },
    warm: { title: "first text, warm", unit: "ms" },
    cold: { title: "first text, first run of the process", unit: "ms" }
  },
  measure: async (contestant, quick) => {
    const deltas = 10_000
    const few = await contestant.open(Script.text(10), { gated: false })
    const cold = await firstText(few)
    const many = await contestant.open(Script.text(deltas), { gated: false })
    let heard = 0
    const whole = () =>
      many.run((text) => {
        heard += text.length
      })
    await timed(quick ? 2 : 5, whole)
    heard = 0
    const times = quick ? 3 : 9
    const taken = await timed(times, whole)
    if (heard !== times * deltas * 5) throw new Error(`a consumer heard ${heard} characters`)
    const firsts: Array<number> = []
    for (let index = 0; index < (quick ? 50 : 300); index++) firsts.push(await firstText(few))
    return { delta: (taken * 1000) / deltas, warm: Family.median(firsts), cold }
  }
}

const W2: Workload = {
  title: "50, 200 and 800 steps with one tool call each",
  figures: {
    young: { title: "time per step, young process", unit: "µs" },
    warm: { title: "time per step, warm process", unit: "µs" },
    at50: { title: "time per step, 50 steps", unit: "µs" },
    at200: { title: "time per step, 200 steps", unit: "µs" },
    at800: { title: "time per step, 800 steps", unit: "µs" },
    growth: { title: "growth, 800 steps over 50", unit: "×" }
  },
  measure: async (contestant, quick) => {
    const perStep = async (steps: number, times: number) => {
      const opened = await contestant.open(Script.steps(steps), { gated: false })
      const run = () => opened.run(silent)
      await timed(Math.ceil(times / 3), run)
      return ((await timed(times, run)) * 1000) / steps
    }
    const whole = await contestant.open(Script.steps(50), { gated: false })
    const fifty = () => whole.run(silent)
    await fifty()
    const young = ((await timed(20, fifty)) * 1000) / 50
    const until = performance.now() + (quick ? 500 : 1500)
    while (performance.now() < until) await fifty()
    const warm = ((await timed(quick ? 20 : 60, fifty)) * 1000) / 50
    const at50 = await perStep(50, quick ? 20 : 60)
    const at200 = await perStep(200, quick ? 5 : 15)
    const at800 = await perStep(800, quick ? 2 : 5)
    return { young, warm, at50, at200, at800, growth: at800 / at50 }
  }
}

const W3: Workload = {
  title: "one step with 50 parallel tool calls",
  figures: {
    call: { title: "time per call", unit: "µs" },
    mixed: { title: "time per call, half of them taking 1 ms", unit: "µs" }
  },
  measure: async (contestant, quick) => {
    const count = 50
    const perCall = async (mixed: boolean) => {
      const opened = await contestant.open(Script.calls(count, mixed), { gated: false })
      const run = () => opened.run(silent)
      await timed(quick ? 20 : 60, run)
      return ((await timed(quick ? 40 : 150, run)) * 1000) / count
    }
    return { call: await perCall(false), mixed: await perCall(true) }
  }
}

const W4: Workload = {
  title: "1,000 concurrent runs of 5 steps, 4 of them with a tool call",
  figures: {
    run: { title: "time per run", unit: "µs" },
    memory: { title: "heap per run, all in their third step", unit: "KB" }
  },
  measure: async (contestant, quick) => {
    const count = 1000
    const all = (opened: Opened) => Promise.all(Array.from({ length: count }, () => opened.run(silent)))
    const opened = await contestant.open(Script.steps(4), { gated: false })
    await timed(quick ? 1 : 2, () => all(opened))
    const taken = await timed(quick ? 2 : 5, () => all(opened))
    let held = 0
    const before = heap()
    const script = Script.gathered(Script.steps(4), 3, count, () => {
      held = heap() - before
    })
    await all(await contestant.open(script, { gated: false }))
    return { run: (taken * 1000) / count, memory: held / count / 1024 }
  }
}

const W5: Workload = {
  title: "10,000 runs that wait for an approval",
  figures: {
    heap: { title: "heap per run", unit: "KB" },
    park: { title: "time to start a run and park it", unit: "µs" },
    resume: { title: "time to answer a run and end it", unit: "µs" }
  },
  measure: async (contestant, quick) => {
    const count = quick ? 2000 : 10_000
    const opened = await contestant.open(Script.steps(1), { gated: true })
    const { park } = opened
    if (park === undefined) return {}
    await (await park(200)).resume()
    const before = heap()
    const startedAt = performance.now()
    const parked = await park(count)
    const parkedAt = performance.now()
    const held = heap() - before
    const resumedAt = performance.now()
    await parked.resume()
    const endedAt = performance.now()
    return {
      heap: held / count / 1024,
      park: ((parkedAt - startedAt) * 1000) / count,
      resume: ((endedAt - resumedAt) * 1000) / count
    }
  }
}

/** The number of functions that are called during `work`, those of Node written in JavaScript included. */
const callsIn = async (session: Session, work: () => Promise<unknown>): Promise<number> => {
  await session.post("Profiler.takePreciseCoverage")
  await work()
  const { result } = await session.post("Profiler.takePreciseCoverage")
  let calls = 0
  for (const { functions } of result) for (const { ranges } of functions) calls += ranges[0]?.count ?? 0
  return calls
}

const calls: Workload = {
  title: "functions called, which does not depend on the machine and its load",
  figures: {
    step: { title: "a step of 50 with one tool call", unit: "calls" },
    park: { title: "to start a run and park it", unit: "calls" },
    resume: { title: "to answer a run and end it", unit: "calls" }
  },
  measure: async (contestant) => {
    const session = new Session()
    session.connect()
    await session.post("Profiler.enable")
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false })
    const opened = await contestant.open(Script.steps(50), { gated: false })
    await opened.run(silent)
    const step = (await callsIn(session, () => opened.run(silent))) / 50
    const { park } = await contestant.open(Script.steps(1), { gated: true })
    if (park === undefined) return { step }
    const count = 100
    await (await park(count)).resume()
    let resume: () => Promise<unknown> = () => Promise.resolve()
    const parked = await callsIn(session, async () => {
      resume = (await park(count)).resume
    })
    return { step, park: parked / count, resume: (await callsIn(session, resume)) / count }
  }
}

export const workloads: { readonly [name: string]: Workload } = {
  W1,
  W2,
  W3,
  W4,
  W5,
  W6,
  calls
}
