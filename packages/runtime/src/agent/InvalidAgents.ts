/** The defect of a program whose agents cannot be built. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * An agent that cannot be built; the message names it and the cure. A defect of the program, not of a query.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidAgents extends Schema.TaggedError<InvalidAgents>()("InvalidAgents", { issue: Schema.String }) {
  override get message() {
    return this.issue
  }
}

/** Stops building. */
export const refuse = (issue: string) => Effect.die(new InvalidAgents({ issue }))
