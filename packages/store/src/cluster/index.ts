export { PostgresUnusable } from "../postgres/Postgres.ts"
export * as PostgresCluster from "./PostgresCluster.ts"
