/**
 * Who acts: starts a run, answers a question, revokes a grant. The program that uses the runtime authenticates
 * principals; the server's `Authenticator` does it for HTTP requests.
 */
import * as Schema from "effect/Schema"

const PrincipalStruct = Schema.Struct({
  id: Schema.String,
  roles: Schema.optionalKey(Schema.Array(Schema.String))
}).annotate({ identifier: "Principal" })

/**
 * `id`: unique within the tenant, and the same in every request. `roles`: their roles, which approvers can require.
 * Absent: none.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Principal extends Schema.Schema.Type<typeof PrincipalStruct> {}
export const Principal: Schema.Codec<Principal> = PrincipalStruct
