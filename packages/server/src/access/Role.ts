/**
 * What the roles `operator` and `auditor` of a principal mean to this server. A key without a name stands for its
 * tenant and sees everything of it; a named principal sees in lists its own runs and costs, unless it has a role.
 */
import { Refusal } from "@reins/wire"
import type { Principal } from "./Authenticator.ts"

/**
 * What a principal sees of its tenant. `all`: everything. `order`: every run, when it happened and what it cost, and no
 * content; it changes nothing. `own`: as `all`, but lists of runs and costs have its own only.
 */
export type Sight = "all" | "order" | "own"

/** Who has both roles is an operator. */
export const sightOf = ({ name, roles = [] }: Principal): Sight => {
  if (roles.includes("operator")) return "all"
  if (roles.includes("auditor")) return "order"
  return name === undefined ? "all" : "own"
}

/** The refusal of everything but order and money. */
export const forbidden = Refusal.make(
  "forbidden",
  "RoleForbidden",
  "The role auditor may read lists of runs, their order, costs, quotas and the audit record. Use a key with the role operator"
)

/** The refusal of what an operator does, which `what` says. */
export const operatorOnly = (what: string): Refusal.Refusal =>
  Refusal.make("forbidden", "RoleForbidden", `${what}. Use a key with the role operator`)

/** Restricts a list of runs or costs to what its principal sees. */
export const restrict = (
  principal: Principal,
  asked: string | undefined
): { readonly resourceId: string; readonly principal?: string | undefined } | undefined => {
  const { name, tenant } = principal
  if (sightOf(principal) !== "own") return { resourceId: tenant, principal: asked }
  return asked === undefined || asked === name ? { resourceId: tenant, principal: name } : undefined
}
