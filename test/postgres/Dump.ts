/**
 * A Postgres database as SQL: its tables, rows, keys and indexes, as statements that make it again in an empty database.
 * It knows what tables of a store consist of, and nothing else; `pg_dump` is no part of the server that the tests bring.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"

const tables = `SELECT c.oid::text AS oid, c.relname AS name FROM pg_class c
  WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname`

const columns = `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
    a.attgenerated::text AS generated, pg_get_expr(d.adbin, d.adrelid) AS initial
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

const constraints = `SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
  WHERE conrelid = $1::oid AND contype <> 'n' ORDER BY conname`

/** Indexes that no constraint makes. */
const indexes = `SELECT pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = $1::oid AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
  ORDER BY c.relname`

/** What would be lost: the store has none of it. */
const others = `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind NOT IN ('r', 'i')
  UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal`

interface Column {
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly generated: string
  readonly initial: string | null
}

const declared = ({ generated, initial, name, required, type }: Column): string => {
  const value =
    initial === null ? "" : generated === "" ? ` DEFAULT ${initial}` : ` GENERATED ALWAYS AS (${initial}) STORED`
  return `    ${name} ${type}${value}${required ? " NOT NULL" : ""}`
}

/** The statements, each ended by `;` and a line feed. */
export const dump = Effect.fnUntraced(function* (sql: PgClient.PgClient) {
  const lost = yield* sql.unsafe<{ readonly name: string }>(others)
  if (lost.length > 0) return yield* Effect.die(new Error(`not dumped: ${lost.map(({ name }) => name).join(", ")}`))
  const made: Array<string> = []
  const filled: Array<string> = []
  const finished: Array<string> = []
  for (const { name, oid } of yield* sql.unsafe<{ readonly name: string; readonly oid: string }>(tables)) {
    const parts = yield* sql.unsafe<Column>(columns, [oid])
    made.push(`CREATE TABLE public.${name} (\n${parts.map(declared).join(",\n")}\n)`)
    const stored = parts.filter(({ generated }) => generated === "").map((part) => part.name)
    const literals = stored.map((part) => `quote_nullable(${part}::text)`).join(" || ', ' || ")
    const rows = yield* sql.unsafe<{ readonly row: string }>(
      `SELECT ${literals} AS row FROM public.${name} ORDER BY ${stored.join(", ")}`
    )
    for (const { row } of rows) filled.push(`INSERT INTO public.${name} (${stored.join(", ")}) VALUES (${row})`)
    const keys = yield* sql.unsafe<{ readonly name: string; readonly definition: string }>(constraints, [oid])
    for (const key of keys) finished.push(`ALTER TABLE public.${name} ADD CONSTRAINT ${key.name} ${key.definition}`)
    const more = yield* sql.unsafe<{ readonly definition: string }>(indexes, [oid])
    for (const { definition } of more) finished.push(definition)
  }
  return [...made, ...filled, ...finished].map((statement) => `${statement};\n`).join("")
}, Effect.orDie)
