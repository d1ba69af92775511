/**
 * The source of each tool of an agent: a toolkit, an MCP server, its client tools or its specialists. A model calls all
 * of them by name, so names must be unique.
 */
import * as Predicate from "effect/Predicate"

interface Named {
  readonly name: string
}

/** The used names of one agent, each with its source. */
export class ToolSources {
  /** The first name with two sources, and the cure; absent: none. */
  clash: string | undefined = undefined
  private readonly taken = new Map<string, string>()
  private readonly agent: string

  constructor(agent: string) {
    this.agent = agent
  }

  /** Adds a tool or specialist of a source. Returns its name. */
  add({ name }: Named, source: string): string {
    const other = this.taken.get(name)
    if (other !== undefined) {
      this.clash ??=
        `Agent ${JSON.stringify(this.agent)} has two tools or specialists named ${JSON.stringify(name)}: ` +
        `one of ${other} and one of ${source}. Rename one, or give an MCP server a prefix`
    }
    this.taken.set(name, source)
    return name
  }

  /** Adds a tool of the toolkit at `index`, with the toolkit's class name, given name or position as the source. */
  of(tool: Named, toolkits: ReadonlyArray<unknown>, index: number): string {
    const toolkit = toolkits[index]
    const given = Predicate.hasProperty(toolkit, "name") && Predicate.isString(toolkit.name) ? toolkit.name : ""
    const place = toolkits.length === 1 ? "toolkit" : `toolkit[${index}]`
    return this.add(tool, given === "" ? place : given)
  }
}
