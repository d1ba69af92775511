/**
 * Closes JSON that ends anywhere, so that clients which parse what they have been sent of a call that will not come do
 * not fail at it.
 */

/** What a place in the text needs next: a member's name, its colon, a value, or an end. */
type Wants = "name" | "colon" | "value" | "end"

/**
 * The shortest text that makes `text`, the beginning of a JSON value, a whole one.
 *
 * @since 0.1.0
 * @category operations
 */
export const closing = (text: string): string => {
  const open: Array<"{" | "["> = []
  let wants: Wants = "value"
  let isFirst = false
  let at = 0
  const isName = () => wants === "name"
  while (at < text.length) {
    const sign = text[at] ?? ""
    const token =
      /^(?:"(?:[^"\\]|\\(?:u[\da-f]{4}|[^u]))*"|-?\d[\d.eE+-]*|[a-z]+|\s+|[^])/iu.exec(text.slice(at))?.[0] ?? sign
    at += token.length
    if (token.trim() === "") continue
    const isWhole = at < text.length
    switch (sign) {
      case "{":
      case "[":
        open.push(sign)
        wants = sign === "{" ? "name" : "value"
        isFirst = true
        continue
      case "}":
      case "]":
        open.pop()
        wants = "end"
        break
      case ":":
        wants = "value"
        break
      case ",":
        wants = open.at(-1) === "{" ? "name" : "value"
        break
      case '"':
        if (token === '"') return rest(ofString(text.slice(at)), open, isName() ? "colon" : "end")
        wants = isName() ? "colon" : "end"
        break
      default:
        if (!isWhole) return rest(ofPrimitive(token), open, "end")
        wants = "end"
    }
    isFirst = false
  }
  return rest("", open, isFirst ? "end" : wants)
}

const needed: { readonly [W in Wants]: string } = { name: '"":null', colon: ":null", value: "null", end: "" }

const rest = (begun: string, open: ReadonlyArray<"{" | "[">, wants: Wants): string =>
  begun +
  needed[wants] +
  open
    .toReversed()
    .map((sign) => (sign === "{" ? "}" : "]"))
    .join("")

/** The end of a string of which this is written, within an escape perhaps. */
const ofString = (written: string): string => {
  const [escape] = /\\(?:u[\da-f]{0,3})?$/i.exec(written.replaceAll(/\\(?:u[\da-f]{4}|[^u])/gi, "--")) ?? []
  if (escape === undefined) return '"'
  return escape === "\\" ? '\\"' : `${"0".repeat(6 - escape.length)}"`
}

const ofPrimitive = (token: string): string => {
  const word = ["true", "false", "null"].find((one) => one.startsWith(token))
  if (word !== undefined) return word.slice(token.length)
  return /\d$/.test(token) ? "" : "0"
}
