/**
 * Random logs for property tests of code that reads Reins' events: `generate` creates valid ones, `mutate` damages one
 * as a bug might, `audit` checks one by the rules alone. Production code does not import it.
 */
export { audit } from "./OrderingAudit.ts"
export type { Audit, Slip } from "./OrderingAudit.ts"
export { generate } from "./OrderingGenerator.ts"
export type { GenerateOptions } from "./OrderingGenerator.ts"
export { mutate } from "./OrderingMutation.ts"
export type { Mutant } from "./OrderingMutation.ts"
export { seeded } from "./OrderingSample.ts"
export type { Random } from "./OrderingSample.ts"
