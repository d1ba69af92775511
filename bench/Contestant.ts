/**
 * What every contestant can do: carry a scripted run to its end, in the way its documentation tells people to consume it.
 */
import type { Script } from "./Script.ts"

export interface Contestant {
  /** Whatever is made once per process or service: an agent, a runtime. Its cost is not measured. */
  readonly open: (script: Script, options: { readonly gated: boolean }) => Promise<Opened>
}

export interface Opened {
  /** Carries one run to its end and hands over each text as the consumer's loop gets it. */
  readonly run: (onText: (text: string) => void) => Promise<void>
  /** Starts `count` runs whose tool asks first; resolves when all wait for a person. Absent: this contestant cannot. */
  readonly park?: ((count: number) => Promise<Parked>) | undefined
}

export interface Parked {
  /** Allows all calls; resolves when all runs have ended. */
  readonly resume: () => Promise<void>
}
