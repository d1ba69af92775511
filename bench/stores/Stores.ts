/**
 * The stores that are measured. Memory is the deployment without storage; workloads that need a journal use the one in
 * memory as the base.
 */
import type { Entry } from "../Family.ts"
import type { Store } from "./Store.ts"

export const stores: { readonly [name: string]: Entry<Store> } = {
  memory: { title: "memory", isOurs: true, load: async () => (await import("./Memory.ts")).memory },
  sqlite: {
    title: "SQLite, `NORMAL`",
    isOurs: true,
    load: async () => (await import("./SqliteStore.ts")).store("NORMAL")
  },
  "sqlite-full": {
    title: "SQLite, `FULL`",
    isOurs: true,
    load: async () => (await import("./SqliteStore.ts")).store("FULL")
  },
  postgres: {
    title: "Postgres",
    isOurs: true,
    needs: "postgres",
    load: async () => (await import("./PostgresStore.ts")).store
  }
}
