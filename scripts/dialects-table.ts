/**
 * Writes `docs/dialects.md`, or with `--check` verifies that it is up to date.
 *
 * The tables come from running every codec over a log with every kind of event, each with its own marker words: a
 * dialect carries an event when its words come out again. Below the tables are the codecs' own headers.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Envelope } from "../packages/protocol/src/event/Envelope.ts"
import type { Field, Fields } from "../packages/wire/src/Body.ts"
import type { Dialect, Encoder } from "../packages/wire/src/Dialect.ts"
import { answers, beginning, ending, failure, middle } from "./dialects-sample.ts"
import type { Row } from "./dialects-sample.ts"

const file = fileURLToPath(new URL("../docs/dialects.md", import.meta.url))
const source = new URL("../packages/wire/src/", import.meta.url)

type Found = "carries" | "in part" | "later" | "later, in part" | "–"

const envelopes = (rows: ReadonlyArray<Row>): ReadonlyArray<Envelope> =>
  rows.map(({ event, path }, index) => ({
    seq: index + 1,
    at: index,
    runId: "run-1",
    threadId: "thread-1",
    agentPath: path ?? [],
    event
  }))

/** An encoder's output for each row: the data of its own frames, and that of all later frames. */
const run = (encoder: Encoder, rows: ReadonlyArray<Row>) => {
  const said: Array<string> = []
  const log = envelopes(rows)
  const pause = rows.findIndex((row) => row === answers[0])
  for (const [index, envelope] of log.entries()) {
    const closing = index === pause && encoder.isDetached
    if (closing) said[index - 1] += text(encoder.finish())
    const opening = closing ? text(encoder.reopen(["w-approval", "c4"])) : ""
    said.push(opening + text(encoder.step(envelope)))
  }
  said.push(text(encoder.finish()))
  return said
}

const text = (frames: ReturnType<Encoder["finish"]>): string => frames.map(({ data }) => data).join("\n")

const judge = ({ or = "\0", partly = "\0", words }: Row, said: ReadonlyArray<string>, index: number): Found => {
  const own = said[index] ?? ""
  if (words.length === 0) return own === "" ? "–" : "carries"
  const now = words.filter((word) => own.includes(word))
  if (now.length === words.length || own.includes(or)) return "carries"
  const later = said.slice(index + 1).join("\n")
  const ever = words.filter((word) => own.includes(word) || later.includes(word))
  if (now.length > 0) return "in part"
  if (ever.length === words.length || later.includes(or)) return "later"
  return ever.length > 0 || later.includes(partly) ? "later, in part" : "–"
}

const table = (dialects: ReadonlyArray<Dialect>): string => {
  const lines = new Map<string, Array<string>>()
  for (const dialect of dialects) {
    for (const rows of [[...beginning, ...middle, ...answers, ...ending], failure]) {
      const said = run(dialect.open(), rows)
      for (const [index, row] of rows.entries()) {
        if (row.title === "") continue
        const cells = lines.get(row.title) ?? []
        cells.push(judge(row, said, index))
        lines.set(row.title, cells)
      }
    }
  }
  const ends = dialects.map((dialect) => {
    const encoder = dialect.open()
    for (const envelope of envelopes([...beginning, ...middle.filter(({ title }) => !title.includes("client"))])) {
      encoder.step(envelope)
    }
    return encoder.isDetached ? "ends" : "stays open"
  })
  const clients = dialects.map((dialect) => {
    const encoder = dialect.open()
    const ofClient = middle.filter(({ title }) => title.endsWith("call for the client"))
    for (const envelope of envelopes([...beginning, ...middle.slice(0, 1), ...ofClient])) encoder.step(envelope)
    return encoder.isDetached ? "ends" : "stays open"
  })
  const row = (head: string, cells: ReadonlyArray<string>) => `| ${[head, ...cells].join(" | ")} |`
  const names = dialects.map(({ name }) => `\`${name}\``)
  const rule = ["---", ...dialects.map(() => "---")].join(" | ")
  return [
    row("event", names),
    `| ${rule} |`,
    ...[...lines].map(([title, cells]) => row(title, cells)),
    "",
    row("the answer, while the run waits for", names),
    `| ${rule} |`,
    row("a person", ends),
    row("a client tool", clients),
    "",
    row("unless the server says otherwise", names),
    `| ${rule} |`,
    row(
      "a message on a busy thread",
      dialects.map(({ onBusy = "reject" }) => busy[onBusy])
    ),
    row(
      "the run, when its client disconnects",
      dialects.map(({ onDisconnect = "keep" }) => (onDisconnect === "keep" ? "goes on" : "is cancelled"))
    )
  ].join("\n")
}

const busy: { readonly [O in NonNullable<Dialect["onBusy"]>]: string } = {
  reject: "is refused",
  queue: "waits",
  "cancel-previous": "supersedes",
  "cancel-waiting": "supersedes one that waits",
  steer: "steers",
  "steer-or-cancel": "steers while it is read"
}

/** The file header in a dialect's folder that says what the dialect carries. */
const header = (folder: string): string => {
  const said = readdirSync(new URL(`${folder}/`, source))
    .sort()
    .map((name) => readFileSync(new URL(`${folder}/${name}`, source), "utf8"))
    .map((code) => /^\/\*\*\n([\s\S]*?)\n \*\//.exec(code)?.[1] ?? "")
    .filter((comment) => /\bCarries\b/.test(comment) && /\bLoses\b/.test(comment))
  return said.map((comment) => comment.replaceAll(/^ \* ?/gm, "")).join("\n\n")
}

const folders = readdirSync(source)
  // `check` reads dialects, and is none.
  .filter((name) => name !== "check" && existsSync(new URL(`${name}/index.ts`, source)))
  .sort()

/** The tables of these dialects; versions of one protocol share some. */
const fieldsOf = (dialects: ReadonlyArray<Dialect>): ReadonlyArray<readonly [string, Fields]> => [
  ...new Map(dialects.flatMap(({ fields = {} }) => Object.entries(fields)))
]

const sayingOf = ({ does, says, takes = [] }: Field): string => {
  const taken = takes.map((one) => `\`${JSON.stringify(one)}\``).join(", ")
  const saying = does === "refused" ? `${says[0]?.toUpperCase()}${says.slice(1)}` : says
  return taken === "" ? saying : `${saying}. Accepted: ${taken}`
}

const isDialect = (value: unknown): value is Dialect =>
  typeof value === "object" && value !== null && "open" in value && "routes" in value

const page = async (): Promise<string> => {
  const found = await Promise.all(
    folders.map(async (folder) => {
      const module: object = await import(new URL(`${folder}/index.ts`, source).href)
      return { folder, dialects: Object.values(module).filter(isDialect) }
    })
  )
  const sections = found.flatMap(({ dialects, folder }) => [
    `## ${dialects.map(({ title }) => title).join(", ")}`,
    "",
    header(folder),
    "",
    ...fieldsOf(dialects).flatMap(([line, rows]) => [
      `Fields of \`${line}\`:`,
      "",
      "| field | | |",
      "| --- | --- | --- |",
      ...Object.entries(rows).map(([path, field]) => `| \`${path}\` | ${field.does} | ${sayingOf(field)} |`),
      ""
    ]),
    "| method | path |",
    "| --- | --- |",
    ...dialects.flatMap(({ name, routes, socket }) =>
      [...routes, ...(socket === undefined ? [] : [{ method: "WebSocket", path: socket.path }])].map(
        ({ method, path }) => `| ${method} | \`${dialects.length > 1 ? `(${name}) ` : ""}${path}\` |`
      )
    ),
    ""
  ])
  return `${[
    "# Dialects",
    "",
    "<!-- Generated by scripts/dialects-table.ts from the codecs. Do not edit. -->",
    "",
    "How each dialect represents each event. The table is generated by running the codecs.",
    "",
    "- **carries**: all of it, when it happens. **in part**: some of its fields.",
    "- **later**: held, and sent after later events. **–**: lost.",
    "- `native` is shown with `view=all`; without it a reader sees the root agent and every approval.",
    "- `openai-chat` is shown with `include_events`; without it only text, reasoning, client calls, the end and errors.",
    "- `aap` is shown in mode `delta`.",
    "",
    "What becomes of each field of a request is listed with each dialect: it is **honoured**, it is **ignored** since that is harmless, or",
    "the request is **refused** with 400 and an error that names the field. Fields that no row names are ignored: clients send new ones",
    "all the time. `Dialect.fields` is the same table for programs, and what the decoders refuse by.",
    "",
    table(found.flatMap(({ dialects }) => dialects)),
    "",
    ...sections
  ]
    .join("\n")
    .trimEnd()}\n`
}

const made = await page()
if (!process.argv.includes("--check")) {
  writeFileSync(file, made)
} else if (!existsSync(file) || readFileSync(file, "utf8") !== made) {
  console.error("docs/dialects.md is out of date. Run: node scripts/dialects-table.ts")
  process.exitCode = 1
}
