export * as NodeSqlite from "./NodeSqlite.ts"
export * as Sqlite from "./Sqlite.ts"
export { SqliteUnusable } from "./SqliteUnusable.ts"
