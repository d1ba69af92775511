/** The commands of a chat, which begin with a slash. Pure. */

export type SlashCommand =
  | { readonly _tag: "Model"; readonly name: string | undefined }
  | { readonly _tag: "Cost" }
  | { readonly _tag: "Threads" }
  | { readonly _tag: "Resume"; readonly thread: string }
  | { readonly _tag: "New" }
  | { readonly _tag: "Fork"; readonly at: number | undefined }
  | { readonly _tag: "Rewind"; readonly to: number | undefined }
  | { readonly _tag: "Return"; readonly to: number | undefined }
  | { readonly _tag: "Budget"; readonly limits: string | undefined }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Exit" }
  | { readonly _tag: "Unknown"; readonly why: string }

/** The commands with what they take and do, for help. */
export const commands: ReadonlyArray<readonly [usage: string, what: string]> = [
  ["/model [NAME]", "show the model, or go on with another"],
  ["/cost", "what the last run and this thread have cost"],
  ["/budget [LIMITS]", "show the limits of a run, or set them: steps=12,usd=0.25,time=2m"],
  ["/threads", "list the threads of this store"],
  ["/resume ID", "go on with a thread, by its id or its number in the list"],
  ["/new", "begin a new thread"],
  ["/fork [N]", "go on with a copy of this thread, or of its first N messages"],
  ["/rewind [N]", "list what you asked, or go back to before the Nth and ask it differently"],
  ["/return [N]", "list what was replaced in this thread, or return to the Nth"],
  ["/help", "this list"],
  ["/exit", "leave; Ctrl-D does, too"]
]

/** Reads a line; absent if it is a message and not a command. */
export const parse = (line: string): SlashCommand | undefined => {
  const [, name, rest = ""] = /^\s*\/([a-z]*)\s*(.*?)\s*$/is.exec(line) ?? []
  if (name === undefined) return undefined
  const given = rest === "" ? undefined : rest
  switch (name.toLowerCase()) {
    case "model":
      return { _tag: "Model", name: given }
    case "cost":
      return { _tag: "Cost" }
    case "budget":
      return { _tag: "Budget", limits: given }
    case "threads":
      return { _tag: "Threads" }
    case "resume":
      return given === undefined
        ? { _tag: "Unknown", why: "Name a thread: /resume ID. /threads lists them." }
        : { _tag: "Resume", thread: given }
    case "new":
      return { _tag: "New" }
    case "fork":
      if (given === undefined) return { _tag: "Fork", at: undefined }
      return /^\d+$/.test(given)
        ? { _tag: "Fork", at: Number(given) }
        : { _tag: "Unknown", why: "A fork takes a number of messages: /fork 4" }
    case "rewind":
      return numbered("Rewind", given)
    case "return":
      return numbered("Return", given)
    case "help":
    case "":
      return { _tag: "Help" }
    case "exit":
    case "quit":
      return { _tag: "Exit" }
    default:
      return { _tag: "Unknown", why: `There is no command /${name}. /help lists them.` }
  }
}

/** A command that takes the number of a line that it lists without one. */
const numbered = (tag: "Rewind" | "Return", given: string | undefined): SlashCommand => {
  if (given === undefined) return { _tag: tag, to: undefined }
  const name = tag.toLowerCase()
  return /^\d+$/.test(given)
    ? { _tag: tag, to: Number(given) }
    : { _tag: "Unknown", why: `/${name} takes a number of its list: /${name} 1` }
}
