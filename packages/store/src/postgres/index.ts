export { NotImported } from "../sql/Archive.ts"
export type { Archive, ListedRun, ListOptions } from "../sql/Archive.ts"
export * as Postgres from "./Postgres.ts"
export { PostgresUnusable } from "./Postgres.ts"
