/** The output of a command, of which the beginning and the end are kept. Pure but for its own state. */

/** What part of the room is for the beginning. */
const share = 0.75

export class Output {
  private readonly headRoom: number
  private readonly tailRoom: number
  private readonly head: Array<Uint8Array> = []
  private headLength = 0
  private tail: Uint8Array = new Uint8Array()
  /** How many bytes came. */
  total = 0

  /** `room`: how many bytes are kept. */
  constructor(room: number) {
    this.headRoom = Math.ceil(room * share)
    this.tailRoom = room - this.headRoom
  }

  add(bytes: Uint8Array): void {
    this.total += bytes.length
    const fits = Math.min(bytes.length, this.headRoom - this.headLength)
    if (fits > 0) {
      this.head.push(bytes.slice(0, fits))
      this.headLength += fits
    }
    if (fits === bytes.length) return
    const rest = bytes.subarray(Math.max(0, fits))
    const joined = new Uint8Array(this.tail.length + rest.length)
    joined.set(this.tail)
    joined.set(rest, this.tail.length)
    this.tail = joined.slice(Math.max(0, joined.length - this.tailRoom))
  }

  /** How many bytes are not in `text`. */
  get leftOut(): number {
    return this.total - this.headLength - this.tail.length
  }

  /** What is kept, with a line where something is missing. Bytes that are no UTF-8 are replaced. */
  text(): string {
    const decoder = new TextDecoder()
    const start = this.head.map((bytes) => decoder.decode(bytes, { stream: true })).join("")
    if (this.leftOut === 0) return start + decoder.decode(this.tail)
    return `${start}${decoder.decode()}\n… ${this.leftOut} bytes are left out …\n${new TextDecoder().decode(this.tail)}`
  }
}
