/**
 * Prerequisites of contestants, prepared on first use: the peers' packages, or a Postgres server that lives as long as
 * the bench. If one is not available, its contestants are left out with a message.
 */
import type { Need } from "./Family.ts"
import * as Peers from "./Peers.ts"
import * as Start from "./Start.ts"

export class Needs {
  /** The environment of the measuring processes. */
  environment: { readonly [name: string]: string } = {}
  private readonly asked = new Map<Need, boolean>()
  private readonly ends: Array<() => Promise<void> | void> = []

  /** Whether it is available, once prepared. */
  async met(need: Need | undefined): Promise<boolean> {
    if (need === undefined) return true
    let met = this.asked.get(need)
    if (met === undefined) this.asked.set(need, (met = await this.get(need)))
    return met
  }

  /** Ends and removes what was made for the bench. */
  async end(): Promise<void> {
    for (const end of this.ends) await end()
  }

  private async get(need: Need): Promise<boolean> {
    if (need === "peers") return told("The peers", Peers.install())
    if (need === "built") {
      const { folder, remove } = await Start.stage()
      this.ends.push(remove)
      this.environment = { ...this.environment, [Start.variable]: folder }
      return true
    }
    try {
      const Postgres = await import("./stores/PostgresServer.ts")
      const { stop, url } = await Postgres.start()
      this.ends.push(stop)
      this.environment = { ...this.environment, [Postgres.variable]: url }
      return true
    } catch (error) {
      return told("Postgres", String(error))
    }
  }
}

const told = (what: string, problem: string | undefined): boolean => {
  if (problem !== undefined) process.stderr.write(`${what} left out, not available: ${problem.trim()}\n`)
  return problem === undefined
}
