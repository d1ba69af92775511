export * as Postgres from "./Postgres.ts"
export { PostgresUnusable } from "./Postgres.ts"
