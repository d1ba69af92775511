/**
 * Random logs for property tests of code that reads Reins' events: `generate` creates valid ones, `mutate` damages one
 * as a bug might, `audit` checks one by the rules alone. Production code does not import it.
 */
export { generate, seeded } from "./OrderingGenerator.ts"
export type { GenerateOptions, Random } from "./OrderingGenerator.ts"
export { audit, mutate } from "./OrderingMutation.ts"
export type { Audit, Mutant, Slip } from "./OrderingMutation.ts"
