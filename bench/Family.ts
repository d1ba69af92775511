/**
 * A family of the bench: its contestants, its workloads, and the base of its ratios. Frameworks are one, stores
 * another.
 */

export interface Figure {
  readonly title: string
  readonly unit: "µs" | "ms" | "B" | "KB" | "/s" | "×" | "calls"
}

/** Figures by name; absent if a contestant does not support them. */
export type Figures = { readonly [figure: string]: number }

/** A workload for contestants of one kind. */
export interface Workload<C> {
  readonly title: string
  readonly figures: { readonly [figure: string]: Figure }
  readonly measure: (contestant: C, quick: boolean) => Promise<Figures>
}

/** A prerequisite that has to be installed or started: the peers' packages, a Postgres server, the built packages. */
export type Need = "built" | "peers" | "postgres"

/** A contestant by its title, loaded only in the process that measures it. */
export interface Entry<C> {
  readonly title: string
  readonly needs?: Need | undefined
  /** Whether it is from this repository, so that another revision of it can be measured. */
  readonly isOurs?: boolean | undefined
  readonly load: () => Promise<C>
}

type Named<A> = { readonly [name: string]: A }

export interface Family {
  /** The contestant that is the base of the ratios. */
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
    if (measured === undefined || load === undefined)
      throw new Error(`Unknown contestant ${name} or workload ${workload}`)
    return measured.measure(await load(), quick)
  }
})

/** The median of the values. */
export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
