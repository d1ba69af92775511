/**
 * Who acts: starts a run, answers a question, revokes a grant. Who they are is for the program around the runtime to establish; the
 * server's `Authenticator` does it for requests over HTTP.
 */
import * as Schema from "effect/Schema"

const PrincipalStruct = Schema.Struct({
  id: Schema.String,
  roles: Schema.optionalKey(Schema.Array(Schema.String))
}).annotate({ identifier: "Principal" })

/** `id`: unique within the tenant, and the same at every request. `roles`: what they may be asked as. Absent: none. */
export interface Principal extends Schema.Schema.Type<typeof PrincipalStruct> {}
export const Principal: Schema.Codec<Principal> = PrincipalStruct
