/**
 * The scripted model of each workload, without latency and the same for every contestant: an async generator that
 * yields one part at a time, as a provider's stream does, and depends only on the step. Contestants define how their
 * model interface encodes a part, so that none pays for a conversion.
 */

/** How a contestant writes the parts of an answer. */
export interface Voice<P> {
  readonly text: (text: string) => P
  /** `args` is JSON text, as providers send it. */
  readonly call: (id: string, args: string) => P
  readonly finish: (calls: boolean) => P
}

/** Answers step `step` of a run, counted from 1. */
export type Script = <P>(step: number, voice: Voice<P>) => AsyncGenerator<P>

/**
 * The one tool, in every workload. It returns at once, except for every other number below zero: these take a
 * millisecond, like a tool that calls a nearby service.
 */
export const tool = {
  name: "work",
  description: "Does a piece of work",
  answer: (n: number): Answer | Promise<Answer> =>
    n < 0 && n % 2 === 0
      ? new Promise((resolve) => {
          setTimeout(() => resolve({ doubled: n * 2 }), 1)
        })
      : { doubled: n * 2 }
}

interface Answer {
  readonly doubled: number
}

/** One step of text, delta by delta. */
export const text = (deltas: number): Script =>
  async function* (_step, voice) {
    for (let index = 0; index < deltas; index++) yield voice.text("word ")
    yield voice.finish(false)
  }

/** The same text, each delta in its own turn of the event loop, as from a remote provider. */
export const slowly = (deltas: number): Script =>
  async function* (_step, voice) {
    for (let index = 0; index < deltas; index++) {
      await new Promise((resolve) => setImmediate(resolve))
      yield voice.text("word ")
    }
    yield voice.finish(false)
  }

/** `count` steps with one call each, then a word. */
export const steps = (count: number): Script =>
  async function* (step, voice) {
    if (step > count) yield voice.text("done")
    else yield voice.call(`call-${step}`, `{"n":${step}}`)
    yield voice.finish(step <= count)
  }

/** One step with `count` calls, then a word. `mixed`: every other call takes a millisecond. */
export const calls = (count: number, mixed = false): Script =>
  async function* (step, voice) {
    if (step > 1) yield voice.text("done")
    else for (let n = 1; n <= count; n++) yield voice.call(`call-${n}`, `{"n":${mixed ? -n : n}}`)
    yield voice.finish(step === 1)
  }

/** The script, held before step `at` until `wanted` runs have come that far; then `all` is called, once. */
export const gathered = (script: Script, at: number, wanted: number, all: () => void): Script => {
  let come = 0
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return async function* (step, voice) {
    if (step === at) {
      if (++come === wanted) {
        all()
        open()
      }
      await opened
    }
    yield* script(step, voice)
  }
}
