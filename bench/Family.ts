/**
 * A family of the bench: who is measured, in which workloads, and over whom the ratios are. Frameworks are one, stores
 * another.
 */

export interface Figure {
  readonly title: string
  readonly unit: "µs" | "ms" | "B" | "KB" | "/s" | "×"
}

/** Figures by name; those that a contestant has no answer to are absent. */
export type Figures = { readonly [figure: string]: number }

/** What is measured of a contestant of some kind. */
export interface Workload<C> {
  readonly title: string
  readonly figures: { readonly [figure: string]: Figure }
  readonly measure: (contestant: C, quick: boolean) => Promise<Figures>
}

/**
 * What a contestant needs that is not there at once: the peers' packages, a Postgres server, the packages as they are
 * built.
 */
export type Need = "built" | "peers" | "postgres"

/** A contestant by its title, loaded only in the process that measures it. */
export interface Entry<C> {
  readonly title: string
  readonly needs?: Need | undefined
  /** Whether it is made of this repository, so that another revision of it can be measured beside it. */
  readonly isOurs?: boolean | undefined
  readonly load: () => Promise<C>
}

type Named<A> = { readonly [name: string]: A }

export interface Family {
  /** The contestant that ratios are over. */
  readonly base: string
  readonly entries: Named<Omit<Entry<unknown>, "load">>
  readonly workloads: Named<Omit<Workload<unknown>, "measure">>
  readonly measure: (entry: string, workload: string, quick: boolean) => Promise<Figures>
}

export const make = <C>(base: string, entries: Named<Entry<C>>, workloads: Named<Workload<C>>): Family => ({
  base,
  entries,
  workloads,
  measure: async (name, workload, quick) => {
    const measured = workloads[workload]
    const load = entries[name]?.load
    if (measured === undefined || load === undefined) throw new Error(`there is no ${name} or no ${workload}`)
    return measured.measure(await load(), quick)
  }
})

/** The middle of the values. */
export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
